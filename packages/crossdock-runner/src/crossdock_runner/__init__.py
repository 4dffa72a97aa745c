"""The `crossdock` command: one deployment.yaml in, a running line out."""

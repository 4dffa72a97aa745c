"""What connector authors test with: sandboxes, strategies, the conformance kit."""

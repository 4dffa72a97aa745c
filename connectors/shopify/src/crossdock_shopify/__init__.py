"""Crossdock speaks shopify."""

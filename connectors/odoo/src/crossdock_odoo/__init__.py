"""Crossdock speaks odoo."""

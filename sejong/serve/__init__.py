"""Serving a run: the embedded engine, the gateway, grounded answers, keys."""

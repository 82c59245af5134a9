"""Leases of a pool."""

"""Connections to a server: made, lent, checked, replaced."""

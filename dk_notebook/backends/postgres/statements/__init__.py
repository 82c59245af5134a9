"""Statements on their way: described, with their parameters as literals."""

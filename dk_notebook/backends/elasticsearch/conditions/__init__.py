"""Conditions and orders as Query DSL."""

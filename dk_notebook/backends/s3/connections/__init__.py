"""The way to a store: its credentials, its carriers, what is tried again."""

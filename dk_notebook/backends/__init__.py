"""The stores, a folder each, and what they share."""

"""Tables out of the store, as Arrow."""

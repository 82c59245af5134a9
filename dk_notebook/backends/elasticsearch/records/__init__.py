"""Documents of the records API in an index."""

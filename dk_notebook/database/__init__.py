"""The records API, written once for all backends: `AsyncDatabase`, and `Database`, its blocking face."""

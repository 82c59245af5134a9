"""Documents of the records API: a JSON object each."""

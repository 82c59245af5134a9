"""Values of the records API: queries and conditions. No I/O, no pandas."""

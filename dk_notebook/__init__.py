"""DataFrames in and out of databases and object stores, from a notebook."""

"""ES|QL: its parameters, its types, its limits."""

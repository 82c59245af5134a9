"""The settings of a connection: what each place says."""

"""The settings of a connection: what each place says, and what a session begins with."""

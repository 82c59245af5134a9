"""Connection files, secrets, trust and precedence."""

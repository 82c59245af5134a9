"""The tests that every backend must pass, for those of third parties too."""

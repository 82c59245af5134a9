"""The magics, a file each."""

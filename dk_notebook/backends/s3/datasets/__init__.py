"""What a dataset is: where it lies, which files are its own, what they hold."""

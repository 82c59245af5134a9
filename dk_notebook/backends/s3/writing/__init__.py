"""From Arrow to files: what a dataset is made of, encoding, putting, and the manifest's switch."""

"""What Tab gives in the magics: where the cursor is, which names there are, and IPython's matcher."""

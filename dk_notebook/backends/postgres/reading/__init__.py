"""From a statement to Arrow: binary COPY, decoded."""

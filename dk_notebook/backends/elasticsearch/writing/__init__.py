"""From Arrow to an index: mappings, lines of JSON, the bulk loop."""

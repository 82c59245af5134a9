"""From Arrow to a table: all of it or nothing."""

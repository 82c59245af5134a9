"""From a tree of aggregations to a tidy table."""

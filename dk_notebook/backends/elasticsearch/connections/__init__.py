"""The nodes of a cluster, and what is asked of them."""

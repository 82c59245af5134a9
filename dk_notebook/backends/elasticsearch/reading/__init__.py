"""From a search to Arrow: all of its hits, page by page."""

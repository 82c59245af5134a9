"""Widgets: a browser of what stores hold, a monitor of what runs. `api` has what users call."""

"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

# Where a change is judged, the same examples are drawn each time; elsewhere others, to find what is new.
settings.register_profile("judged", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.load_profile("judged" if os.environ.get("CI") else "searching")

"""What a test waits for that is done in another thread."""

from __future__ import annotations

import time

from dk_notebook.runtime import operations


def wait_for_rows(count: int) -> None:
    """Until the calls under way have moved so many rows.

    Not by `dk.running()`: a sum in pandas changes for a moment which warnings are shown, in all threads.
    """
    while sum(operation.rows for operation in operations.running()) < count:
        time.sleep(0.01)

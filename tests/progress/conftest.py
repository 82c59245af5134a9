"""Bars that draw nothing and keep what they were told."""

from __future__ import annotations

import threading

import pytest

from dk_notebook import progress
from dk_notebook.runtime.operations import Operation


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[Operation]:
    """Each call that has a bar, as the bar sees its end; both who waits and the loop may show it that."""
    ends: list[Operation] = []
    lock = threading.Lock()

    def draw(call: Operation) -> None:
        with lock:
            if call.done and call not in ends:
                ends.append(call)

    monkeypatch.setattr(progress, "_is_seen", lambda: True)
    monkeypatch.setattr(progress, "Bar", lambda: draw)
    return ends

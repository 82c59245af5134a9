"""Bars that draw nothing and keep what they were told."""

from __future__ import annotations

import pytest

from dk_notebook import progress
from dk_notebook.runtime.operations import Operation


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[Operation]:
    """Each call that has a bar, as the bar sees its end."""
    ends: list[Operation] = []

    def draw(call: Operation) -> None:
        if call.done:
            ends.append(call)

    monkeypatch.setattr(progress, "_is_seen", lambda: True)
    monkeypatch.setattr(progress, "Bar", lambda: draw)
    return ends

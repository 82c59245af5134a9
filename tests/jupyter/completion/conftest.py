"""A shell in which Tab can be pressed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import dk_notebook as dk
from dk_notebook.jupyter.completion import catalogue, names
from tests.jupyter.completion.tabs import Tab
from tests.jupyter.conftest import Shell


@pytest.fixture
def tab(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tab]:
    """Tab that waits for stores, however busy the machine is: what is offered is tested, not when."""
    for place, name in ((catalogue, "PATIENCE"), (catalogue, "PATIENCE_WITH_OLD"), (names, "BUDGET")):
        monkeypatch.setattr(place, name, 60.0)
    catalogue.CATALOGUE.forget()
    yield Tab(shell.ipython)
    dk.close()

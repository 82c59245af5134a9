"""What is said of a write before its first row."""

from __future__ import annotations

import pytest

from dk_notebook.backends.base import TableWrite
from dk_notebook.backends.sql.targets import check_mode
from dk_notebook.errors import Conflict

pytestmark = pytest.mark.unit


def test_the_hint_beside_a_table_that_is_there_can_be_copied_into_the_call() -> None:
    with pytest.raises(Conflict) as caught:
        check_mode(TableWrite(table="t", mode="fail"), "table")
    assert str(caught.value.hint).startswith('mode="append", "replace"')

"""Whatever a cell holds and wherever the cursor stands: nothing raises, nothing is printed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from IPython.core.completer import CompletionContext

import dk_notebook as dk
from dk_notebook.jupyter.completion import esql
from dk_notebook.jupyter.completion.matcher import matcher
from dk_notebook.jupyter.completion.offers import offered
from tests.jupyter.completion.tabs import Tab
from tests.jupyter.conftest import Shell

pytestmark = pytest.mark.duckdb

PIECES = st.lists(
    st.sampled_from(
        ["%%dkquery", "%dkquery", "%dktables", "%dkbench", "%%dkexplain", "%dkclose", "%dkconnect", "%%time", "df = ",
         " -c ", " -c pg", " --connection=", "-", "--", " --as ", " -qn", " --params given", " <<", "x", "select ",
         "from ", "join ", "t", " o", ".", ",", "(", ")", '"', "'", ":", "\\\n", "\n", " ", ";", "|", "`", "?", "*",
         "with ", "as ", "/*", "//", "FROM ", "METADATA "]
    ),
    max_size=30,
).map("".join)  # fmt: skip


@pytest.fixture(autouse=True)
def connection() -> Iterator[None]:
    dk.close()
    dk.connect("duckdb://")
    yield
    dk.close()


@given(st.one_of(PIECES, st.text().map("%%dkquery\n{}".format), st.text().map("%dkquery {}".format)), st.integers(0))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_cell_raises(cell: str, place: int) -> None:
    cursor = place % (len(cell) + 1)
    offer = offered(cell, cursor, {"x": 1, "given": {"t": 1}})
    assert len(offer.fragment) <= cursor


@given(st.one_of(PIECES, st.text(), PIECES.map("FROM t | WHERE {}".format)), st.integers(0))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_esql_raises(text: str, place: int) -> None:
    cursor = place % (len(text) + 1)
    found = esql.place(text, cursor)
    assert found is None or text.endswith(found.fragment, 0, cursor)


@pytest.mark.parametrize(
    "cell", ["%%dkquery\nselect * from a\\\nb", '%dkquery select * from "a\\\nb', '%%dkquery\nselect "a\nb']
)
def test_what_is_replaced_stands_before_the_cursor(shell: Shell, cell: str) -> None:
    lines = cell.split("\n")
    context = CompletionContext(
        token="", full_text=cell, cursor_position=len(lines[-1]), cursor_line=len(lines) - 1, limit=500
    )
    assert cell.endswith(matcher(shell.ipython)(context)["matched_fragment"])


def test_an_error_of_ours_is_not_printed(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("dk_notebook.jupyter.completion.matcher.offered", broken)
    shell.ipython.Completer.use_jedi = False
    assert Tab(shell.ipython)("%dkquery -|") == []
    assert capsys.readouterr() == ("", "")


@pytest.mark.filterwarnings("ignore:.*Completer.complete:PendingDeprecationWarning")
def test_the_older_way_of_asking_has_the_same(shell: Shell) -> None:
    _, offers = shell.ipython.complete("", "%dkquery --lim", 14)
    assert offers == ["--limit"]

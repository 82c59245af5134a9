"""The magics, on S3: tables are datasets, SQL runs over them."""

from __future__ import annotations

import pytest

import dk_notebook as dk
from dk_notebook.errors import NotFound
from tests.jupyter.conftest import Shell
from tests.services.s3_address import S3Address

pytestmark = [pytest.mark.s3, pytest.mark.usefixtures("lake")]


def test_sql_over_a_dataset_is_a_frame(shell: Shell) -> None:
    shell.names["least"] = 4
    assert len(shell.run("%dkquery -c lake select * from flights where delay > :least")) == 2


def test_tables_and_columns_are_listed(shell: Shell) -> None:
    assert shell.run("%dktables -c lake")["table"].tolist() == ["flights"]
    columns = shell.run("%dktables -c lake flights").set_index("column")
    assert columns["key"]["carrier"] == "partition"


def test_a_table_may_be_a_url(shell: Shell, s3_bucket: str) -> None:
    assert len(shell.run(f"%dktables -c lake s3://{s3_bucket}/data/flights")) == 2


def test_an_unknown_table_is_an_error_with_the_nearest(shell: Shell) -> None:
    error = shell.fail("%dktables -c lake flihgts")
    assert (type(error), "did you mean 'flights'?" in str(error)) == (NotFound, True)


def test_a_plan_tells_what_is_pushed_down(shell: Shell) -> None:
    shell.names["wanted"] = "AA"
    plan = shell.run("%%dkexplain -c lake\nselect sum(delay) from flights where carrier = :wanted")
    assert ("files: 1 of 4" in repr(plan), shell.note()) == (True, "the plan; nothing was run · lake")


def test_analyze_tells_the_bytes(shell: Shell) -> None:
    assert "bytes read: " in repr(shell.run("%dkexplain --analyze -c lake select sum(delay) from flights"))


def test_a_query_of_an_unknown_table_shows_no_lines_of_ours(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    error = shell.fail("%dkquery -c lake select * from flihgts")
    shown = capsys.readouterr()
    assert isinstance(error, NotFound)
    assert ("dk_notebook" in shown.out + shown.err, len(shown.out.splitlines()) < 12) == (False, True)
    assert "LINE 1: select * from flihgts\n                      ^\nHint: did you mean 'flights'?" in shown.out


@pytest.mark.parametrize("flag", ["", "--analyze"])
def test_a_mistake_in_a_plan_shows_a_caret(shell: Shell, flag: str) -> None:
    error = shell.fail(f"%dkexplain {flag} -c lake select dleay from flights")
    assert "LINE 1: select dleay from flights\n               ^" in str(error)


def test_no_key_is_shown(shell: Shell, s3_store: S3Address) -> None:
    codes = ["%dktables -c lake", "%dkexplain --analyze -c lake from flights", "%dkstatus", "%dkconnect"]
    values = [shell.run(code) for code in codes]
    shell.run("%dkclose lake")
    shown = [part for value in values for part in (repr(value), value._repr_html_())] + shell.notes
    assert [part for part in shown if s3_store.secret in part] == []


def test_its_pool_is_shown_and_closed(shell: Shell) -> None:
    assert shell.run("%dkstatus -c lake").pools["connection"].tolist() == ["lake"]
    shell.run("%dkclose lake")
    assert (shell.notes, dk.status()["connection"].tolist()) == (["closed lake"], ["duckdb"])

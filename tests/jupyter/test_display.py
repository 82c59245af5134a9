"""The small print under a frame."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dk_notebook.jupyter.command import command_tag
from dk_notebook.jupyter.display import Note, first_rows

pytestmark = pytest.mark.unit

FORMS = [pd.DataFrame, pa.table, pl.DataFrame]


def test_a_note_is_text_whatever_it_holds() -> None:
    assert "<script>" not in Note(("<script>alert(1)</script>",))._repr_html_()


@pytest.mark.parametrize("make", FORMS)
def test_a_frame_is_cut_to_what_was_asked_for(make: type) -> None:
    frame, shown = first_rows(make({"n": [1, 2, 3]}), 2)
    assert (type(frame), len(frame), str(shown)) == (type(make({"n": [1]})), 2, "2 shown; more on the server")


@pytest.mark.parametrize("make", FORMS)
def test_a_frame_that_fits_is_the_same_object(make: type) -> None:
    whole = make({"n": [1, 2]})
    assert first_rows(whole, 2)[0] is whole


def test_a_frame_that_was_cut_tells_its_own_rows() -> None:
    whole = pd.DataFrame({"n": [1, 2, 3]})
    whole.attrs["dk"] = {"rows": 3, "connection": "pg"}
    assert first_rows(whole, 2)[0].attrs["dk"] == {"rows": 2, "connection": "pg"}


@pytest.mark.parametrize(
    ("statement", "tag"),
    [
        ("insert into t values (1)", "INSERT 5"),
        ("  -- update t\n DELETE from t", "DELETE 5"),
        ("with a as (update t set b = 1 returning 1) insert into u select 1", "INSERT 5"),
        ("merge into t using u on true when matched then delete", "MERGE 5"),
        ("create or replace temp view v as select ';'", "CREATE VIEW"),
        ("drop table t;", "DROP TABLE"),
        ("alter table t add column a int", "ALTER TABLE"),
        ("set threads = 4", "SET"),
        ("update t set a = $$;$$; /* ; */", "UPDATE 5"),
        ("create table a (n int); create table b (n int)", "2 statements, 5 rows"),
        (";", "done"),
    ],
)
def test_a_statement_is_told_as_psql_tells_it(statement: str, tag: str) -> None:
    assert command_tag(statement, 5) == tag

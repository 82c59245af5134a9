"""Names of tables: taken apart, put together, quoted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dk_notebook.backends.sql.names import join_table, quote, quote_table, split_table
from dk_notebook.errors import ConfigError

pytestmark = pytest.mark.unit

NAMES = st.text(st.characters(exclude_characters="\0") | st.sampled_from('".; '), min_size=1, max_size=8)


@given(st.lists(NAMES, min_size=1, max_size=3).map(tuple))
def test_a_name_put_together_is_taken_apart_into_the_same_parts(parts: tuple[str, ...]) -> None:
    assert split_table(join_table(parts)) == parts


@given(NAMES)
def test_a_quoted_name_is_one_identifier_that_holds_the_name(name: str) -> None:
    quoted = quote(name)
    assert (quoted[0], quoted[-1], quoted[1:-1].replace('""', '"')) == ('"', '"', name)
    assert '"' not in quoted[1:-1].replace('""', "")


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        ("t", ("t",)),
        ("s.T", ("s", "T")),
        ("db.s.t", ("db", "s", "t")),
        ('"a.b"."c""d"', ("a.b", 'c"d')),
        ("two words; drop", ("two words; drop",)),
    ],
)
def test_parts_keep_their_exact_case_and_characters(table: str, parts: tuple[str, ...]) -> None:
    assert split_table(table) == parts


@pytest.mark.parametrize("table", ["", ".", "a.", ".a", "a..b", '""', 'a.""', '"a', 'a"b"', '"a"b', "a\0b"])
def test_a_name_that_cannot_be_is_refused(table: str) -> None:
    with pytest.raises(ConfigError):
        split_table(table)


@pytest.mark.parametrize("name", ["", "a\0"])
def test_what_no_store_takes_is_not_quoted(name: str) -> None:
    with pytest.raises(ConfigError):
        quote(name)


def test_a_table_is_quoted_part_by_part() -> None:
    assert quote_table('shop."a.b"') == '"shop"."a.b"'

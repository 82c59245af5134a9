"""What stands on a magic's line."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from dk_notebook.jupyter.magics.flags import Flags, assignment

pytestmark = pytest.mark.unit


@pytest.fixture
def flags() -> Flags:
    flags = Flags("magic", "\n    Examples::\n\n        %magic select 1\n    ")
    flags.add_argument("-n", "--limit", type=int)
    flags.add_argument("-c", "--connection")
    flags.add_argument("-q", "--quiet", action="store_true", help="say less")
    return flags


@pytest.mark.parametrize(
    ("line", "statement"),
    [
        ("select 1", "select 1"),
        ("-n 5 select  'a  b'", "select  'a  b'"),
        ("-n 5 -- -- a comment", "-- a comment"),
        ("-q -- -1", "-1"),
        ("select 1 -n 5", "select 1 -n 5"),
        ("select '-c pg' -q", "select '-c pg' -q"),
        ("-c pg select 'it''s' -- done", "select 'it''s' -- done"),
        ("- 1", "- 1"),
        ("-q", ""),
        ("", ""),
    ],
)
def test_the_statement_begins_at_the_first_word_that_is_no_flag(flags: Flags, line: str, statement: str) -> None:
    assert flags.split(line)[1] == statement


@pytest.mark.parametrize("line", ["-n 5 x", "-n5 x", "--limit 5 x", "--limit=5 x", "-qn 5 x", "-qn5 x", "-n '5' x"])
def test_a_value_may_be_written_in_every_usual_way(flags: Flags, line: str) -> None:
    values, statement = flags.split(line)
    assert (values.limit, statement) == (5, "x")


@pytest.mark.parametrize(
    ("line", "connection"),
    [
        ("-c 'my shop' x", "my shop"),
        ('-c "my shop" x', "my shop"),
        ("-c ann's x", "ann's"),
        ("-c -odd x", "-odd"),
    ],
)
def test_quotes_hold_blanks_together(flags: Flags, line: str, connection: str) -> None:
    values, statement = flags.split(line)
    assert (values.connection, statement) == (connection, "x")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--limti 5 x", "did you mean '--limit'"),
        ("-x y", "no such flag: -x"),
        ("-qx y", "no such flag: -x"),
        ("--limit= x", "invalid int value"),
        ("-n five x", "invalid int value: 'five'"),
        ("-n", "expected one argument"),
        ("--lim 5 x", "no such flag: --lim"),
    ],
)
def test_a_flag_that_is_wrong_is_named(flags: Flags, line: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        flags.split(line)


def test_flags_and_arguments_may_be_mixed_where_no_statement_follows(flags: Flags) -> None:
    flags.add_argument("target", nargs="?")
    values = flags.words("duckdb:///a.duckdb -n 5   # a comment -q")
    assert (values.target, values.limit, values.quiet) == ("duckdb:///a.duckdb", 5, False)


@pytest.mark.parametrize(
    ("line", "target", "connection"),
    [
        ("-- -odd", "-odd", None),
        ("-- x -c", "x", None),
        ("-c pg -- -odd", "-odd", "pg"),
        ("-c -odd x", "x", "-odd"),
        ("x --connection='my pg'", "x", "my pg"),
        ("'a b' -c pg", "a b", "pg"),
        ("x --", "x", None),
    ],
)
def test_arguments_and_values_may_begin_with_a_dash_or_hold_blanks(
    flags: Flags, line: str, target: str, connection: str | None
) -> None:
    flags.add_argument("targets", nargs="*")
    values = flags.words(line)
    assert (values.targets[0], values.connection) == (target, connection)


@pytest.mark.parametrize(
    ("line", "table"),
    [
        ('"a.b"', '"a.b"'),
        ('shop."a b"', 'shop."a b"'),
        ("'a b'", "a b"),
        ("'s3://bucket/a \"b\"'", 's3://bucket/a "b"'),
        ("ann's", "ann's"),
    ],
)
def test_double_quotes_belong_to_a_name_of_the_store(flags: Flags, line: str, table: str) -> None:
    flags.add_argument("table", nargs="?")
    values = flags.words(f'{line} -c "my pg"', names=True)
    assert (values.table, values.connection) == (table, "my pg")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x --limti 5", "did you mean '--limit'"),
        ("x -z", "no such flag: -z"),
        ("x y", "unrecognized arguments: y"),
        ("x -c   # the default", "expected one argument"),
    ],
)
def test_a_line_of_words_that_is_wrong_is_explained(flags: Flags, line: str, said: str) -> None:
    flags.add_argument("target", nargs="?")
    with pytest.raises(UsageError, match=said):
        flags.words(line)


def test_the_documentation_has_examples_first_and_then_every_flag(flags: Flags) -> None:
    text = flags.documentation
    assert text.index("%magic select 1") < text.index("-n, --limit LIMIT") < text.index("say less")


@pytest.mark.parametrize(
    ("line", "name", "rest"),
    [
        ("recent << select 1", "recent", " select 1"),
        ("  recent  <<  -c pg select 1", "recent", "  -c pg select 1"),
        ("recent <<", "recent", ""),
        ("select 1 << 2", None, "select 1 << 2"),
        ("recent<<1", None, "recent<<1"),
        ("-c pg recent << select 1", None, "-c pg recent << select 1"),
    ],
)
def test_an_arrow_counts_only_as_the_second_word(line: str, name: str | None, rest: str) -> None:
    found, remaining = assignment(line)
    assert (found, remaining.strip()) == (name, rest.strip())

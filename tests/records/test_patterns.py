"""Regular expressions: Python's where all stores agree, an error elsewhere."""

from __future__ import annotations

import pytest

from dk_notebook.backends.sql.dialects import ARE, RE2
from dk_notebook.errors import ConfigError
from dk_notebook.records.patterns import compiled, write

pytestmark = pytest.mark.unit

SPACES = (
    r"[\u0009-\u000d\u001c-\u0020\u0085-\u0085\u00a0-\u00a0\u1680-\u1680\u2000-\u200a"
    r"\u2028-\u2029\u202f-\u202f\u205f-\u205f\u3000-\u3000]"
)


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("abc", "abc"),
        ("^a$", r"\Aa(?:\n?\z)"),
        (r"\Aa\Z", r"\Aa\z"),
        ("a.b", r"a[^\n]b"),
        (r"a\.b", r"a\x{2e}b"),
        (r"\d+", r"[\p{Nd}]+"),
        (r"[\w-]", r"[\p{L}\p{N}_\x{2d}]"),
        (r"\S", r"[^\t-\r\x{1c}-\x{1f}\x{85}\p{Z}]"),
        (r"[^\D]", r"[\p{Nd}]"),
        ("[]a]", r"[\x{5d}a]"),
        ("[a-z^-]", r"[a-z\x{5e}\x{2d}]"),
        ("(a|b)*?", "(?:a|b)*?"),
        ("(?P<name>a)", "(?:a)"),
        ("a{2,3}", "a{2,3}"),
        ("(?i)ab", "(?i)ab"),
        (r"\n\t\x41\u00e9", r"\x{a}\x{9}Aé"),
        ("(a$|b)", r"(?:a(?:\n?\z)|b)"),
    ],
)
def test_what_all_agree_on_is_written_for_the_engine(pattern: str, written: str) -> None:
    assert write(pattern, RE2) == written


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("^a$", r"\Aa(?:\n?\Z)"),
        (r"a\.b", r"a\u002eb"),
        ("\U0001f600", r"\U0001f600"),
        (r"\s", SPACES),
        ("(?i)a1", "[aA]1"),
        ("(?i)[^b-d]", "[^b-dBCD]"),
        ("(?i)k", r"[kK\u212a]"),
        (r"(?i)\S", write(r"\S", ARE)),
    ],
)
def test_an_engine_that_knows_no_letters_is_told_all_of_them(pattern: str, written: str) -> None:
    assert write(pattern, ARE) == written


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a)\1",
        "(?=a)",
        "(?!a)",
        "(?<=a)b",
        "(?P=name)",
        "(?x)a",
        "(?i:a)b",
        "(?#comment)",
        r"a\b",
        r"\B",
        "a++",
        "(?>a)",
        "a{,3}",
        "a{1000}",
        "a{",
        "a$b",
        "a^b",
        "(a$)b",
        "$*",
        "[[:alpha:]]",
        r"[\D_]",
        "(",
        "[",
        "*a",
        r"\8",
    ],
)
def test_what_stores_would_read_differently_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match="regex"):
        compiled(pattern)

"""Ids as keys, and keys as ids."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dk_notebook.backends.s3.records.keys import Keys, checked, is_doubtful, settled_at
from dk_notebook.errors import QueryError

pytestmark = pytest.mark.unit

IDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
NEAR = st.text("a-./z", min_size=1, max_size=5)
"""Ids in which what sorts before and after a dot meets."""


@given(IDS, st.sampled_from(["", "data/", "a b/ü.json/"]))
def test_an_id_comes_back_from_its_key(name: str, prefix: str) -> None:
    assert Keys(prefix).id(Keys(prefix).key(name)) == name


@pytest.mark.parametrize("name", ["a/b", "x.json", "x.json/y.json", "Grüße 🎈", " ", "a%20b", "..", "_dk_manifest/x"])
def test_a_key_is_the_id_between_prefix_and_suffix(name: str) -> None:
    assert Keys("data/").key(name) == f"data/{name}.json"


@pytest.mark.parametrize(
    "key",
    [
        "database/a.json",
        "data.json",
        "data/part-0.parquet",
        "data/a.jsonl",
        "data/a.JSON",
        "data/",
        "data/.json",
        "data/_dk_manifest.json",
        "data/flights/_dk_manifest.json",
        "other/data/a.json",
    ],
)
def test_what_is_no_document_by_its_name_has_no_id(key: str) -> None:
    assert Keys("data/").id(key) is None


@pytest.mark.parametrize("name", ["_dk_manifest", "a/_dk_manifest", "../a", "./a", "a/../b", "a/./b"])
def test_what_would_be_taken_for_something_else_is_not_stored(name: str) -> None:
    with pytest.raises(QueryError, match=re.escape(repr(name))):
        checked(name)


@pytest.mark.parametrize("name", ["..", ".", "a/..", ".a/b", "a./b", "...", "/a", "a//b", "_dk_manifest2"])
def test_others_are_stored(name: str) -> None:
    checked(name)


@pytest.mark.parametrize(
    ("name", "doubtful"),
    [("/a", True), ("a//b", True), ("a//", True), ("../a", True), ("a/./b", True)]
    + [(name, False) for name in ("a/b", "a/", "..", "a/..", ".a/b", "a./b", "x.json/y")],
)
def test_an_id_is_doubtful_where_folders_would_lead_elsewhere(name: str, doubtful: bool) -> None:
    assert is_doubtful(name) is doubtful


@given(st.sets(NEAR, max_size=8))
def test_a_listing_by_key_that_has_come_so_far_shows_no_smaller_id_any_more(ids: set[str]) -> None:
    listed = sorted(f"{each}.json" for each in ids)
    for each in ids:
        later = [key.removesuffix(".json") for key in listed if key > settled_at(each)]
        assert all(other > each for other in later)


@given(NEAR)
def test_the_document_itself_is_shown_by_then(name: str) -> None:
    assert f"{name}.json" <= settled_at(name)

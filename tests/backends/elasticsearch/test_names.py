"""Names of indices: what can be written to, what can be read, and how it stands in a path."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.names import FORBIDDEN, LONGEST, checked, path, readable
from dk_notebook.errors import ConfigError

HOSTILE = [
    "",
    ".",
    "..",
    "_all",
    "a/b",
    "a/../b",
    "../_cluster/settings",
    "a?pretty",
    "a#b",
    "a\\b",
    "a b",
    'a"b',
    "a|b",
    "a\nb",
    "a\x00b",
    "a\x7fb",
    "_search",
]


@pytest.mark.unit
@pytest.mark.parametrize(
    "name", [*HOSTILE, "A", "-a", "_a", "+a", ".a", "a*", "a,b", "a:b", "<a>", "a" * (LONGEST + 1), "\ud800"]
)
def test_what_no_index_is_called_is_refused_for_writes(name: str) -> None:
    with pytest.raises(ConfigError):
        checked(name)


@pytest.mark.unit
@pytest.mark.parametrize("name", HOSTILE)
def test_what_would_be_another_request_is_refused_for_reads(name: str) -> None:
    with pytest.raises(ConfigError):
        readable(name)


@pytest.mark.unit
@pytest.mark.parametrize("name", [None, 1, b"a", ["a"]])
def test_a_name_is_text(name: object) -> None:
    for check in (checked, readable):
        with pytest.raises(ConfigError, match="text"):
            check(name)  # type: ignore[arg-type]  # that is what is tested


@pytest.mark.unit
@pytest.mark.parametrize("names", ["a", "a*", "*", "a*,-ab", "a,b", "<logs-{now/d}>", "other:logs", ".kibana", "__a"])
def test_patterns_lists_date_math_and_other_clusters_are_read(names: str) -> None:
    assert readable(names) == names


@pytest.mark.unit
def test_date_math_is_one_part_of_a_path() -> None:
    assert path("<logs-{now/d}>", "_search") == "/%3Clogs-%7Bnow%2Fd%7D%3E/_search"


@pytest.mark.unit
@pytest.mark.parametrize("step", [".", ".."])
def test_a_step_in_the_path_is_no_name(step: str) -> None:
    with pytest.raises(ConfigError):
        path("records", "_doc", step)


GOOD = [
    "flights",
    "flights-2024",
    "grüße",
    "a.b",
    "a+b",
    "a=b",
    "a%20b",
    "a;b",
    "a~b",
    "a@b",
    "a$b",
    "😀",
    "a" * LONGEST,
]


@pytest.mark.elasticsearch
@pytest.mark.parametrize("name", GOOD)
async def test_the_server_has_the_same_rules(client: Client, elasticsearch_index: str, name: str) -> None:
    """An index of each good name can be made, and is found again by its name alone."""
    whole = f"{elasticsearch_index}-{name}"[: LONGEST - 4 * name.count("😀")]
    assert checked(whole) == whole
    await client.raw("PUT", path(whole))
    assert list(await client.json("GET", path(whole, "_mapping"))) == [whole]
    await client.raw("DELETE", path(whole))


@pytest.mark.elasticsearch
@pytest.mark.parametrize("character", sorted(FORBIDDEN - set("*,")))
async def test_the_server_refuses_what_is_refused_here(
    client: Client, elasticsearch_index: str, character: str
) -> None:
    answer = await client.raw("PUT", f"/{elasticsearch_index}{quote(character, safe='')}x", allowed=(400, 404, 405))
    assert answer.status >= 400

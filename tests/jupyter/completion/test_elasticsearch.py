"""Tab on Elasticsearch."""

from __future__ import annotations

import pytest

from tests.jupyter.completion.tabs import Tab
from tests.jupyter.conftest import Shell
from tests.services.elasticsearch_address import ElasticsearchAddress

pytestmark = pytest.mark.elasticsearch


@pytest.mark.parametrize("text", ["FROM {}^", "FROM other,{}^", 'FROM "{}^', 'FROM "{}^"', "FROM {}^ | LIMIT 1"])
def test_indices_follow_from(tab: Tab, es: str, text: str) -> None:
    assert [each.strip('"') for each in tab("%%dkquery -c es\n" + text.format(es[:-2]), "^")] == [es]


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("FROM {es} | WHERE car^", ["carrier"]),
        ("FROM {es}\n| WHERE delay > 3\n| KEEP carrier, del^", ["delay"]),
        ("FROM {es} | EVAL carried = 1 | SORT carr^", ["carrier", "carried"]),
        ("FROM {es} | STATS n = MAX(del^)", ["delay"]),
        ("FROM {es} | WHERE `car^", ["`carrier`"]),
        ("FROM {es} | WHERE car^ | LIMIT 3", ["carrier"]),
        ('FROM {es} | WHERE carrier == "car^', []),
        ("FROM {es} | WH^", []),
        ("FROM {es} // car^", []),
        ("FROM {es} | WHERE carrier == ?wan^", ["wanted"]),
    ],
)
def test_fields_and_parameters_follow_the_commands(
    tab: Tab, shell: Shell, es: str, text: str, offered: list[str]
) -> None:
    shell.names["wanted"] = "AA"
    assert tab("%%dkquery -c es\n" + text.format(es=es), "^") == offered


@pytest.mark.parametrize("text", ["FROM {es} | WHERE note^", "FROM {es} | SORT `note^", "FROM {es} | KEEP note.k^"])
def test_multi_fields_are_fields(tab: Tab, es: str, elasticsearch_node: ElasticsearchAddress, text: str) -> None:
    note = {"type": "text", "fields": {"keyword": {"type": "keyword"}}}
    elasticsearch_node.request("PUT", f"/{es}/_mapping", {"properties": {"note": note}})
    assert "note.keyword" in [each.strip("`") for each in tab("%%dkquery -c es\n" + text.format(es=es), "^")]


def test_a_line_is_completed_too(tab: Tab, es: str) -> None:
    assert tab(f"%dkexplain -c es FROM {es} | WHERE car^", "^") == ["carrier"]


def test_a_pattern_has_the_fields_of_all(tab: Tab, es: str) -> None:
    assert "carrier" in tab(f"%dkquery -c es FROM {es[:-1]}* | KEEP c^", "^")


def test_tables_are_indices(tab: Tab, es: str) -> None:
    assert tab(f"%dktables -c es {es[:-2]}^", "^") == [es]

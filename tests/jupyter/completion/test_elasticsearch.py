"""Tab on Elasticsearch."""

from __future__ import annotations

import pytest

from tests.jupyter.completion.tabs import Tab
from tests.jupyter.conftest import Shell

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


def test_a_line_is_completed_too(tab: Tab, es: str) -> None:
    assert tab(f"%dkexplain -c es FROM {es} | WHERE car^", "^") == ["carrier"]


def test_a_pattern_has_the_fields_of_all(tab: Tab, es: str) -> None:
    assert "carrier" in tab(f"%dkquery -c es FROM {es[:-1]}* | KEEP c^", "^")


def test_tables_are_indices(tab: Tab, es: str) -> None:
    assert tab(f"%dktables -c es {es[:-2]}^", "^") == [es]

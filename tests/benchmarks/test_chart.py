"""The picture of the figures."""

from __future__ import annotations

from pathlib import Path

import pytest
from chart import INK, Bar, bars, draw
from timing import Pair

pytestmark = pytest.mark.unit

PAIRS = [
    Pair("read (ms)", "slow", 1, [1.0], [9.0]),
    Pair("read (ms)", "quick", 1, [3.0], [2.0]),
    Pair("write (ms)", "slow", None, [5.0], [6.0]),
]
PAGES = ["#ffffff", "#0d1117"]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_ours_comes_first_from_all_its_runs_then_the_peers_by_their_time():
    assert bars(PAIRS, "read (ms)") == [Bar("dk_notebook", 2.0), Bar("quick", 2.0), Bar("slow", 9.0)]


def test_the_same_figures_are_the_same_picture(tmp_path: Path):
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    for path in (first, second):
        draw(PAIRS, ["read (ms)", "write (ms)"], path)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("page", PAGES)
def test_its_words_are_readable_on_a_white_and_on_a_dark_page(page: str):
    darker, lighter = sorted([luminance(INK), luminance(page)])
    assert (lighter + 0.05) / (darker + 0.05) > 4

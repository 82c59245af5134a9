"""The built documentation: whole, and without anything from elsewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Browser, expect

from dk_notebook.backends import registry
from dk_notebook.backends.base import Mode
from docs.printed import error_texts, flag_tables, setting_tables

ROOT = Path(__file__).parents[2]
LARGEST = 120_000
"""Bytes of a picture."""
LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make docs` does it: strictly, so that a link or an anchor that leads nowhere is an error.

    Not quietly: then MkDocs counts no warnings.
    """
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class _Page(HTMLParser):
    """What a page loads, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value for name, value in attrs if name == LOADING.get(tag) and value]


def is_elsewhere(address: str) -> bool:
    return re.match(r"(https?:)?//", address) is not None


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    loaded = {each for path in site.rglob("*.html") for each in _Page(path.read_text(encoding="utf-8")).loads}
    assert len(loaded) > 5
    assert [each for each in loaded if is_elsewhere(each)] == []
    styles = {each for path in site.rglob("*.css") for each in re.findall(r"url\(([^)]*)\)", path.read_text("utf-8"))}
    assert [each for each in styles if is_elsewhere(each)] == []


def test_the_search_knows_every_page_of_the_guide(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {entry["location"].partition("#")[0] for entry in index["docs"]}
    pages = {str(path.relative_to(ROOT / "docs").with_suffix(".html")) for path in (ROOT / "docs").rglob("*.md")}
    assert pages <= found
    assert (site / "search" / "search_index.js").read_text(encoding="utf-8").startswith("var __index")


@pytest.mark.browser
def test_a_page_on_the_disk_is_searched_and_asks_for_nothing_elsewhere(site: Path, browser: Browser) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{(site / 'index.html').as_uri()}?q=decimals")
    expect(page.locator(".md-search-result__list")).to_contain_text("decimals")
    page.close()
    assert [address for address in asked if not address.startswith("file:")] == []


def test_no_page_shows_a_mark_that_nothing_was_printed_for(site: Path) -> None:
    assert [path.name for path in site.rglob("*.html") if "<!-- print" in path.read_text(encoding="utf-8")] == []


# --- whole ------------------------------------------------------------------------------------------------------------


def source(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.unit
def test_every_error_has_its_section() -> None:
    assert re.findall(r"^## (\w+)$", source("errors.md"), re.MULTILINE) == error_texts.every()


@pytest.mark.unit
def test_every_magic_has_its_section() -> None:
    from dk_notebook.jupyter import magics

    modules = {path.stem for path in Path(magics.__path__[0]).glob("*.py") if "FLAGS = " in path.read_text("utf-8")}
    assert modules == {name.removeprefix("dk") for name in flag_tables.MAGICS}
    assert [name for name in flag_tables.MAGICS if f"<!-- print: magic: {name} -->" not in source("magics.md")] == []


@pytest.mark.unit
def test_every_flag_has_a_text() -> None:
    flags = [(name, flag) for name, magic in flag_tables.MAGICS.items() for flag in magic._actions]
    assert [(name, flag.dest) for name, flag in flags if not flag.help] == []


@pytest.mark.unit
def test_every_mode_of_writing_is_told() -> None:
    assert set(re.findall(r'^\| `"(\w+)"` \|', source("writing.md"), re.MULTILINE)) >= set(get_args(Mode))


@pytest.mark.unit
@pytest.mark.parametrize("backend", registry.KNOWN)
def test_every_setting_has_a_text(backend: str) -> None:
    kind = registry.load(backend)
    for each in (kind.config_class, kind.place_class):
        assert [name for name, text in setting_tables.texts(each) if not text] == []
    assert f"<!-- print: settings: {backend} -->" in source(f"{backend}.md")


@pytest.mark.unit
def test_pictures_are_few_small_and_shown() -> None:
    pictures = {path.name: path.stat().st_size for path in (ROOT / "docs" / "pictures").iterdir()}
    shown = set(re.findall(r"\]\(docs/pictures/([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert (set(pictures), len(pictures) <= 4) == (shown, True)
    assert [name for name, size in pictures.items() if size >= LARGEST] == []


# --- links of the repository's own pages ------------------------------------------------------------------------------


@pytest.mark.unit
@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_a_link_within_the_repository_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [each for each in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text) for each in each if each]
    inside = [each.partition("#")[0] for each in links if "://" not in each and not each.startswith("#")]
    assert [each for each in inside if not (ROOT / each).exists()] == []


@pytest.mark.unit
def test_a_file_that_a_page_names_is_there() -> None:
    named = re.compile(r"`((?:notebooks|tests|benchmarks|dk_notebook|docs)/[\w./-]+|[A-Z]+\.md)`")
    found = {each for path in (ROOT / "docs").rglob("*.md") for each in named.findall(path.read_text("utf-8"))}
    assert found
    assert [each for each in found if not (ROOT / each).exists()] == []

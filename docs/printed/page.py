"""Where a page says ``<!-- print: NAME ARGUMENT -->``, what the package says itself stands in its place.

MkDocs calls `on_page_markdown`; the tests of the examples call `printed`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from docs.printed import conditions, error_texts, flag_tables, setting_tables, type_tables

PARTS: Mapping[str, Callable[..., str]] = {
    "types read": type_tables.read,
    "types of arrow": type_tables.of_arrow,
    "types written": type_tables.written,
    "settings": setting_tables.table_for,
    "settings of records": setting_tables.of_records,
    "pool spellings": setting_tables.pool_spellings,
    "variables": setting_tables.variables,
    "error tree": error_texts.tree,
    "error": error_texts.section,
    "magics": flag_tables.index,
    "magic": flag_tables.section,
    "operators": conditions.operators,
}
"""What can be asked for -> who writes it, as Markdown."""

_MARK = re.compile(r"^<!-- print: (?P<part>[a-z ]+?)(?:: (?P<argument>\w+))? -->$", re.MULTILINE)


def printed(markdown: str) -> str:
    """The page with what it asks for. KeyError: nothing is called so."""
    return _MARK.sub(lambda found: PARTS[found["part"]](*filter(None, [found["argument"]])), markdown)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs asks for the text of each page."""
    return printed(markdown)

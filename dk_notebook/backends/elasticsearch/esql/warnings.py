"""What the server of ES|QL warns of, for the one who wrote the query."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dk_notebook.backends.elasticsearch.connections.client import Answer
from dk_notebook.backends.elasticsearch.errors import CHANGED
from dk_notebook.backends.elasticsearch.esql.parameters import Request

_ADDED: Final = re.compile(r"No limit defined, adding default limit of \[(\d+)\]")
_PLACE: Final = re.compile(r"^[Ll]ine (\d+):(\d+): ")
_CLASS: Final = re.compile(r"^(?:[a-z]\w*\.)+[A-Z]\w*(?:Exception|Error): ")
_VALUE: Final = re.compile(
    r"(?<=Cannot parse number )\[.*\]|(?<=\bdate)\[.*\]|(?<=\bvalue )\[.*\]|(?<=input string: )\".*\"", re.S
)
"""What a warning repeats of documents."""
_MOST: Final = 20


@dataclass(frozen=True)
class Said:
    """What an answer's warnings say."""

    texts: tuple[str, ...]
    """Each once, with its place in the text that the caller wrote, and without values of documents."""
    added_limit: int | None
    """The LIMIT of a query that has none. Whether it cut anything, the number of rows tells."""


def of(answer: Answer, request: Request) -> Said:
    """The warnings of an answer."""
    added = None
    texts: dict[str, None] = {}
    for text in answer.warnings:
        if found := _ADDED.search(text):
            added = int(found[1])
        else:
            texts[_text(text, request)] = None
    return Said(tuple(texts)[:_MOST], added)


def _text(text: str, request: Request) -> str:
    where = ""
    if place := _PLACE.match(text):
        before = request.source[: request.user_offset(int(place[1]), int(place[2]))]
        where = f"line {before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: "
        text = text[place.end() :]
    return where + _VALUE.sub(CHANGED, _CLASS.sub("", text))

"""The fields of indices as users see them who may read documents and not mappings.

The server then tells names and types, and no more: not how dates are written, nor what is copied or left out. So it is
asked to read all values out of the documents, and conditions rely on nothing that the mapping may say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dk_notebook.backends.elasticsearch.fields import Field
from dk_notebook.backends.elasticsearch.types import arrow_field, type_of

PARAMS: Final = {"fields": "*", "filters": "-metadata,-multifield"}
"""Of the request ``_field_caps``."""
UNKNOWN: Final[Mapping[str, Any]] = {"format": None, "index": False, "doc_values": False}
"""What a mapping may say, and nobody knows."""

_OBJECTS: Final = frozenset({"object", "passthrough", "unmapped"})


def by_index(answer: Mapping[str, Any]) -> dict[str, dict[str, Field]]:
    """Name -> index -> field, of the answer of ``_field_caps``.

    >>> found = by_index({"indices": ["a", "b"], "fields": {"n": {"long": {"type": "long", "indices": ["a"]}}}})
    >>> list(found["n"]), found["n"]["a"].type
    (['a'], 'long')
    """
    said = answer.get("fields") or {}
    # What lies inside of them is theirs.
    nested = tuple(f"{name}." for name, words in said.items() if "nested" in words)
    found: dict[str, dict[str, Field]] = {}
    for name in sorted(said):
        if name.startswith(nested):
            continue
        for word, capability in said[name].items():
            if word not in _OBJECTS:
                indices = capability.get("indices") or answer["indices"]
                field = _field(name, word)
                found.setdefault(name, {}).update(
                    dict.fromkeys([indices] if isinstance(indices, str) else indices, field)
                )
    return found


def _field(name: str, word: str) -> Field:
    via = "source" if type_of(word).form in ("document", "point") else "fields"
    return Field(name=name, type=word, arrow=arrow_field(name, word), via=via, says=UNKNOWN)  # type: ignore[arg-type]

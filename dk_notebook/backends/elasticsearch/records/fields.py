"""What an index knows about a field of its documents.

The mapping tells which values a field can have, and what of them the index has kept: a text that is too long is left
out, a long has cut the fraction off, "30" has become a number. So that conditions are right on every index, each field
is read with what it may have lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from dk_notebook.backends.elasticsearch.records.mapping import DATA
from dk_notebook.records.filters import Field

Kind = Literal["absent", "object", "numbers", "text", "boolean", "date", "unknown"]

_WHOLE: Final[Mapping[str, int]] = {"long": 2**63, "integer": 2**31, "short": 2**15, "byte": 2**7}
_FRACTIONS: Final[Mapping[str, float]] = {
    "double": 1.7976931348623157e308,
    "float": 3.4028234663852886e38,
    "half_float": 65504.0,
}
NUMBERS: Final[Mapping[str, float]] = {**_WHOLE, **_FRACTIONS}
"""Types of numbers -> the largest one."""

_SCALARS: Final = frozenset({*NUMBERS, "keyword", "text", "boolean", "date", "date_nanos"})
"""Types that hold neither objects nor what looks like them: below such a field there is nothing."""
_PLAIN: Final = frozenset({"type", "fields", "coerce", "ignore_malformed", "ignore_above"})
"""What a mapping may say about a field whose index holds the values of its own documents alone, and all alike."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a field is asked for."""

    kind: Kind
    """What values there can be. "absent": none but null and lists of nothing; "object": no scalars; "unknown": any."""
    name: str = ""
    """The field of the index that is asked."""
    type: str = ""
    """Its type."""
    exact: bool = False
    """Whether the index holds each value as it is, and no value of another kind: but texts may be spelled numbers."""
    longest: int = 0
    """Of a text: UTF-16 units up to which the index has it; 0: not known."""
    lost: tuple[str, ...] = ()
    """Names under which the server notes that the index has left out a value, but for its length."""
    cut: tuple[str, ...] = ()
    """Names under which it notes that a text was too long."""
    is_below: bool = False
    """Whether objects are on the way; the index does not tell nested data from names with dots."""


def reading(mappings: Sequence[Mapping[str, Any]], field: Field) -> Reading:
    """How a field of ``data`` is asked for, in all of the indices; "unknown" where they do not agree.

    Nothing is exact where the server copies values from one field to others.

    >>> properties = {"age": {"type": "double", "coerce": False}, "home": {"properties": {"city": {"type": "ip"}}}}
    >>> mapping = {"properties": {"data": {"properties": properties}}}
    >>> [reading([mapping], Field(name)).kind for name in ("age", "age.x", "home", "home.city", "home.zip")]
    ['numbers', 'absent', 'object', 'unknown', 'absent']
    """
    names = segments(field)
    found = {_reading(mapping, names) for mapping in mappings}
    read = found.pop() if len(found) == 1 else Reading(kind="unknown")
    return replace(read, is_below=len(names) > 1, exact=read.exact and not any(map(_copies, mappings)))


def segments(field: Field) -> list[str]:
    """The names on the way as the index has them, for which every dot is a step.

    >>> segments(Field("a.b", literal=True))
    ['a', 'b']
    """
    return ".".join(field.path).split(".")


def stored_values(node: Any, names: Sequence[str]) -> Iterator[Any]:
    """The values that the index has under a name, of a document: it does not tell ``{"a.b": 1}`` from nested data.

    >>> list(stored_values({"a.b": 1, "a": [{"b": 2}, {"b": [3, None]}]}, ["a", "b"]))
    [1, 2, 3]
    """
    if isinstance(node, list):
        for element in node:
            yield from stored_values(element, names)
    elif not names:
        if node is not None:
            yield node
    elif isinstance(node, Mapping):
        for name, inner in node.items():
            steps = name.split(".")
            if steps == list(names[: len(steps)]):
                yield from stored_values(inner, names[len(steps) :])


def _reading(mapping: Mapping[str, Any], names: Sequence[str]) -> Reading:
    """As `reading`, in one index."""
    paths = [".".join((DATA, *names[:length])) for length in range(1, len(names) + 1)]
    lost = tuple(paths)
    computed = mapping.get("runtime") or {}
    if any(path in computed for path in paths):
        return Reading(kind="unknown")
    dynamic = mapping.get("dynamic", True)
    node: Mapping[str, Any] = {"properties": mapping.get("properties") or {}}
    for depth, name in enumerate((DATA, *names)):
        child = (node.get("properties") or {}).get(name)
        if child is None:
            # Where nothing is added to the mapping, a field that is not in it may be in documents.
            is_whole = str(dynamic).lower() in ("true", "strict")
            return Reading(kind="absent" if is_whole else "unknown", lost=lost)
        if not _is_object(child):
            if depth == len(names):
                return _leaf(paths[-1], child, lost)
            return Reading(kind="absent" if child["type"] in _SCALARS else "unknown", lost=lost)
        if child.get("enabled", True) in (False, "false") or str(child.get("subobjects", True)).lower() != "true":
            return Reading(kind="unknown")
        dynamic = child.get("dynamic", dynamic)
        node = child
    return Reading(kind="object", name=paths[-1], lost=lost)


def _copies(mapping: Mapping[str, Any]) -> bool:
    """Whether a field has values of another one."""
    return "copy_to" in mapping or any(
        _copies(child) for word in ("properties", "fields") for child in (mapping.get(word) or {}).values()
    )


def _is_object(child: Mapping[str, Any]) -> bool:
    return bool(child.get("type", "object") == "object")


def _leaf(path: str, child: Mapping[str, Any], lost: tuple[str, ...]) -> Reading:
    """A field that holds scalars."""
    kinds = {**dict.fromkeys(NUMBERS, _numbers), "text": _text, "keyword": _text}
    read = kinds.get(child["type"])
    if not _is_searched(child) or "script" in child:
        return Reading(kind="unknown")
    if read is not None:
        return read(path, child, lost)
    if child["type"] == "boolean":
        return Reading(kind="boolean", name=path, type="boolean", lost=lost)
    if child["type"] in ("date", "date_nanos"):
        return Reading(kind="date", name=path, type=child["type"], lost=lost)
    return Reading(kind="unknown")


def _numbers(path: str, child: Mapping[str, Any], lost: tuple[str, ...]) -> Reading:
    if set(child) <= _PLAIN:
        for name, each in _with_subfields(path, child):
            if each["type"] == "double" and str(each.get("coerce", True)).lower() == "false" and set(each) <= _PLAIN:
                return Reading(kind="numbers", name=name, type="double", exact=True, lost=(*lost, name))
    return Reading(kind="numbers", name=path, type=child["type"], lost=lost)


def _text(path: str, child: Mapping[str, Any], lost: tuple[str, ...]) -> Reading:
    found = [
        (name, each)
        for name, each in _with_subfields(path, child)
        if each["type"] == "keyword" and "normalizer" not in each and _is_searched(each)
    ]
    if not found:  # words alone: what they were in the text, nobody knows
        return Reading(kind="unknown")
    name, keyword = found[0]
    return Reading(
        kind="text",
        name=name,
        type="keyword",
        exact=not {"null_value", "script"} & {*child, *keyword},
        longest=int(keyword.get("ignore_above", 0)),
        lost=lost,
        cut=(name,),
    )


def _with_subfields(path: str, child: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield path, child
    for name, each in (child.get("fields") or {}).items():
        yield f"{path}.{name}", each


def _is_searched(child: Mapping[str, Any]) -> bool:
    return all(str(child.get(word, True)).lower() == "true" for word in ("index", "doc_values"))

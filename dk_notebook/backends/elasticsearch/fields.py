"""The columns of indices: their fields, as the mappings declare them.

Columns are what documents hold: a field of an object by its dotted name, in the order of the mapping, or of the frame
that it was made for; of several indices all that any of them has. What is derived from other fields is a column when
it is named: a multi-field (``name.keyword``), an alias, what ``copy_to`` fills, and ``_id``, ``_index``, ``_score``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

import pyarrow as pa

from dk_notebook.backends.elasticsearch.types import METADATA, VECTORS, arrow_field, type_of
from dk_notebook.backends.elasticsearch.writing.marks import in_order
from dk_notebook.errors import NotFound, QueryError, did_you_mean

Via = Literal["source", "fields", "docvalues", "stored", "script", "hit", "nowhere"]
"""Where the values come from: the document as it was sent, what the server reads out of it (``fields``), the index
where there is no document, a script of the request, the hit itself."""

_SHOWN: Final = 10
"""Names in an error."""
_NO_DOC_VALUES: Final = frozenset(
    {"text", "match_only_text", "annotated_text", "search_as_you_type", "pattern_text", "semantic_text", "completion"}
)
_PLACED: Final = frozenset({"index", "doc_values", "store", "normalizer", "ignore_above", "null_value", "format"})
"""What a field's declaration says that matters to conditions and to reading."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field that can be read as a column."""

    name: str
    """With dots, of an object's."""
    type: str
    """The mapping's word."""
    arrow: pa.Field
    """As it is read."""
    via: Via = "source"
    shown: bool = True
    """Whether it is a column when none are named."""
    says: Mapping[str, Any] = field(default_factory=dict)
    """What the mapping says beside the type, as far as it matters here."""
    keyword: Field | None = None
    """The multi-field that has a text's values as they are."""
    everywhere: bool = True
    """Whether all the indices have it, declared alike."""
    conflict: str | None = None
    """Why it cannot be read: the indices declare it differently."""

    def as_array(self) -> Field:
        """The same, as lists of its values."""
        return replace(self, arrow=arrow_field(self.name, self.type, array=True))


class Fields:
    """The fields of an index, or of several, by name."""

    def __init__(self, table: str, found: Iterable[Field]) -> None:
        self.table = table
        self._by_name = {each.name: each for each in found}

    @property
    def all(self) -> Mapping[str, Field]:
        """Every field, those too that are columns only when they are named."""
        return self._by_name

    def shown(self) -> list[Field]:
        """The columns when none are named. QueryError: a conflict among them, or one that cannot be read."""
        return checked([each for each in self._by_name.values() if each.shown], self.table)

    def named(self, wanted: Sequence[str]) -> list[Field]:
        """Columns by name. NotFound, QueryError as `shown`."""
        return checked([self.find(name) for name in wanted], self.table)

    def find(self, name: str) -> Field:
        """The field, or the `METADATA` of hits, of that name. NotFound."""
        found = self._by_name.get(name)
        if found is not None:
            return found
        if name in METADATA:
            return Field(name=name, type=name, arrow=pa.field(name, METADATA[name]), via="hit", shown=False)
        known = list(self._by_name)
        inside = [each for each in known if each.startswith(f"{name}.")]
        hint = f"{name!r} is an object, with {_listed(inside)}" if inside else did_you_mean(name, known)
        raise NotFound(f"no field {name!r} in {self.table!r}", hint=hint or f"there are {_listed(known) or 'none'}")

    def matching(self, patterns: Sequence[str]) -> list[Field]:
        """The columns that patterns with ``*`` name, in the order of the mapping; an object's name is all of it."""
        return [each for each in self._by_name.values() if each.shown and is_named(each.name, patterns)]


def checked(found: list[Field], table: str) -> list[Field]:
    """The same, if all of them can be read. QueryError."""
    conflicts = [each.conflict for each in found if each.conflict]
    if conflicts:
        raise QueryError(
            f"the indices of {table!r} declare fields differently: {'; '.join(conflicts)}",
            code="mapping_conflict",
            hint="read them one by one, or columns= without these",
        )
    lost = [each.name for each in found if each.via == "nowhere"]
    if lost:
        raise QueryError(
            f"{_listed(lost)} of {table!r} cannot be read: _source does not hold them, nor do doc values",
            code="no_source",
            hint="columns= without them",
        )
    return found


def is_named(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns names the field, or an object around it.

    >>> is_named("a.b", ["a"]), is_named("a.b", ["*.b"]), is_named("ab", ["a"])
    (True, True, False)
    """
    steps = name.split(".")
    ways = [".".join(steps[:length]) for length in range(1, len(steps) + 1)]
    return any(fnmatchcase(way, pattern) for pattern in patterns for way in ways)


# --- several indices ------------------------------------------------------------------------------------------------


def merged(table: str, indices: Mapping[str, Any], *, excludes_vectors: bool = False) -> Fields:
    """The fields of indices as the server describes them, each once.

    >>> both = {"a": {"mappings": {"properties": {"n": {"type": "long"}, "t": {"type": "text"}}}},
    ...         "b": {"mappings": {"properties": {"n": {"type": "keyword"}, "t": {"type": "keyword"}}}}}
    >>> merged("a,b", both).find("n").conflict
    "'n' is long in 'a', keyword in 'b'"
    >>> merged("a,b", both).find("t").conflict is None
    True
    """
    return of_indices(table, _by_index(indices, excludes_vectors=excludes_vectors), len(indices))


def _by_index(indices: Mapping[str, Any], *, excludes_vectors: bool) -> dict[str, dict[str, Field]]:
    """Name -> index -> field, in the order of the columns."""
    found: dict[str, dict[str, Field]] = {}
    for index, said in indices.items():
        for each in _of_index(said, excludes_vectors=excludes_vectors):
            found.setdefault(each.name, {})[index] = each
    first: Mapping[str, Any] = next(iter(indices.values()), {})
    return {name: found[name] for name in in_order(found, first.get("mappings") or {})}


def of_indices(table: str, found: Mapping[str, Mapping[str, Field]], indices: int) -> Fields:
    """The fields of so many indices, each once; ``found``: name -> index -> field."""
    return Fields(table, [_once(name, by_index, indices) for name, by_index in found.items()])


def _once(name: str, by_index: Mapping[str, Field], indices: int) -> Field:
    """The field that several indices declare."""
    each = list(by_index.values())
    first = each[0]
    if all(other == first for other in each):
        return first if len(each) == indices else replace(first, everywhere=False)
    if any(
        other.arrow.type != first.arrow.type or type_of(other.type).form != type_of(first.type).form for other in each
    ):
        words: dict[str, list[str]] = {}
        for index, other in by_index.items():
            words.setdefault(other.type, []).append(index)
        told = ", ".join(f"{word} in {_listed(where)}" for word, where in words.items())
        return replace(first, conflict=f"{name!r} is {told}", shown=any(other.shown for other in each))
    # Read alike, and declared with other words: what conditions may rely on is what all of them share.
    vias = {other.via for other in each}
    return replace(
        first,
        type=first.type if len({other.type for other in each}) == 1 else "text",
        via=first.via if len(vias) == 1 else "fields" if vias <= {"source", "fields"} else "nowhere",
        shown=any(other.shown for other in each),
        says={"format": None, "index": False, "doc_values": False},
        keyword=None,
        everywhere=False,
    )


# --- one index ------------------------------------------------------------------------------------------------------


def _of_index(said: Mapping[str, Any], *, excludes_vectors: bool) -> Iterator[Field]:
    mapping = said.get("mappings") or {}
    source = _Source(mapping.get("_source") or {}, said.get("settings") or {}, excludes_vectors)
    found = list(_walked(mapping.get("properties") or {}, ""))
    copied = {target for _, spec in found for target in _texts(spec.get("copy_to"))}
    by_name = dict(found)
    by_name |= {f"{name}.{last}": inner for name, spec in found for last, inner in (spec.get("fields") or {}).items()}
    for name, spec in found:
        word = spec.get("type", "object")
        if word == "alias":
            target = by_name.get(spec.get("path", ""), {})
            yield _field(name, target, source, shown=False, derived=True)
            continue
        yield _field(name, spec, source, shown=name not in copied, derived=name in copied)
        yield from _multi_fields(name, spec, source)
    for name, spec in (mapping.get("runtime") or {}).items():
        yield runtime_field(name, spec)


def runtime_field(name: str, spec: Mapping[str, Any]) -> Field:
    """A field that the server computes; also of a body's ``runtime_mappings``."""
    word = str(spec.get("type", "keyword"))
    return Field(name=name, type=word, arrow=arrow_field(name, word), via="fields", says={"runtime": True})


def _walked(properties: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The fields by their dotted names; objects are walked through."""
    for name, spec in properties.items():
        whole = f"{prefix}{name}"
        word = spec.get("type", "object")
        if word in ("object", "passthrough") and spec.get("enabled", True) in (True, "true"):
            yield from _walked(spec.get("properties") or {}, f"{whole}.")
        else:
            yield whole, spec


@dataclass(frozen=True)
class _Source:
    """What an index keeps of documents as they were sent."""

    mapping: Mapping[str, Any]
    settings: Mapping[str, Any]
    excludes_vectors: bool

    def via(self, name: str, word: str, spec: Mapping[str, Any]) -> Via:
        """Where the values of a field come from."""
        if not self._off and not self._leaves_out(name):
            if word == "constant_keyword" or (self.excludes_vectors and word in VECTORS):
                return "fields"
            return "docvalues" if word == "token_count" else "source"
        listed = word not in _NO_DOC_VALUES and type_of(word).form not in ("document", "vector", "binary")
        if listed and spec.get("doc_values") not in (False, "false"):
            return "docvalues"
        return "stored" if spec.get("store") in (True, "true") else "nowhere"

    def derived(self, word: str, spec: Mapping[str, Any]) -> Via:
        """As `via`, of a field that no document has under its name."""
        if word == "token_count":
            return "docvalues"
        return self.via("", word, spec) if self._off else "fields"

    @property
    def _off(self) -> bool:
        index = (self.settings.get("index") or {}).get("mapping") or {}
        mode = (index.get("source") or {}).get("mode")
        enabled = self.mapping.get("enabled") not in (False, "false")
        return not enabled or "disabled" in (self.mapping.get("mode"), mode)

    def _leaves_out(self, name: str) -> bool:
        includes, excludes = self.mapping.get("includes"), self.mapping.get("excludes")
        return bool((includes and not is_named(name, includes)) or (excludes and is_named(name, excludes)))


def _field(name: str, spec: Mapping[str, Any], source: _Source, *, shown: bool, derived: bool) -> Field:
    word = str(spec.get("type", "object"))
    multi = list(_multi_fields(name, spec, source)) if type_of(word).form == "text" else []
    return Field(
        name=name,
        type=word,
        arrow=arrow_field(name, word),
        via=source.derived(word, spec) if derived else source.via(name, word, spec),
        shown=shown,
        says=_said(spec),
        keyword=next((each for each in multi if each.type == "keyword" and "normalizer" not in each.says), None),
    )


def _multi_fields(name: str, spec: Mapping[str, Any], source: _Source) -> Iterator[Field]:
    for last, inner in (spec.get("fields") or {}).items():
        word = str(inner.get("type", "keyword"))
        whole = f"{name}.{last}"
        via = source.derived(word, inner)
        yield Field(name=whole, type=word, arrow=arrow_field(whole, word), via=via, shown=False, says=_said(inner))


def _said(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name in _PLACED}


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _listed(found: Sequence[str]) -> str:
    return ", ".join(map(repr, found[:_SHOWN])) + (", ..." if len(found) > _SHOWN else "")

"""Conditions and orders over typed fields as Query DSL: what `records.filters` means in Python, said to the server.

What the server cannot say exactly it says more widely: a `Superset` finds every document that matches, and tells
whether it finds no other. Where it is not sure the rows are decided here (`decide`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from dk_notebook.backends.elasticsearch.conditions.clauses import (
    ALL,
    NONE,
    Clause,
    both,
    either,
    exists,
    ids,
    is_too_deep,
    neither,
    terms,
)
from dk_notebook.backends.elasticsearch.conditions.placed_clauses import FORMATS, GRIDS, WORDS, placed
from dk_notebook.backends.elasticsearch.conditions.text_clauses import is_text
from dk_notebook.backends.elasticsearch.fields import Field, Fields
from dk_notebook.backends.elasticsearch.types import type_of
from dk_notebook.records import kinds
from dk_notebook.records.condition_fields import named_in
from dk_notebook.records.filters import OPERATORS, And, Compare, Condition, Not, Or, Sort
from dk_notebook.records.filters import Field as Named

LONGEST_PATTERN: Final = 500
"""Characters of a wildcard or a prefix: the server finds longer ones too complex, and takes 1,000 at most."""
LONGEST_TERM: Final = 32_766
"""Bytes of a text that an index can have, and a request may ask for."""


class Superset(NamedTuple):
    """A clause that finds all documents that match a condition."""

    clause: Clause
    sure: bool
    """Whether it finds no others."""


_EXACT_TEXTS: Final = frozenset({"keyword", "wildcard"})
_HAVE_EXISTS: Final = frozenset({"half_float", "scaled_float", "ip", "version", "keyword", "wildcard"})
_EDGES: Final[dict[str, tuple[Any, Any]]] = {
    "integer": (2**31 - 1, -(2**31)),
    "long": (2**63 - 1, -(2**63)),
    "unsigned_long": (2**64 - 1, 0),
    "date_nanos": (None, "1970-01-01T00:00:00.000000000Z"),
}
"""The value as which a missing one is sorted, ascending and descending, where a document may have it."""


class Conditions:
    """Writes queries over fields. ``doubted``: those of `doubts` that have such documents. ``arrays``: that hold lists.

    >>> from dk_notebook.backends.elasticsearch.fields import merged
    >>> found = merged("t", {"t": {"mappings": {"properties": {"n": {"type": "long"}, "s": {"type": "text"}}}}})
    >>> Conditions(found).superset(Compare("n", ">", 2.5))
    Superset(clause={'range': {'n': {'gt': '2'}}}, sure=True)
    >>> Conditions(found).superset(Compare("s", "=", "a"))
    Superset(clause={'match_all': {}}, sure=False)
    """

    def __init__(self, fields: Fields, *, doubted: frozenset[str] = frozenset(), arrays: frozenset[str] = frozenset()):
        self._fields = fields
        self._doubted = doubted
        self._arrays = arrays

    def superset(self, condition: Condition | None) -> Superset:
        """The clause of a whole condition. NotFound: a field that is not there."""
        found = self._clause(condition)
        return Superset(ALL, sure=False) if is_too_deep(found.clause) else found

    def _clause(self, condition: Condition | None) -> Superset:
        """The clause of a part."""
        match condition:
            case None:
                return Superset(ALL, sure=True)
            case And(parts):
                each = [self._clause(part) for part in parts]
                return Superset(both(*(one.clause for one in each)), all(one.sure for one in each))
            case Or(parts):
                each = [self._clause(part) for part in parts]
                return Superset(either(*(one.clause for one in each)), all(one.sure for one in each))
            case Not(part):
                inner = self._clause(part)
                return Superset(neither(inner.clause), sure=True) if inner.sure else Superset(ALL, sure=False)
            case Compare():
                return self._compared(condition)
        raise TypeError(f"no condition: {type(condition).__name__}")

    def _compared(self, compare: Compare) -> Superset:
        found = column_of(self._fields, compare.field)
        if found.name != compare.field.name:  # inside of a document
            return Superset(ALL, sure=False)
        present = self._present(found)
        if compare.op == "exists":
            return present
        if compare.op == "not_exists":
            if not present.sure and ("null_value" in found.says or present.clause == ALL):
                return Superset(ALL, sure=False)
            return Superset(neither(present.clause), present.sure)
        negates = compare.operator.negates
        if negates is None:
            return self._hit(found, compare.op, compare.value)
        hit = self._hit(found, negates, compare.value)
        if hit.sure and present.sure:
            return Superset(both(present.clause, neither(hit.clause)), sure=True)
        return Superset(ALL, sure=False)

    # --- one field --------------------------------------------------------------------------------------------------

    def _present(self, found: Field) -> Superset:
        """Whether there is a value."""
        if found.name == "_id":
            return Superset(ALL, sure=True)
        if not is_searchable(found):
            return Superset(ALL, sure=False)
        exact = exact_text(found)
        if found.type not in GRIDS and found.type not in _HAVE_EXISTS and found.type != "boolean" and exact is None:
            return Superset(ALL, sure=False)
        name = found.name if exact is None else exact.name
        query = either(exists(name), _ignored(name)) if name in self._doubted else exists(name)
        # An empty list is there, in a document; in the index it is nothing.
        if found.name in self._arrays:
            return Superset(ALL, sure=False)
        return Superset(query, sure="null_value" not in found.says)

    def _hit(self, found: Field, op: str, operand: Any) -> Superset:
        """Whether any value fulfils an operator that is not negated."""
        if found.name == "_id":
            return _by_id(op, operand)
        if not is_searchable(found):
            return Superset(ALL, sure=False)
        if found.type == "boolean":
            return self._sure(found, _boolean(found.name, op, operand))
        if found.type in GRIDS:
            return self._sure(found, *placed(found.name, found.type, op, operand))
        exact = exact_text(found)
        if exact is not None:
            return self._text(found, exact, op, operand)
        there = self._present(found)
        return Superset(there.clause, sure=False)

    def _text(self, found: Field, exact: Field, op: str, operand: Any) -> Superset:
        query = _text_query(exact.name, op, operand)
        if query is None:
            return Superset(self._present(found).clause, sure=False)
        if exact.name in self._doubted and query != NONE:
            return Superset(either(query, _ignored(exact.name)), sure=False)
        return self._sure(found, query)

    def _sure(self, found: Field, query: Clause, sure: bool = True) -> Superset:  # noqa: FBT001 (of one caller)
        """``null_value`` is found where a document has null."""
        return Superset(query, sure and "null_value" not in found.says)

    # --- order ------------------------------------------------------------------------------------------------------

    def order(self, sorts: Sequence[Sort]) -> list[Any] | None:
        """The server's sort; None where it does not sort so."""
        made = []
        for each in sorts:
            found = column_of(self._fields, each.field)
            exact = exact_text(found)
            sortable = found.type in GRIDS or found.type == "boolean" or (exact is not None and exact.type == "keyword")
            by = found if exact is None else exact
            if (
                found.name != each.field.name
                or not sortable
                or by.name in self._doubted
                or "null_value" in by.says
                or by.says.get("doc_values") in (False, "false")
            ):
                return None
            how = {"order": "desc" if each.descending else "asc", "missing": "_last"}
            made.append({by.name: how if found.everywhere else {**how, "unmapped_type": by.type}})
        return made


def column_of(fields: Fields, named: Named) -> Field:
    """The column of that name, or the document in which its path goes on. NotFound."""
    if named.name in fields.all or named.literal:
        return _readable(fields, named.name)
    steps = named.name.split(".")
    for length in range(len(steps) - 1, 0, -1):
        found = fields.all.get(".".join(steps[:length]))
        if found is not None and type_of(found.type).form in ("document", "point"):
            return _readable(fields, found.name)
    return _readable(fields, named.name)


def _readable(fields: Fields, name: str) -> Field:
    return fields.named([name])[0]


def exact_text(found: Field) -> Field | None:
    """The field in which the index has the texts as they are: this one, or a multi-field of it."""
    if type_of(found.type).form != "text":
        return None
    if found.type in _EXACT_TEXTS and "normalizer" not in found.says:
        return found
    keyword = found.keyword
    return None if keyword is None or not is_searchable(keyword) or "null_value" in keyword.says else keyword


def is_searchable(found: Field) -> bool:
    """Whether the index knows the values at all."""
    off = (False, "false")
    return not (found.says.get("index") in off and found.says.get("doc_values") in off)


def doubts(fields: Fields, condition: Condition | None, order: Sequence[Sort]) -> dict[str, Clause]:
    """The fields of which the index may not know all that is asked, and a query that finds the documents of which.

    It leaves out texts that are longer than ``ignore_above``; and it sorts what is missing as the largest number, or as
    the smallest, so that those which are that number have no place of their own.
    """
    found: dict[str, Clause] = {}
    for each in (*named_in(condition), *(sort.field for sort in order)):
        exact = exact_text(column_of(fields, each))
        if exact is not None and "ignore_above" in exact.says:
            found[exact.name] = _ignored(exact.name)
    for sort in order:
        column = column_of(fields, sort.field)
        edge = _EDGES.get(column.type, (None, None))[sort.descending]
        if edge is not None and is_searchable(column):
            limits = {
                "gte": edge,
                "lte": edge,
                **({"format": FORMATS[column.type]} if column.type in FORMATS else {}),
            }
            found[column.name] = {"range": {column.name: limits}}
    return found


# --- clauses ------------------------------------------------------------------------------------------------------


def _ignored(name: str) -> Clause:
    return {"term": {"_ignored": name}}


def _by_id(op: str, operand: Any) -> Superset:
    if op in ("=", "in"):
        given = operand if op == "in" else [operand]
        if not any(kinds.kind(each) in ("temporal", "time") for each in given):
            return Superset(
                ids([each for each in given if isinstance(each, str) and each and is_text(each)]), sure=True
            )
    return Superset(ALL, sure=False)


def _boolean(name: str, op: str, operand: Any) -> Clause:
    """The truth values that fulfil the operator."""
    test = OPERATORS[op].test
    hits = [value for value in (False, True) if test(value, operand)]
    return terms(name, hits)


def _text_query(name: str, op: str, operand: Any) -> Clause | None:
    """The query on texts as they are; None: the server has none that is exact."""
    given = operand if op in ("in", "between") else [operand]
    if any(kinds.kind(each) in ("temporal", "time") for each in given):
        return None  # to which texts compare as the times that they spell
    if not all(_is_term(each) for each in given if isinstance(each, str)):
        return None
    if op == "in":
        return terms(name, sorted({each for each in given if isinstance(each, str)}))
    if not all(isinstance(each, str) for each in given):
        return NONE
    match op:
        case "=":
            return {"term": {name: operand}}
        case "between":
            return {"range": {name: {"gte": operand[0], "lte": operand[1]}}}
        case "starts_with" if len(operand) <= LONGEST_PATTERN:
            return {"prefix": {name: operand}} if operand else exists(name)
        case "like" if not {"%", "_"}.intersection(operand):
            return {"term": {name: operand}}
        case "like" if len(operand) <= LONGEST_PATTERN:
            return {"wildcard": {name: {"value": _wildcard(operand)}}}
        case _ if op in WORDS:
            return {"range": {name: {WORDS[op]: operand}}}
    return None


def _is_term(text: str) -> bool:
    """Whether the text can be in a request."""
    return is_text(text) and (len(text) * 4 <= LONGEST_TERM or len(text.encode()) <= LONGEST_TERM)


def _wildcard(pattern: str) -> str:
    r"""The wildcard for a LIKE.

    >>> print(_wildcard(r"a%b_*\\"))
    a*b?\*\\\\
    """
    words = {"%": "*", "_": "?", "*": r"\*", "?": r"\?", "\\": r"\\"}
    return "".join(words.get(each, each) for each in pattern)

"""How SQL stores spell what `documents` asks of JSON, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from dk_notebook.backends.sql.dialects import DUCKDB, POSTGRES, Dialect
from dk_notebook.backends.sql.grids import ALWAYS, SIGNS, Doubles, Grid, Integers, Number, Numerics, Place

JsonKind = Literal["number", "text", "boolean", "object", "array", "null"]
Bind = Callable[[object, str], str]
"""A value and its SQL type -> a placeholder."""


class Numbers(Protocol):
    """How a store compares the numbers in its JSON. ``x``: an expression that is a JSON number."""

    def compared(self, x: str, sign: str, operand: Number, bind: Bind) -> str:
        """Whether the number stands so to the operand: TRUE, FALSE, or NULL where the store cannot tell."""

    def among(self, x: str, operands: Sequence[Number], bind: Bind) -> str:
        """Whether it equals one of them."""

    def ordered(self, x: str) -> str:
        """What it sorts by."""

    def unsure(self, x: str) -> str | None:
        """TRUE where `ordered` may take two numbers for equal that are not; None: nowhere."""


@dataclass(frozen=True)
class JsonDialect:
    """One store's spelling. Templates take ``{x}``, an expression that is JSON, and ``{p}``, a placeholder."""

    sql: Dialect
    inside: str
    """What lies at a path of ``{x}``; SQL NULL where nothing does, or a list is on the way."""
    path: Callable[[Sequence[str]], object]
    """The names of a path -> the value of ``{p}``."""
    path_type: str
    kind: str
    """The store's word for the kind of ``{x}``; SQL NULL for SQL NULL."""
    kinds: Mapping[JsonKind, str]
    """Ours -> the store's words, as SQL literals."""
    text: str
    """The text that ``{x}``, a JSON string, spells."""
    truth: str
    """``{x}``, a JSON boolean, as SQL's."""
    any_item: str
    """Whether ``{test}`` is TRUE for any element, called ``{item}``, of ``{x}``, a JSON list; NULL where it is not TRUE
    but NULL for one."""
    among: str
    """Whether ``{x}``, which is text, is in the list ``{p}``."""
    numbers: Numbers
    columns: Mapping[str, str] = field(default_factory=dict)
    """``id``, ``data`` and ``metadata`` as they are read (JSON as text), and ``version``."""


# --- DuckDB -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MachineNumbers:
    """Integers of 64 bits and doubles. A longer integer is known by the double next to it, and so not exactly."""

    def compared(self, x: str, sign: str, operand: Number, bind: Bind) -> str:
        """See `Numbers.compared`."""
        whole = _placed(f"TRY_CAST({x} AS HUGEINT)", sign, _WHOLE.place(operand), "HUGEINT", bind)
        place = Doubles().place(operand)
        real = _placed(f"TRY_CAST({x} AS DOUBLE)", sign, place, "DOUBLE", bind)
        if abs(float(str(place.member))) >= _LONG:
            same = f"TRY_CAST({x} AS DOUBLE) = {bind(place.member, 'DOUBLE')}"
            real = f"CASE WHEN {same} THEN NULL ELSE {real} END"
        return f"CASE WHEN {_IS_WHOLE.format(x=x)} THEN {whole} ELSE {real} END"

    def among(self, x: str, operands: Sequence[Number], bind: Bind) -> str:
        """See `Numbers.among`."""
        whole = [str(place.member) for place in map(_WHOLE.place, operands) if place.side == 0]
        reals = [(place.member, abs(float(str(place.member)))) for place in map(Doubles().place, operands)]
        exact = [
            str(member)
            for (member, size), operand in zip(reals, operands, strict=True)
            if size < _LONG and Doubles().place(operand).side == 0
        ]
        long = [str(member) for member, size in reals if size >= _LONG]
        as_whole, as_real = f"TRY_CAST({x} AS HUGEINT)", f"TRY_CAST({x} AS DOUBLE)"
        real = _any(as_real, exact, "DOUBLE", bind)
        if long:
            real = f"CASE WHEN {_any(as_real, long, 'DOUBLE', bind)} THEN NULL ELSE {real} END"
        return f"CASE WHEN {_IS_WHOLE.format(x=x)} THEN {_any(as_whole, whole, 'HUGEINT', bind)} ELSE {real} END"

    def ordered(self, x: str) -> str:
        """See `Numbers.ordered`."""
        return f"TRY_CAST({x} AS DOUBLE)"

    def unsure(self, x: str) -> str | None:
        """See `Numbers.unsure`."""
        return f"coalesce(abs(TRY_CAST({x} AS DOUBLE)) >= {2.0**53!r}, TRUE)"


_WHOLE: Final[Grid] = Integers(-(2**63), 2**64 - 1)
_LONG: Final = 2.0**63
"""A number from here up may be an integer that is no double."""
_AMONG: Final = "list_contains({p}, {x})"  # ANY is a subquery, which no lambda may have
_IS_WHOLE: Final = "json_type({x}) IN ('BIGINT', 'UBIGINT')"


def _placed(x: str, sign: str, place: Place, sql_type: str, bind: Bind) -> str:
    written = SIGNS[sign][place.side]
    if place.member is None:
        return "TRUE" if written in ALWAYS[place.side] else "FALSE"
    return "FALSE" if written is None else f"{x} {written} {bind(place.member, sql_type)}"


def _any(x: str, members: Sequence[str], sql_type: str, bind: Bind) -> str:
    return _AMONG.format(x=x, p=bind(list(members), f"{sql_type}[]")) if members else "FALSE"


def _pointer(names: Sequence[str]) -> str:
    """RFC 6901: unlike a path, it can name every field."""
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)


DUCKDB_JSON: Final = JsonDialect(
    sql=DUCKDB,
    inside="json_extract({x}, {p})",
    path=_pointer,
    path_type="VARCHAR",
    kind="json_type({x})",
    kinds={
        "number": "'BIGINT', 'UBIGINT', 'DOUBLE'",
        "text": "'VARCHAR'",
        "boolean": "'BOOLEAN'",
        "object": "'OBJECT'",
        "array": "'ARRAY'",
        "null": "'NULL'",
    },
    text="({x} ->> '$')",
    truth="TRY_CAST({x} AS BOOLEAN)",
    # Not a subquery: DuckDB would run it for every row, lists or not.
    any_item=(
        "(CASE WHEN list_bool_or({tests}) THEN TRUE WHEN len({tests}) > list_count({tests}) THEN NULL ELSE FALSE END)"
    ).replace("{tests}", "list_transform(json_extract({x}, '$[*]'), lambda {item}: {test})"),
    among=_AMONG,
    numbers=MachineNumbers(),
    columns={
        "id": "id",
        "data": "CAST(data AS VARCHAR)",
        "metadata": "CAST(metadata AS VARCHAR)",
        "version": "CAST(hash(data, metadata, updated_at) AS VARCHAR)",
    },
)


# --- PostgreSQL -------------------------------------------------------------------------------------------------


class ExactNumbers:
    """Decimals of any length, as `jsonb` has them: nothing is unsure."""

    def compared(self, x: str, sign: str, operand: Number, bind: Bind) -> str:
        """See `Numbers.compared`."""
        return _placed(_NUMERIC.format(x=x), sign, Numerics().place(operand), "NUMERIC", bind)

    def among(self, x: str, operands: Sequence[Number], bind: Bind) -> str:
        """See `Numbers.among`."""
        places = [place for place in map(Numerics().place, operands) if place.side == 0]
        members = [str(place.member) for place in places]
        return f"{_NUMERIC.format(x=x)} = ANY({bind(members, 'NUMERIC[]')})" if members else "FALSE"

    def ordered(self, x: str) -> str:
        """See `Numbers.ordered`."""
        return _NUMERIC.format(x=x)

    def unsure(self, x: str) -> str | None:  # noqa: ARG002 (the signature of `Numbers`)
        """See `Numbers.unsure`."""
        return None


_NUMERIC: Final = "CAST({x} AS NUMERIC)"

POSTGRES_JSON: Final = JsonDialect(
    sql=POSTGRES,
    inside="({x} #> {p})",
    path=list,
    path_type="TEXT[]",
    kind="jsonb_typeof({x})",
    kinds={
        "number": "'number'",
        "text": "'string'",
        "boolean": "'boolean'",
        "object": "'object'",
        "array": "'array'",
        "null": "'null'",
    },
    text="({x} #>> '{{}}')",
    truth="({x} = jsonb 'true')",
    any_item=(
        "(SELECT CASE WHEN bool_or({test}) THEN TRUE WHEN count(*) > count({test}) THEN NULL ELSE FALSE END "
        "FROM jsonb_array_elements({x}) AS dk_items({item}))"
    ),
    among="{x} = ANY({p})",
    numbers=ExactNumbers(),
    columns={
        "id": "id",
        "data": "CAST(data AS TEXT)",
        "metadata": "CAST(metadata AS TEXT)",
        # Not xmin and ctid: a view has none, and VACUUM FULL moves rows.
        "version": (
            "concat(jsonb_hash_extended(data, coalesce(jsonb_hash_extended(metadata, 0), 0)), ' ', updated_at)"
        ),
    },
)

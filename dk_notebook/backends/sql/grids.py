"""The values that a column can hold, so that an operand compares exactly whatever its type.

``x > 2.5`` on a bigint column is ``x > 2``, ``x = 2.5`` is never true, ``x < 1e30`` always: the operand is put onto
the column's grid here, and no store rounds, shifts or overflows anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final, Protocol

Number = int | Decimal
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WIDE: Final = Context(prec=1_000_000, Emin=-999_999, Emax=999_999)
"""Wide enough for any sum of a double and a decimal column's scale."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an operand lies on a grid."""

    member: str | bytes | None
    """The operand or its neighbour, as text to be cast to the column's type (bytes as they are); None: off the grid."""
    side: int = 0
    """0: the operand is the member. 1: it is above the member, or above all values; -1: below."""


class Grid(Protocol):
    """The values of a type."""

    def place(self, value: Number) -> Place:
        """Where ``value`` lies; numbers as they are, times in nanoseconds."""


@dataclass(frozen=True)
class Integers:
    """All integers from ``low`` to ``high``."""

    low: int
    high: int

    @classmethod
    def of_bits(cls, bits: int, *, signed: bool = True) -> Integers:
        """A machine's integers."""
        return cls(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else cls(0, 2**bits - 1)

    def place(self, value: Number) -> Place:
        """The integer at or below ``value``.

        >>> Integers(0, 9).place(Decimal("2.5")), Integers(0, 9).place(10)
        (Place(member='2', side=1), Place(member=None, side=1))
        """
        if value > self.high or value < self.low:
            return Place(None, 1 if value > self.high else -1)
        floor = value if isinstance(value, int) else int(value.to_integral_value(rounding=ROUND_FLOOR))
        return Place(str(floor), 0 if floor == value else 1)


@dataclass(frozen=True)
class Decimals:
    """Decimals of ``precision`` digits, ``scale`` of them behind the point."""

    precision: int
    scale: int

    def place(self, value: Number) -> Place:
        """The decimal at or below ``value``.

        >>> Decimals(4, 2).place(Decimal("1.239"))
        Place(member='1.23', side=1)
        """
        edge = Decimal(10) ** (self.precision - self.scale)
        if value >= edge or value <= -edge:
            return Place(None, 1 if value >= edge else -1)
        exact = Decimal(value)
        floor = exact.quantize(Decimal(1).scaleb(-self.scale, _WIDE), rounding=ROUND_FLOOR, context=_WIDE)
        if floor <= -edge:
            return Place(None, -1)
        return Place(f"{floor:f}", 0 if floor == exact else 1)


@dataclass(frozen=True)
class Exact:
    """Numbers of any size and scale (PostgreSQL's numeric)."""

    def place(self, value: Number) -> Place:
        """``value`` itself.

        >>> Exact().place(Decimal("1E+2"))
        Place(member='100', side=0)
        """
        if isinstance(value, Decimal) and value.is_infinite():
            return Place("Infinity" if value > 0 else "-Infinity")
        return Place(str(value) if isinstance(value, int) else f"{value:f}")


@dataclass(frozen=True)
class Numerics:
    """Numbers as PostgreSQL's numeric has them at most: finite, 131072 digits before the point, 16383 behind it."""

    def place(self, value: Number) -> Place:
        """The number at or below ``value``.

        >>> Numerics().place(Decimal("1E+2")), Numerics().place(Decimal("-Infinity"))
        (Place(member='100', side=0), Place(member=None, side=-1))
        """
        exact = Decimal(value)
        if exact.is_zero():
            return Place("0")
        if exact.is_infinite() or exact.adjusted() >= 131_072:
            return Place(None, 1 if exact > 0 else -1)
        exponent = exact.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -16_383:
            floor = exact.quantize(Decimal(1).scaleb(-16_383, _WIDE), rounding=ROUND_FLOOR, context=_WIDE)
            return Place(f"{floor:f}", 0 if floor == exact else 1)
        return Place(f"{exact:f}")


@dataclass(frozen=True)
class Doubles:
    """64-bit floats, each standing for its shortest decimal form."""

    def place(self, value: Number) -> Place:
        """The double next to ``value``.

        >>> Doubles().place(2**53 + 1)
        Place(member='9007199254740992.0', side=1)
        """
        try:
            nearest = float(value)
        except OverflowError:  # an int of more than 308 digits
            nearest = float("inf") if value > 0 else float("-inf")
        shortest = Decimal(repr(nearest))
        side = 0 if value == shortest else 1 if value > shortest else -1
        return Place(repr(nearest).replace("inf", "Infinity"), side)


@dataclass(frozen=True)
class Instants:
    """Points in time, ``unit`` nanoseconds apart, between years 1 and 9999 or closer."""

    unit: int
    zoned: bool = False

    def place(self, value: Number) -> Place:
        """The point at or before ``value``, as text: UTC, with an offset where the type has a zone.

        >>> Instants(1000).place(1_500)
        Place(member='1970-01-01 00:00:00.000001', side=1)
        """
        low, high = _NANOSECOND_RANGE if self.unit == 1 else _YEARS
        if value > high or value < low:
            return Place(None, 1 if value > high else -1)
        steps, rest = divmod(int(value), self.unit)
        seconds, nanoseconds = divmod(steps * self.unit, 10**9)
        moment = _EPOCH + timedelta(seconds=seconds)
        day = f"{moment.year:04}-{moment:%m-%d}"
        if self.unit == DAY:
            return Place(day, 1 if rest else 0)
        fraction = f".{nanoseconds:09}"[: _DIGITS[self.unit] + 1] if self.unit < 10**9 else ""
        return Place(f"{day} {moment:%H:%M:%S}{fraction}{'+00:00' if self.zoned else ''}", 1 if rest else 0)


@dataclass(frozen=True)
class Clocks:
    """Times of day, ``unit`` nanoseconds apart."""

    unit: int = 1_000

    def place(self, value: Number) -> Place:
        """The time at or before ``value``, microseconds since midnight.

        >>> Clocks(10**9).place(1_500_000)
        Place(member='00:00:01', side=1)
        """
        nanoseconds = int(value) * 1_000
        if not 0 <= nanoseconds < DAY:
            return Place(None, 1 if nanoseconds > 0 else -1)
        placed = Instants(self.unit).place(nanoseconds)
        return Place(str(placed.member).partition(" ")[2], placed.side)


DAY: Final = 86_400 * 10**9
_DIGITS: Final = {10**6: 3, 10**3: 6, 1: 9}
_YEARS: Final = (-62_135_596_800 * 10**9, 253_402_300_800 * 10**9 - 1)
# 64 bits of nanoseconds; DuckDB reads nothing before the first whole day of them.
_NANOSECOND_RANGE: Final = (-106_751 * DAY, 2**63 - 2)

SIGNS: Final[dict[str, dict[int, str | None]]] = {
    "=": {0: "=", 1: None, -1: None},
    "<": {0: "<", 1: "<=", -1: "<"},
    "<=": {0: "<=", 1: "<=", -1: "<"},
    ">": {0: ">", 1: ">", -1: ">="},
    ">=": {0: ">=", 1: ">", -1: ">="},
}
"""Operator -> the sign to write where the operand is the member, above it, or below."""
ALWAYS: Final = {1: ("<", "<="), -1: (">", ">=")}
"""Signs that all values fulfil when the operand is above all of them, or below."""

"""Blocks of binary COPY to Arrow: the reference in Python and the native module, which must do the same."""

from __future__ import annotations

import datetime as dt
import gc
import os
import resource
import struct
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dk_notebook.backends.postgres.reading import decoding
from dk_notebook.backends.postgres.reading.decoding import (
    NATIVE,
    BrokenBlock,
    Decoder,
    NativeDecoder,
    ReferenceDecoder,
    Undecodable,
    decoder,
)
from dk_notebook.backends.postgres.reading.formats import ARROW, REASONS, arrow_type
from tests.backends.postgres.copy_blocks import (
    END,
    HEADER,
    VALUES,
    array,
    field,
    mutations,
    raw_numeric,
    row,
    rows,
    tables,
)

pytestmark = pytest.mark.unit

Make = Callable[[Sequence[str]], Decoder]
DECODERS: list[Make] = [ReferenceDecoder, NativeDecoder] if NATIVE else [ReferenceDecoder]
both = pytest.mark.parametrize("make", DECODERS)

Outcome = tuple[Any, ...]


def outcome(make: Make, wires: Sequence[str], block: bytes) -> Outcome:
    """All that a decoder says of a block, down to the bytes of the arrays."""
    try:
        count, arrays = make(wires).decode(block)
    except BrokenBlock:
        return ("broken",)
    except Undecodable as error:
        return ("undecodable", error.kind, error.column, error.row)
    return count, [(str(one.type), len(one), one.null_count, memory(one)) for one in arrays]


def memory(one: pa.Array) -> list[bytes | None]:
    return [None if buffer is None else buffer.to_pybytes() for buffer in one.buffers()]


def one_value(make: Make, wire: str, value: bytes | None) -> object:
    count, [column] = make([wire]).decode(row(value))
    assert count == 1
    column.validate(full=True)
    return column.to_pylist()[0]


def test_the_native_module_was_built() -> None:
    assert NATIVE or not os.environ.get("CI")


@both
@given(table=tables())
def test_any_rows_come_back_as_they_were(make: Make, table: tuple[list[str], list[tuple[Any, ...]]]) -> None:
    wires, values = table
    count, arrays = make(wires).decode(HEADER + b"".join(rows(wires, values)) + END)
    expected = [pa.array([each[place] for each in values], arrow_type(wire)) for place, wire in enumerate(wires)]
    for one in arrays:
        one.validate(full=True)
    # By their reprs, for NaN is not equal to itself.
    assert (count, [(one.type, repr(one.to_pylist())) for one in arrays]) == (
        len(values),
        [(one.type, repr(one.to_pylist())) for one in expected],
    )


@settings(max_examples=400)
@given(table=tables(), data=st.data())
def test_both_say_the_same_of_blocks_that_are_broken_at_random(
    table: tuple[list[str], list[tuple[Any, ...]]], data: st.DataObject
) -> None:
    wires, values = table
    block = data.draw(mutations(HEADER + b"".join(rows(wires, values)) + END))
    assert outcome(decoder, wires, block) == outcome(ReferenceDecoder, wires, block)


@given(wire=st.sampled_from(sorted(VALUES)), values=st.lists(st.binary(max_size=40), max_size=4))
def test_both_say_the_same_of_fields_of_random_bytes(wire: str, values: list[bytes]) -> None:
    block = b"".join(map(row, values))
    assert outcome(decoder, [wire], block) == outcome(ReferenceDecoder, [wire], block)


@settings(max_examples=400)
@given(
    wire=st.sampled_from([wire for wire in VALUES if wire.startswith("numeric") and not wire.endswith("[]")]),
    groups=st.lists(st.sampled_from([0, 1, 10, 100, 1000, 1200, 9999]) | st.integers(0, 10_001), max_size=21),
    weight=st.integers(-21, 21) | st.integers(-(2**15), 2**15 - 1),
    sign=st.sampled_from([0, 0x4000, 0xC000, 0xD000, 0xF000, 1]),
)
def test_both_say_the_same_of_any_numeric(wire: str, groups: list[int], weight: int, sign: int) -> None:
    block = row(raw_numeric(groups, weight=weight, sign=sign))
    assert outcome(decoder, [wire], block) == outcome(ReferenceDecoder, [wire], block)


@both
@given(block=st.binary(max_size=60), wires=st.lists(st.sampled_from(sorted(VALUES)), max_size=3))
def test_random_bytes_end_in_rows_or_in_one_of_two_errors(make: Make, block: bytes, wires: list[str]) -> None:
    assert outcome(make, wires, block)[0] in ("broken", "undecodable", *range(31))


@both
@given(table=tables(), data=st.data())
def test_rows_may_be_split_into_any_blocks(
    make: Make, table: tuple[list[str], list[tuple[Any, ...]]], data: st.DataObject
) -> None:
    wires, values = table
    lines = rows(wires, values)
    place = data.draw(st.integers(0, len(lines)))
    one = make(wires)
    parts = [one.decode(HEADER + b"".join(lines[:place])), one.decode(b"".join(lines[place:]) + END)]
    whole = one.decode(b"".join(lines))
    joined = [pa.concat_arrays(pieces) for pieces in zip(*(arrays for _, arrays in parts), strict=True)]
    assert (sum(count for count, _ in parts), [repr(each.to_pylist()) for each in joined]) == (
        whole[0],
        [repr(each.to_pylist()) for each in whole[1]],
    )


LONG = ["int4", "text", "bool", "numeric(20,2)", "int2[]", "uuid"]


def long_rows(count: int = 5000) -> list[bytes]:
    """More than the native module decodes at once, each NULL late in its column."""
    some = "00000000-0000-4000-8000-{:012x}".format
    return rows(
        LONG,
        [
            tuple(None if number % 1500 == 1400 + place else value for place, value in enumerate(values))
            for number, values in enumerate(
                (n, f"ü{n}", n % 3 == 0, Decimal(n).scaleb(-2), [n % 7, None][: n % 3], some(n)) for n in range(count)
            )
        ],
    )


def test_both_decode_a_long_block_to_the_same_memory() -> None:
    block = b"".join(long_rows())
    assert outcome(decoder, LONG, block) == outcome(ReferenceDecoder, LONG, block)


@both
def test_of_several_faults_the_first_of_the_first_column_is_told(make: Make) -> None:
    lines = long_rows()
    lines[10] = row(None, b"\xff", None, None, None, None)
    lines[4000] = row(struct.pack(">i", 0), b"\xff", None, None, None, None)
    lines[4500] = row(None, None, b"\x02", None, None, None)
    with pytest.raises(Undecodable) as caught:
        make(LONG).decode(b"".join(lines))
    assert (caught.value.kind, caught.value.column, caught.value.row) == ("encoding", 1, 10)


INFINITE, MINUS_INFINITE = struct.pack(">q", 2**63 - 1), struct.pack(">q", -(2**63))
_FIRST_US, _LAST_US = -63_082_281_600_000_000, 252_455_615_999_999_999
UNDECODABLE: list[tuple[str, bytes, str]] = [
    ("date", struct.pack(">i", 2**31 - 1), "infinity"),
    ("date", struct.pack(">i", -(2**31)), "infinity"),
    ("date", struct.pack(">i", -730_120), "year"),
    ("date", struct.pack(">i", 2_921_940), "year"),
    ("timestamp", INFINITE, "infinity"),
    ("timestamptz", MINUS_INFINITE, "infinity"),
    ("timestamp", struct.pack(">q", _FIRST_US - 1), "year"),
    ("timestamptz", struct.pack(">q", _LAST_US + 1), "year"),
    ("time", struct.pack(">q", 86_400_000_000), "midnight"),
    ("interval", struct.pack(">qii", 2**63 - 1, 2**31 - 1, 2**31 - 1), "infinity"),
    ("interval", struct.pack(">qii", -(2**63), -(2**31), -(2**31)), "infinity"),
    ("interval", struct.pack(">qii", 2**63 // 1000 + 1, 0, 0), "interval"),
    ("interval", struct.pack(">qii", -(2**63), 0, 0), "interval"),
    ("numeric(10,2)", raw_numeric([], sign=0xC000), "nan"),
    ("numeric(10,2)", raw_numeric([], sign=0xD000), "infinity"),
    ("numeric(10,2)", raw_numeric([], sign=0xF000), "infinity"),
    ("numeric(4,0)", raw_numeric([1, 0], weight=1), "precision"),
    ("numeric(38,0)", raw_numeric([100], weight=9), "precision"),
    ("numeric(76,38)", raw_numeric([1], weight=32_767), "precision"),
    ("numeric(10,2)", raw_numeric([1, 2345], weight=0, shown=4), "scale"),
    ("numeric(76,38)", raw_numeric([1], weight=-32_768), "scale"),
    ("numeric(5,-2)", raw_numeric([10]), "scale"),
    ("text", b"\xff", "encoding"),
    ("text", b"\xc3", "encoding"),
    ("text", "\ud800".encode(errors="surrogatepass"), "encoding"),
    ("jsonb", b"\x01\xed\xa0\x80", "encoding"),
    ("int4[]", struct.pack(">iiIiiii", 2, 0, 23, 0, 1, 0, 1), "dimensions"),
    ("date[]", array([None, struct.pack(">i", 2**31 - 1)]), "infinity"),
]


@both
@pytest.mark.parametrize(("wire", "value", "kind"), UNDECODABLE)
def test_what_arrow_cannot_hold_is_told_with_its_place(make: Make, wire: str, value: bytes, kind: str) -> None:
    with pytest.raises(Undecodable) as caught:
        make(["int2", wire]).decode(row(None, None) + row(None, value))
    assert (caught.value.kind, caught.value.column, caught.value.row) == (kind, 1, 1)


def test_every_kind_of_value_that_arrow_cannot_hold_is_met_here() -> None:
    assert {kind for _, _, kind in UNDECODABLE} == set(REASONS)


@both
def test_two_values_that_are_only_together_utf8_are_refused(make: Make) -> None:
    with pytest.raises(Undecodable) as caught:
        make(["text"]).decode(row(b"a") + row(b"\xc3") + row(b"\xbc"))
    assert caught.value.row == 1


FITTING: list[tuple[str, bytes, object]] = [
    ("date", struct.pack(">i", -730_119), dt.date.min),
    ("date", struct.pack(">i", 2_921_939), dt.date.max),
    ("timestamp", struct.pack(">q", _FIRST_US), dt.datetime.min),
    ("timestamp", struct.pack(">q", _LAST_US), dt.datetime.max),
    ("time", struct.pack(">q", 86_399_999_999), dt.time.max),
    ("interval", struct.pack(">qii", 2**63 // 1000, 1, -1), pa.MonthDayNano((-1, 1, 2**63 // 1000 * 1000))),
    ("oid", b"\xff\xff\xff\xff", 2**32 - 1),
    ("numeric(76,0)", raw_numeric([9999] * 19, weight=18), Decimal("9" * 76)),
    ("numeric(76,0)", raw_numeric([9999] * 19, weight=18, sign=0x4000), Decimal("-" + "9" * 76)),
    ("numeric(38,38)", raw_numeric([100], weight=-10, shown=38), Decimal("1e-38")),
    ("numeric(10,2)", raw_numeric([0, 0, 7, 5000, 0, 0], weight=2, shown=13), Decimal("7.50")),
    ("numeric(10,2)", raw_numeric([0, 0], weight=32_767), Decimal("0.00")),
    ("numeric(5,-2)", raw_numeric([100]), Decimal("1e2")),
    ("numeric(2,4)", raw_numeric([12], weight=-1), Decimal("0.0012")),
    ("uuid", bytes(range(240, 256)), "f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff"),
    ("text", b"", ""),
    ("text", b"a\0b", "a\0b"),
    ("jsonb", b"\x01", ""),
    ("int2[]", array([b"\0\1", None], first=-3), [1, None]),
    ("int2[]", array([]), []),
    ("int2[]", struct.pack(">iiIii", 1, 0, 21, 0, 1), []),
    ("text[]", array([b"", "ü".encode()]), ["", "ü"]),
]


@both
@pytest.mark.parametrize(("wire", "value", "expected"), FITTING)
def test_the_last_values_that_fit_are_exact(make: Make, wire: str, value: bytes, expected: object) -> None:
    assert one_value(make, wire, value) == expected


@both
def test_a_nan_keeps_its_bits(make: Make) -> None:
    bits = 0x7FF4_0000_0000_0001
    _, [column] = make(["float8"]).decode(row(struct.pack(">Q", bits)))
    assert column.view(pa.int64()).to_pylist() == [bits]


BROKEN: list[tuple[list[str], bytes]] = [
    (["int4"], row(b"\0" * 8)),
    (["int8"], row(b"\0" * 4)),
    (["bool"], row(b"\x02")),
    (["time"], row(struct.pack(">q", -1))),
    (["time"], row(struct.pack(">q", 86_400_000_001))),
    (["jsonb"], row(b"")),
    (["jsonb"], row(b"\x02{}")),
    (["uuid"], row(b"\0" * 15)),
    (["text"], struct.pack(">hi", 1, -2)),
    (["text"], struct.pack(">hi", 1, 5) + b"four"),
    (["text"], b"\0"),
    (["text"], b"\0\1"),
    (["text"], b"\0\1\0\0"),
    (["text", "text"], row(b"a")),
    (["text"], row(b"a", b"b")),
    ([], row(b"a")),
    (["text"], row(b"a") + b"\xff\xfe"),
    (["text"], row(b"a") + END + row(b"b")),
    (["text"], END + END),
    (["text"], HEADER + HEADER),
    (["text"], HEADER[:-1]),
    (["text"], HEADER[:11] + struct.pack(">II", 1 << 16, 0)),
    (["text"], HEADER[:11] + struct.pack(">Ii", 0, -1)),
    (["text"], HEADER[:11] + struct.pack(">Ii", 0, 1)),
    (["numeric(9,0)"], row(b"\0" * 7)),
    (["numeric(9,0)"], row(struct.pack(">hhHH", -1, 0, 0, 0))),
    (["numeric(9,0)"], row(raw_numeric([1]) + b"\0")),
    (["numeric(9,0)"], row(raw_numeric([10_000]))),
    (["numeric(9,0)"], row(raw_numeric([1], sign=0x8000))),
    (["numeric(9,0)"], row(raw_numeric([1], shown=0x4000))),
    (["int2[]"], row(b"\0" * 11)),
    (["int2[]"], row(struct.pack(">iiI", -1, 0, 21))),
    (["int2[]"], row(struct.pack(">iiI", 7, 0, 21))),
    (["int2[]"], row(struct.pack(">iiI", 0, 2, 21))),
    (["int2[]"], row(struct.pack(">iiI", 1, 0, 21))),
    (["int2[]"], row(struct.pack(">iiIii", 1, 0, 21, -1, 1))),
    (["int2[]"], row(struct.pack(">iiIii", 1, 0, 21, 2, 1) + field(b"\0\0"))),
    (["int2[]"], row(array([b"\0\0\0"]))),
    (["int2[]"], row(array([b"\0\0"]) + b"\0")),
    # The element's length reaches into the next field of the row.
    (["text[]", "text"], row(struct.pack(">iiIiii", 1, 0, 25, 1, 1, 6), b"ab")),
]


@both
@pytest.mark.parametrize(("wires", "block"), BROKEN)
def test_bytes_that_the_protocol_does_not_know_are_told(make: Make, wires: list[str], block: bytes) -> None:
    with pytest.raises(BrokenBlock):
        make(wires).decode(block)


@both
@pytest.mark.parametrize(
    ("wire", "block"),
    [
        ("text", struct.pack(">hi", 1, 2**31 - 1) + b"few"),
        ("int8[]", row(struct.pack(">iiIii", 1, 0, 20, 2**31 - 1, 1))),
        ("numeric(76,38)", row(struct.pack(">hhHH", 2**15 - 1, 0, 0, 0))),
    ],
)
def test_a_length_that_is_only_claimed_takes_no_memory(make: Make, wire: str, block: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes
    with pytest.raises(BrokenBlock):
        make([wire]).decode(block)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@both
def test_the_extension_of_the_header_is_skipped(make: Make) -> None:
    block = HEADER[:11] + struct.pack(">II", 1, 3) + b"new" + row(b"a")
    assert make(["text"]).decode(block)[1][0].to_pylist() == ["a"]


@both
@pytest.mark.parametrize("block", [b"", HEADER, END, HEADER + END])
def test_a_block_without_rows_is_an_empty_column_of_the_type(make: Make, block: bytes) -> None:
    count, [column] = make(["numeric(10,2)[]"]).decode(block)
    assert (count, column.to_pylist(), column.type) == (0, [], arrow_type("numeric(10,2)[]"))


@both
def test_rows_without_columns_are_counted(make: Make) -> None:
    assert make([]).decode(HEADER + row() * 3 + END) == (3, [])


@both
def test_arrays_outlive_their_decoder_and_their_block(make: Make) -> None:
    _, arrays = make(LONG).decode(b"".join(long_rows(2000)))
    before = [memory(one) for one in arrays]
    gc.collect()
    make(LONG).decode(b"".join(long_rows(2000)))
    assert [memory(one) for one in arrays] == before


@both
def test_threads_share_a_decoder(make: Make) -> None:
    shared, blocks = make(LONG), [b"".join(long_rows(3000)[start:]) for start in range(8)]
    with ThreadPoolExecutor(4) as threads:
        counts = [count for count, _ in threads.map(shared.decode, blocks)]
    assert counts == [3000 - start for start in range(8)]


@both
@pytest.mark.parametrize("wire", ["", "int3", "int4[][]", "[]", "numeric", "numeric(0,0)", "numeric(77,0)", "int4 "])
def test_an_unknown_format_is_refused_before_anything_is_read(make: Make, wire: str) -> None:
    with pytest.raises(ValueError, match="no such format"):
        make([wire])


@pytest.mark.parametrize("wire", sorted(ARROW))
def test_every_format_is_drawn_in_these_tests(wire: str) -> None:
    assert {wire, f"{wire}[]"} <= set(VALUES)


@pytest.fixture
def nothing_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "NATIVE", False)
    monkeypatch.setattr(decoding, "_noticed", False)


@pytest.mark.usefixtures("nothing_compiled")
def test_without_the_native_module_a_big_block_says_so_once() -> None:
    big = row(bytes(decoding.BIG))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            decoder(["bytea"]).decode(big)
    assert ["Install Rust" in str(each.message) for each in caught] == [True]


@pytest.mark.usefixtures("nothing_compiled")
def test_without_the_native_module_a_small_block_says_nothing() -> None:
    assert decoder(["bytea"]).decode(row(b"few"))[0] == 1

"""Rows of Arrow as lines of JSON, column by column: no Python object is made of a value.

NULL is left out, or ``null`` on request; inside of a struct or a list it is ``null``. What JSON has no word for (NaN,
infinity) must be gone before. Decimals have all their digits; times are ISO 8601, moments in UTC with a ``Z``,
durations whole numbers of their unit, bytes base64, maps objects. A text that is marked as JSON must be JSON, and is
written as it stands.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.frames.types import is_document, kind

Words = tuple[str, Any, str]
"""What stands before each value, the values as texts, and what stands behind: put together only once."""


def documents(columns: Sequence[pa.Field], arrays: Sequence[Any], rows: int, *, nulls: bool = False) -> Any:
    r"""The rows as texts, an object of JSON each; what is NULL in it is left out, or with ``nulls`` is ``null``.

    >>> columns = [pa.field("a", pa.int8()), pa.field("b", pa.list_(pa.string()))]
    >>> documents(columns, [pa.array([1, None]), pa.array([['x"', None], []])], 2).to_pylist()
    ['{"a":1,"b":["x\\"",null]}', '{"b":[]}']
    """
    if not columns:
        return pa.array(["{}"]).take(pa.array(np.zeros(rows, np.int64)))
    pieces: list[Any] = []
    between = ""
    for column, array in zip(columns, arrays, strict=True):
        before, texts, after = words(column, array)
        before = f",{name(column.name)}:{before}"
        if texts.null_count:
            missing = f",{name(column.name)}:null" if nulls else ""
            pieces += [between, joined(before, texts, after).fill_null(missing)]
            between = ""
        else:
            pieces += [between + before, texts]
            between = after
    # The first comma becomes the brace; a row without any value has none.
    return joined(pc.binary_replace_slice(joined(*pieces, between), 0, 1, "{"), "}")


def lines(actions: Any, sources: Any) -> Any:
    """What a bulk request says of each row: the action, then the document, a line each."""
    return joined(actions, "\n", sources, "\n")


def quoted(texts: Any) -> Any:
    """Texts as JSON strings."""
    before, inside, after = _strings(texts)
    return joined(before, inside, after)


def name(text: str) -> str:
    r"""A key of a JSON object.

    >>> name('a "b"')
    '"a \\"b\\""'
    """
    return orjson.dumps(text).decode()


def values(column: pa.Field, array: Any) -> Any:
    """Each value in JSON's words; NULL stays NULL."""
    before, texts, after = words(column, array)
    return joined(before, texts, after) if before or after else texts


def words(column: pa.Field, array: Any) -> Words:
    """As `values`, in pieces."""
    if isinstance(array, pa.ExtensionArray):
        return words(column.with_type(array.type.storage_type), array.storage)
    if is_document(column) and kind(array.type) == "text":
        return "", _one_line(_plain(array)), ""
    write = WORDS.get(kind(array.type) or "")
    if write is None:
        raise TypeError(f"JSON has no word for {array.type}")
    return write(column, array)


def joined(*parts: Any) -> Any:
    """Texts put together row by row; NULL where one of them is."""
    return pc.binary_join_element_wise(*parts, "")


# --- scalars --------------------------------------------------------------------------------------------------------


def _nulls(column: pa.Field, array: Any) -> Words:  # noqa: ARG001 (the signature of all of them)
    return "", pa.nulls(len(array), pa.string()), ""


def _as_cast(column: pa.Field, array: Any) -> Words:  # noqa: ARG001
    return "", array.cast(pa.string()), ""


def _floats(column: pa.Field, array: Any) -> Words:  # noqa: ARG001
    """The shortest text that means the same float, and one that looks like a float: by it, unknown fields are made."""
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    texts = array.cast(pa.string())
    whole = pc.and_(pc.equal(pc.trunc(array), array), pc.less(pc.abs(array), 1e15))
    if pc.any(whole).as_py():
        digits = pc.and_(whole, pc.equal(pc.find_substring(texts, "e"), -1))
        texts = pc.if_else(digits, joined(texts, ".0"), texts)
    return "", texts, ""


def _texts(column: pa.Field, array: Any) -> Words:  # noqa: ARG001
    return _strings(array)


def _strings(array: Any) -> Words:
    return '"', _escaped(_plain(array)), '"'


def _plain(array: Any) -> Any:
    return array if array.type == pa.string() else array.cast(pa.string())


_ESCAPES = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escaped(array: Any) -> Any:
    letters = _letters(array)
    # Comparing bytes is vectorised; nearly all texts need nothing.
    for special in ("\\", '"'):  # the backslash first: the others bring more of them
        if (letters == ord(special)).any():
            array = pc.replace_substring(array, special, f"\\{special}")
    if len(letters) and letters.min() < 0x20:
        for code in np.unique(letters[letters < 0x20]):
            letter = chr(int(code))
            array = pc.replace_substring(array, letter, _ESCAPES.get(letter, f"\\u{int(code):04x}"))
    return array


def _letters(array: Any) -> np.ndarray[Any, Any]:
    """The bytes of all texts, and what may lie between them under NULL."""
    _, offsets, data = array.buffers()
    if data is None or not len(array):
        return np.empty(0, np.uint8)
    ends = np.frombuffer(offsets, np.int32)
    return np.frombuffer(data, np.uint8)[ends[array.offset] : ends[array.offset + len(array)]]


def _one_line(array: Any) -> Any:
    """JSON with blanks for its line breaks, which can only stand where blanks can."""
    for letter in "\n\r":
        if (_letters(array) == ord(letter)).any():
            array = pc.replace_substring(array, letter, " ")
    return array


def _labels(column: pa.Field, array: Any) -> Words:
    before, texts, after = words(column.with_type(array.type.value_type), array.dictionary)
    return before, texts.take(array.indices), after


def _moments(column: pa.Field, array: Any) -> Words:  # noqa: ARG001
    ticks = array.cast(pa.int64())  # those of UTC, whatever the zone
    texts = ticks.cast(pa.timestamp(array.type.unit)).cast(pa.string())
    return '"', pc.replace_substring(texts, " ", "T"), '"' if array.type.tz is None else 'Z"'


def _as_text(column: pa.Field, array: Any) -> Words:  # noqa: ARG001
    """Dates and times of day."""
    if pa.types.is_date64(array.type):
        array = array.cast(pa.date32())
    return '"', array.cast(pa.string()), '"'


def _ticks(column: pa.Field, array: Any) -> Words:  # noqa: ARG001
    return "", array.cast(pa.int64()).cast(pa.string()), ""


def _bytes(column: pa.Field, array: Any) -> Words:  # noqa: ARG001
    found = [None if value is None else base64.b64encode(value).decode("ascii") for value in array.to_pylist()]
    return '"', pa.array(found, pa.string()), '"'


# --- nested ---------------------------------------------------------------------------------------------------------


def _lists(column: pa.Field, array: Any) -> Words:
    items = values(column.type.value_field if kind(column.type) == "list" else array.type.value_field, array.flatten())
    lengths = pc.list_value_length(array).fill_null(0)
    return "[", _gathered(items.fill_null("null"), lengths, array), "]"


def _structs(column: pa.Field, array: Any) -> Words:  # noqa: ARG001
    fields = [array.type.field(place) for place in range(array.type.num_fields)]
    texts = documents(fields, array.flatten(), len(array), nulls=True)
    return "", pc.if_else(array.is_valid(), texts, pa.scalar(None, pa.string())), ""


def _maps(column: pa.Field, array: Any) -> Words:
    offsets = array.offsets.to_numpy()
    keys, items = array.keys, array.items
    first, last = int(offsets[0]), int(offsets[-1])
    keys, items = keys.slice(first, last - first), items.slice(first, last - first)
    pairs = joined(quoted(keys), ":", values(column.type.item_field, items).fill_null("null"))
    return "{", _gathered(pairs, pa.array(np.diff(offsets)), array), "}"


def _gathered(texts: Any, lengths: Any, array: Any) -> Any:
    """So many of the texts for each row, with commas between them."""
    offsets = np.concatenate([[0], np.cumsum(lengths.to_numpy(zero_copy_only=False))]).astype(np.int32)
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), texts), ",")
    return pc.if_else(array.is_valid(), joined, pa.scalar(None, pa.string())) if array.null_count else joined


WORDS: dict[str, Callable[[pa.Field, Any], Words]] = {
    "null": _nulls,
    "boolean": _as_cast,
    "integer": _as_cast,
    "float": _floats,
    "decimal": _as_cast,
    "text": _texts,
    "binary": _bytes,
    "date": _as_text,
    "time": _as_text,
    "timestamp": _moments,
    "duration": _ticks,
    "dictionary": _labels,
    "list": _lists,
    "struct": _structs,
    "map": _maps,
}
"""Kind of Arrow's type -> how it is written."""

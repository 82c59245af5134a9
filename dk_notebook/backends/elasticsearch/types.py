"""The types that mappings declare, as data: what each is in Arrow, and how its values are written in JSON.

>>> arrow_field("at", "date").type, arrow_field("tags", "keyword", array=True).type
(TimestampType(timestamp[ms, tz=UTC]), ListType(list<item: string>))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

from dk_notebook.frames.types import JSON, TYPE, mark

Form = Literal["integer", "float", "boolean", "text", "date", "binary", "vector", "point", "document"]
"""How the values of a type are written: numbers, text, ISO 8601, base64, a list of numbers, a point of the earth in one
of its spellings, or JSON that is left as it is."""


@dataclass(frozen=True)
class MappingType:
    """What a word of a mapping means."""

    arrow: pa.DataType
    form: Form


MILLISECONDS: Final = pa.timestamp("ms", "UTC")
NANOSECONDS: Final = pa.timestamp("ns", "UTC")

_TEXT: Final = MappingType(pa.string(), "text")
DOCUMENT: Final = MappingType(pa.string(), "document")
"""Whatever JSON it is: also what a type that is not in the table, of a later server or a plugin, is read as."""

TYPES: Final[dict[str, MappingType]] = {
    "byte": MappingType(pa.int8(), "integer"),
    "short": MappingType(pa.int16(), "integer"),
    "integer": MappingType(pa.int32(), "integer"),
    "long": MappingType(pa.int64(), "integer"),
    "unsigned_long": MappingType(pa.uint64(), "integer"),
    "token_count": MappingType(pa.int32(), "integer"),
    "half_float": MappingType(pa.float32(), "float"),
    "float": MappingType(pa.float32(), "float"),
    "double": MappingType(pa.float64(), "float"),
    "scaled_float": MappingType(pa.float64(), "float"),
    "rank_feature": MappingType(pa.float64(), "float"),
    "boolean": MappingType(pa.bool_(), "boolean"),
    "date": MappingType(MILLISECONDS, "date"),
    "date_nanos": MappingType(NANOSECONDS, "date"),
    "keyword": _TEXT,
    "constant_keyword": _TEXT,
    "counted_keyword": _TEXT,
    "icu_collation_keyword": _TEXT,
    "wildcard": _TEXT,
    "text": _TEXT,
    "match_only_text": _TEXT,
    "pattern_text": _TEXT,
    "annotated_text": _TEXT,
    "search_as_you_type": _TEXT,
    "ip": _TEXT,
    "version": _TEXT,
    "binary": MappingType(pa.binary(), "binary"),
    "dense_vector": MappingType(pa.list_(pa.float32()), "vector"),
    "geo_point": MappingType(pa.string(), "point"),
    "nested": DOCUMENT,
    "object": DOCUMENT,
    "flattened": DOCUMENT,
    "geo_shape": DOCUMENT,
    "point": DOCUMENT,
    "shape": DOCUMENT,
    "join": DOCUMENT,
    "completion": DOCUMENT,
    "percolator": DOCUMENT,
    "rank_features": DOCUMENT,
    "rank_vectors": DOCUMENT,
    "sparse_vector": DOCUMENT,
    "semantic_text": DOCUMENT,
    "histogram": DOCUMENT,
    "aggregate_metric_double": DOCUMENT,
    "integer_range": DOCUMENT,
    "long_range": DOCUMENT,
    "float_range": DOCUMENT,
    "double_range": DOCUMENT,
    "date_range": DOCUMENT,
    "ip_range": DOCUMENT,
}
"""Word of the mapping -> type. An ``object`` is a column of its own only where the server does not look into it."""

METADATA: Final[dict[str, pa.DataType]] = {"_id": pa.string(), "_index": pa.string(), "_score": pa.float64()}
"""What a hit has beside its document. A column when it is named."""

VECTORS: Final = frozenset({"dense_vector", "sparse_vector", "rank_vectors"})
"""Left out of ``_source`` by servers from 9.2 on."""

ISO_FORMATS: Final = frozenset(
    {
        "strict_date_optional_time",
        "date_optional_time",
        "strict_date_optional_time_nanos",
        "strict_date_time",
        "date_time",
        "strict_date_time_no_millis",
        "date_time_no_millis",
        "strict_date",
        "date",
        "iso8601",
        "epoch_millis",
    }
)
"""Formats of dates in which a text that reads as ISO 8601 means what it says, and a number is milliseconds."""


def type_of(word: str) -> MappingType:
    """The type of that name."""
    return TYPES.get(word, DOCUMENT)


def arrow_field(name: str, word: str, *, array: bool = False) -> pa.Field:
    """A column of that type as it is read. ``array``: a list of such values, where one value is none already."""
    kind = type_of(word)
    if kind.form in ("document", "point"):
        return mark(mark(pa.field(name, kind.arrow), TYPE, word), JSON)
    return mark(pa.field(name, pa.list_(kind.arrow) if array and kind.form != "vector" else kind.arrow), TYPE, word)

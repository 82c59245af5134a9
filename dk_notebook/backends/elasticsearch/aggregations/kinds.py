"""The kinds of aggregations, as data: which columns each gives, and where their values are in an answer.

What is not here, of a later server or a plugin, is one column with its whole answer as JSON: nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Form = Literal["integer", "unsigned", "float", "boolean", "instant", "text", "texts", "json"]
"""How values of a column are written; `aggregation_values` has what each is in Arrow."""
Shape = Literal["metric", "bucket", "buckets", "nothing"]
"""One answer, one bucket, several of them, or no answer of its own."""
FormOf = Callable[[Any], Form]
"""The form of a field's values, given its name; text where it is not mapped."""


@dataclass(frozen=True)
class Part:
    """A column of an aggregation: what follows its name, and where the value is."""

    suffix: str
    form: Form
    find: Callable[[Mapping[str, Any]], Any]


def at(*path: str) -> Callable[[Mapping[str, Any]], Any]:
    """What finds the value at a path; None where there is none.

    >>> at("a", "b")({"a": {"b": 1}}), at("a", "b")({"a": None})
    (1, None)
    """

    def find(answer: Mapping[str, Any]) -> Any:
        value: Any = answer
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        return value

    return find


def _parts(form: Form, *names: str) -> list[Part]:
    return [Part(f".{name}", form, at(*name.split("."))) for name in names]


_VARIANCES: Final = ("variance", "variance_population", "variance_sampling")
_DEVIATIONS: Final = ("std_deviation", "std_deviation_population", "std_deviation_sampling")
_BOUNDS: Final = tuple(
    f"std_deviation_bounds.{side}{of}" for of in ("", "_population", "_sampling") for side in ("upper", "lower")
)
_PERCENTS: Final = (1, 5, 25, 50, 75, 95, 99)
"""The server's, where the request names none."""

# --- metrics ----------------------------------------------------------------------------------------------------------

_FLOATS: Final = frozenset(
    {
        "sum", "weighted_avg", "median_absolute_deviation", "rate", "t_test",
        "avg_bucket", "sum_bucket", "cumulative_sum", "moving_fn", "moving_avg", "serial_diff", "bucket_script",
        "normalize", "bucket_correlation",
    }
)  # fmt: skip
_COUNTS: Final = frozenset({"value_count", "cardinality", "cumulative_cardinality"})
_OF_THE_FIELD: Final = frozenset({"min", "max", "avg"})
"""Their value is a date where the field's values are dates. Else a double: so the server computes."""
_WHOLE: Final = frozenset({"geo_bounds", "cartesian_bounds", "geo_line", "matrix_stats"})
NOTHING: Final = frozenset({"bucket_sort", "bucket_selector"})
"""They order or drop buckets of others."""
KEYED: Final = frozenset({"percentiles", "percentile_ranks", "percentiles_bucket"})
"""They are asked for a list instead of an object, whose names would be Java's words for numbers."""


def metric_parts(kind: str, body: Mapping[str, Any], form_of: FormOf) -> list[Part]:
    """The columns of an aggregation that has no buckets.

    >>> [part.suffix for part in metric_parts("percentiles", {"percents": [50, 99.9]}, lambda field: "float")]
    ['.50.0', '.99.9']
    """
    if kind in _FLOATS:
        return [Part("", "float", at("value"))]
    if kind in _COUNTS:
        return [Part("", "integer", at("value"))]
    if kind in _OF_THE_FIELD:
        return [Part("", _moment(body, form_of), at("value"))]
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(body, form_of)
    return [Part("", "json", lambda answer: answer or None)]


def _moment(body: Mapping[str, Any], form_of: FormOf) -> Form:
    return "instant" if form_of(body.get("field")) == "instant" else "float"


def _stats(body: Mapping[str, Any], form_of: FormOf) -> list[Part]:
    values = _parts(_moment(body, form_of), "min", "max", "avg")
    return [*_parts("integer", "count"), *values, *_parts("float", "sum")]


def _extended_stats(body: Mapping[str, Any], form_of: FormOf) -> list[Part]:
    return [*_stats(body, form_of), *_parts("float", "sum_of_squares", *_VARIANCES, *_DEVIATIONS, *_BOUNDS)]


def _percentiles(body: Mapping[str, Any], form_of: FormOf) -> list[Part]:
    return _numbered(body.get("percents"), _moment(body, form_of))


def _percentile_ranks(body: Mapping[str, Any], form_of: FormOf) -> list[Part]:  # noqa: ARG001 (as the others)
    return _numbered(body.get("values"), "float")


def _numbered(wanted: Any, form: Form) -> list[Part]:
    numbers = wanted if isinstance(wanted, Sequence) and not isinstance(wanted, str) else _PERCENTS
    return [Part(f".{_number(each)}", form, _percentile(each, place)) for place, each in enumerate(numbers)]


def _number(value: Any) -> str:
    try:
        return repr(float(value))
    except (TypeError, ValueError):  # a rank of a date
        return str(value)


def _percentile(wanted: Any, place: int) -> Callable[[Mapping[str, Any]], Any]:
    """What finds it in the list of an answer: by its number, or its place where it is none."""

    def find(answer: Mapping[str, Any]) -> Any:
        values = answer.get("values") or []
        named = [each for each in values if _number(each.get("key")) == _number(wanted)]
        found = named[0] if named else values[place] if place < len(values) else {}
        return found.get("value")

    return find


def _top_metrics(body: Mapping[str, Any], form_of: FormOf) -> list[Part]:
    if body.get("size", 1) != 1:
        return [Part("", "json", at("top"))]
    metrics = body.get("metrics") or []
    fields = [str(each.get("field")) for each in ([metrics] if isinstance(metrics, Mapping) else metrics)]

    def first(field: str) -> Callable[[Mapping[str, Any]], Any]:
        return lambda answer: at("metrics", field)((answer.get("top") or [{}])[0])

    return [Part(f".{field}", form_of(field), first(field)) for field in fields]


def _string_stats(body: Mapping[str, Any], form_of: FormOf) -> list[Part]:  # noqa: ARG001 (as the others)
    parts = [*_parts("integer", "count", "min_length", "max_length"), *_parts("float", "avg_length", "entropy")]
    return [*parts, *_parts("json", "distribution")] if body.get("show_distribution") else parts


def _derivative(body: Mapping[str, Any], form_of: FormOf) -> list[Part]:  # noqa: ARG001 (as the others)
    parts = [Part("", "float", at("value"))]
    return [*parts, *_parts("float", "normalized_value")] if "unit" in body else parts


def _constant(*parts: Part) -> Callable[[Mapping[str, Any], FormOf], list[Part]]:
    return lambda body, form_of: list(parts)  # noqa: ARG005 (as the others)


_SPECIAL: Final[dict[str, Callable[[Mapping[str, Any], FormOf], list[Part]]]] = {
    "stats": _stats,
    "extended_stats": _extended_stats,
    "stats_bucket": _stats,
    "extended_stats_bucket": _extended_stats,
    "percentiles": _percentiles,
    "percentiles_bucket": _percentiles,
    "percentile_ranks": _percentile_ranks,
    "top_metrics": _top_metrics,
    "string_stats": _string_stats,
    "derivative": _derivative,
    "boxplot": _constant(*_parts("float", "min", "max", "q1", "q2", "q3", "lower", "upper")),
    "max_bucket": _constant(Part("", "float", at("value")), *_parts("texts", "keys")),
    "min_bucket": _constant(Part("", "float", at("value")), *_parts("texts", "keys")),
    "geo_bounds": _constant(Part("", "json", at("bounds"))),
    "cartesian_bounds": _constant(Part("", "json", at("bounds"))),
    "geo_centroid": _constant(Part("", "json", at("location")), *_parts("integer", "count")),
    "cartesian_centroid": _constant(Part("", "json", at("location")), *_parts("integer", "count")),
    "top_hits": _constant(Part("", "json", at("hits", "hits"))),
    "scripted_metric": _constant(Part("", "json", at("value"))),
}

# --- buckets ----------------------------------------------------------------------------------------------------------

SINGLE: Final = frozenset(
    {
        "filter", "global", "missing", "nested", "reverse_nested", "sampler", "diversified_sampler", "random_sampler",
        "children", "parent",
    }
)  # fmt: skip

_EDGES: Final[dict[str, Form]] = {
    "range": "float",
    "date_range": "instant",
    "ip_range": "text",
    "geo_distance": "float",
}
_KEYS: Final[dict[str, Form]] = {
    "histogram": "float",
    "variable_width_histogram": "float",
    "date_histogram": "instant",
    "auto_date_histogram": "instant",
    "range": "text",
    "date_range": "text",
    "ip_range": "text",
    "geo_distance": "text",
    "ip_prefix": "text",
    "adjacency_matrix": "text",
    "geohash_grid": "text",
    "geotile_grid": "text",
    "geohex_grid": "text",
    "categorize_text": "text",
    "significant_text": "text",
    "frequent_item_sets": "json",
    "time_series": "json",
}
"""Those whose key has always the same form."""
_BY_FIELD: Final = frozenset({"terms", "rare_terms", "significant_terms"})
_BESIDE: Final[dict[str, list[Part]]] = {
    "significant_terms": [*_parts("float", "score"), *_parts("integer", "bg_count")],
    "significant_text": [*_parts("float", "score"), *_parts("integer", "bg_count")],
    "variable_width_histogram": _parts("float", "min", "max"),
    "ip_prefix": _parts("integer", "prefix_length"),
    "categorize_text": [*_parts("text", "regex"), *_parts("integer", "max_matching_length")],
    "frequent_item_sets": _parts("float", "support"),
    **{kind: _parts(form, "from", "to") for kind, form in _EDGES.items()},
}
"""What buckets have beside their key."""
_VALUE_TYPES: Final[dict[str, Form]] = {
    "long": "integer",
    "double": "float",
    "boolean": "boolean",
    "date": "instant",
    "number": "float",
}
LEFT_OVERS: Final = frozenset({"terms", "multi_terms"})
"""They show so many buckets and count what is in others."""
NAMED_SOURCES: Final = "composite"
"""Its columns have the names of its sources, not its own."""


def shape_of(kind: str) -> Shape:
    """What an aggregation answers with."""
    if kind in SINGLE:
        return "bucket"
    if kind in NOTHING:
        return "nothing"
    known = kind in _KEYS or kind in _BY_FIELD or kind in ("composite", "multi_terms", "filters")
    return "buckets" if known else "metric"


def key_parts(kind: str, body: Mapping[str, Any], form_of: FormOf) -> list[Part]:
    """The columns of the keys of buckets, and what they have beside them.

    >>> [(part.suffix, part.form) for part in key_parts("date_range", {}, lambda field: "instant")]
    [('', 'text'), ('.from', 'instant'), ('.to', 'instant')]
    """
    if kind == "composite":
        sources = body.get("sources") or []
        return [_source(name, said, form_of) for each in sources for name, said in each.items()]
    if kind == "multi_terms":
        return [_term(place, each, form_of) for place, each in enumerate(body.get("terms") or [])]
    if kind == "filters":
        form: Form = "text" if isinstance(body.get("filters"), Mapping) else "integer"
        return [Part("", form, at("key"))]
    form = _KEYS.get(kind) or _field_form(body, form_of)
    return [Part("", form, at("key")), *_BESIDE.get(kind, [])]


def _field_form(body: Mapping[str, Any], form_of: FormOf) -> Form:
    said = _VALUE_TYPES.get(str(body.get("value_type")))
    return said or form_of(body.get("field"))


def _source(name: str, source: Mapping[str, Any], form_of: FormOf) -> Part:
    kind, body = next(iter(source.items()), ("", {}))
    form = _KEYS.get(kind) or _field_form(body if isinstance(body, Mapping) else {}, form_of)
    return Part(name, form, at("key", name))


def _term(place: int, term: Mapping[str, Any], form_of: FormOf) -> Part:
    field = term.get("field")

    def find(bucket: Mapping[str, Any]) -> Any:
        return bucket["key"][place]

    return Part(f".{field if isinstance(field, str) else place}", _field_form(term, form_of), find)

"""A table as users see it: its columns, and its files with what their folders say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.dataset as ds
import pyarrow.json as pajson

from dk_notebook.backends.s3.datasets import partitions
from dk_notebook.backends.s3.datasets.carried import TextFormat, carried, restored
from dk_notebook.backends.s3.datasets.formats import Format
from dk_notebook.backends.s3.datasets.listing import File, Listing, looked_at
from dk_notebook.backends.s3.datasets.location import Location
from dk_notebook.backends.s3.datasets.manifest import Shape, write_of
from dk_notebook.backends.s3.datasets.schema import unified
from dk_notebook.backends.s3.objects import Objects
from dk_notebook.backends.s3.reading.image import LONGEST, Image, Traffic, all_of
from dk_notebook.errors import QueryError
from dk_notebook.frames.cast import cast_exact
from dk_notebook.runtime.workers import in_worker

LARGE: Final = 32 << 20
"""Bytes of memory of the row groups that are read in one go, about; of the store: those of a request."""
LENGTH: Final = 4
"""Bytes before each text of a page of Parquet that holds texts."""
CODECS: Final = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}


@dataclass(eq=False)
class Part:
    """A file of a table."""

    file: File
    guarantee: Any
    """What its folders say, as an expression; None: nothing."""
    image: Image
    fragment: Any = None
    """Arrow's view of it, once its description is there."""


@dataclass(frozen=True)
class Span:
    """A part of a file that is read in one go."""

    part: Part
    ranges: tuple[tuple[int, int], ...]
    """Bytes, each from its first up to (not with) its last."""
    groups: tuple[int, ...] | None = None
    """Row groups of Parquet; None: all."""
    rows: int | None = None
    """How many there are in them, where that is known."""


@dataclass(frozen=True)
class Dataset:
    """An open table."""

    listing: Listing
    parts: tuple[Part, ...]
    layout: Any
    """Arrow's format of the files."""
    physical: pa.Schema
    """The columns with the types that the files give."""
    schema: pa.Schema
    """The columns as users see them: the same names in the same order."""
    form: Format
    traffic: Traffic
    partitions: tuple[str, ...] = ()
    """The columns that are folders."""
    labels: frozenset[str] = frozenset()
    """The columns of text of which a file holds each value once, and its number in each row."""

    @property
    def stored(self) -> list[str]:
        """The columns that lie in the files."""
        return [name for name in self.physical.names if name not in self.partitions]

    @property
    def rows(self) -> int | None:
        """How many rows there are, where all files have said so: those of Parquet that are not all ours."""
        if self.form != "parquet" or any(part.fragment is None for part in self.parts):
            return None
        return sum(int(part.fragment.metadata.num_rows) for part in self.parts)

    def kept(self, expression: Any) -> list[Part]:
        """The files that may have rows for which the expression holds, as far as their folders tell."""
        if expression is None:
            return list(self.parts)
        return [part for part in self.parts if part.guarantee is None or self._may_match(part, expression)]

    def _may_match(self, part: Part, expression: Any) -> bool:
        empty = self.layout.make_fragment(pa.py_buffer(b""), partition_expression=part.guarantee)
        alone = ds.FileSystemDataset([empty], self.physical, self.layout)
        return any(True for _ in alone.get_fragments(filter=expression))

    async def load(self, part: Part, columns: Sequence[str], expression: Any) -> list[Any]:
        """The file as fragments of Arrow, with what of it these columns and rows need; none: no row is wanted."""
        return await all_of(map(self.fetched, await self.spans(part, columns, expression)))

    async def spans(self, part: Part, columns: Sequence[str], expression: Any, *, bounded: bool = False) -> list[Span]:
        """What of the file has these columns and may have such rows, in its order.

        ``bounded``: in parts that are small as rows, too.
        """
        size = part.file.size
        if self.form != "parquet":
            return [Span(part, ((0, size),))]
        described = bounded or expression is not None or part.fragment is not None
        if not described and size <= LONGEST and set(columns) >= set(self.stored):
            return [Span(part, ((0, size),))]  # the description comes with the rest
        await self.describe(part)
        return await in_worker(self._spans, part, frozenset(columns), expression)

    def _spans(self, part: Part, columns: frozenset[str], expression: Any) -> list[Span]:
        fragment = part.fragment
        if expression is not None:
            fragment = fragment.subset(filter=expression, schema=self.physical)
        metadata = fragment.metadata
        return [
            Span(part, tuple(ranges), tuple(groups), sum(metadata.row_group(group).num_rows for group in groups))
            for groups, ranges in _together(metadata, [group.id for group in fragment.row_groups], columns)
        ]

    async def fetched(self, span: Span, *, as_labels: bool = False) -> Any:
        """A part of a file as a fragment of Arrow, which alone holds what was read for it.

        ``as_labels``: that reads `labels` as dictionaries, and makes text of them at the end, which takes a third of
        the time. Not for one that filters.
        """
        part = span.part
        if self.form != "parquet":
            await part.image.fetch_all()
            fragment = await in_worker(self._unpacked, part)
            part.image.forget()
            return fragment
        image = part.image if part.image.has(span.ranges) else part.image.of_own()
        await image.fetch(span.ranges)
        image.take_over(part.image)
        layout = _parquet(self.labels) if as_labels and self.labels else self.layout
        return self._fragment(part, image.buffer, span.groups, layout)

    async def describe(self, part: Part) -> pa.Schema:
        """The columns of a Parquet file."""
        if part.fragment is None:
            await part.image.fetch_footer()
            part.fragment = self._fragment(part, part.image.buffer)
        return await in_worker(_described, part.fragment, part.file.path)

    def _unpacked(self, part: Part) -> Any:
        codec = next((codec for end, codec in CODECS.items() if part.file.key.endswith(end)), None)
        data = part.image.buffer
        if codec is not None:
            with pa.input_stream(data, compression=codec) as stream:
                data = stream.read_buffer()
        return self._fragment(part, data)

    def _fragment(self, part: Part, data: pa.Buffer, groups: Sequence[int] | None = None, layout: Any = None) -> Any:
        chosen = {} if groups is None else {"row_groups": groups}
        return (layout or self.layout).make_fragment(data, partition_expression=part.guarantee, **chosen)

    def gives(self, schema: pa.Schema) -> bool:
        """Whether the files give these columns as they are, so that `shaped` has nothing to look at."""
        return self.form == "parquet" and all(
            column.type == self.physical.field(column.name).type and not pa.types.is_dictionary(column.type)
            for column in schema
        )

    def shaped(self, batch: pa.RecordBatch, schema: pa.Schema, position: int) -> pa.RecordBatch:
        """Rows as the files give them with the types of ``schema``; ``position`` is the first one's."""
        arrays = [self._restored(array, column, position) for array, column in zip(batch.columns, schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _restored(self, array: Any, column: pa.Field, position: int) -> Any:
        if pa.types.is_dictionary(array.type) and array.dictionary.null_count:
            # As Arrow makes of the folder of NULL: a label that is NULL, which goes together with no other labels.
            array = cast_exact(array.dictionary_decode(), array.type, column=column.name, position=position)
        if array.type == column.type:
            return array
        if self.form == "parquet":
            return cast_exact(array, column.type, column=column.name, position=position)
        return restored(array, column, position=position)


Opener: TypeAlias = Callable[[str], Awaitable[Dataset]]
"""Opens the table of a name, as `opened` does."""


async def opened(objects: Callable[[str], Objects], location: Location) -> Dataset:
    """The table there. NotFound: there is none; QueryError: its files do not go together, or are no tables."""
    bucket = objects(location.bucket)
    return await looked_at(objects, location, lambda listing: _opened(bucket, listing))


async def _opened(bucket: Objects, listing: Listing) -> Dataset:
    form = listing.format
    shape = listing.manifest.shape
    ours = shape is not None and all(write_of(file.path) is not None for file in listing.files)
    paths = [] if listing.single else [file.path for file in listing.files]
    names = partitions.names_of(paths) or (shape.partitions if shape is not None else ())
    kinds = partitions.types_of(names, paths, shape.schema if shape is not None else None)
    traffic = Traffic()
    parts = tuple(
        Part(file, None if listing.single else _guarantee(file, kinds), Image(bucket, file, traffic))
        for file in listing.files
    )
    layout = _layout(form, shape if ours else None)
    found = Dataset(listing, parts, layout, pa.schema([]), pa.schema([]), form, traffic)
    # Files of one shape have the same columns: one tells them all.
    stored = await _stored(found, parts[:1] if ours else parts, shape if ours else None)
    stored = pa.schema([column for column in stored if column.name not in kinds])
    physical = pa.schema([*stored, *(pa.field(name, kind) for name, kind in kinds.items())])
    seen = _seen(physical, shape)
    physical = pa.schema([physical.field(name) for name in seen.names])
    labels = _labels(parts[0].fragment, physical) if form == "parquet" and parts else frozenset()
    return Dataset(listing, parts, layout, physical, seen, form, traffic, tuple(kinds), labels)


def _seen(physical: pa.Schema, shape: Shape | None) -> pa.Schema:
    """The columns in the order, and of the types, in which they were written; what is not from us comes after."""
    declared = shape.schema if shape is not None else pa.schema([])
    first = [column for column in declared if physical.get_field_index(column.name) >= 0]
    rest = [column for column in physical if declared.get_field_index(column.name) < 0]
    return pa.schema([*first, *rest])


def _guarantee(file: File, kinds: Mapping[str, pa.DataType]) -> Any:
    expression = None
    for name, value in partitions.values_in(file.path, kinds).items():
        one = pc.field(name) == pc.scalar(value) if value.is_valid else pc.field(name).is_null()
        expression = one if expression is None else expression & one
    return expression


# --- how the files are read -------------------------------------------------------------------------------------------


def _layout(form: Format, shape: Shape | None) -> Any:
    """How files of a format are read; ``shape``: as we wrote them."""
    if form == "parquet":
        return _parquet()
    if form == "csv":
        types = {column.name: _carried(column.type, "csv") for column in shape.stored} if shape is not None else None
        return ds.CsvFileFormat(
            parse_options=pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=shape is None),
            default_fragment_scan_options=ds.CsvFragmentScanOptions(
                convert_options=pacsv.ConvertOptions(
                    column_types=types,
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=shape is None,
                    null_values=[""] if shape is not None else None,
                )
            ),
        )
    return ds.JsonFileFormat(
        default_fragment_scan_options=ds.JsonFragmentScanOptions(
            parse_options=pajson.ParseOptions(newlines_in_values=False)
        )
    )


def _parquet(labels: Set[str] = frozenset()) -> Any:
    return ds.ParquetFileFormat(
        read_options=ds.ParquetReadOptions(dictionary_columns=labels) if labels else None,
        default_fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False),
    )


def _labels(fragment: Any, physical: pa.Schema) -> frozenset[str]:
    """The columns of text with so few bytes that none of their pages can hold the texts themselves.

    These have their lengths with them, of four bytes each.
    """
    metadata = fragment.metadata
    if not metadata.num_row_groups:
        return frozenset()
    group = metadata.row_group(0)
    columns = (group.column(place) for place in range(group.num_columns))
    texts = {column.name for column in physical if column.type == pa.string()}
    return frozenset(
        column.path_in_schema
        for column in columns
        if column.path_in_schema in texts
        and column.has_dictionary_page
        and column.total_uncompressed_size < LENGTH * group.num_rows
    )


def _carried(arrow: pa.DataType, form: TextFormat) -> pa.DataType:
    found = carried(arrow, form)
    if found is None:
        raise QueryError(f"{form} holds no {arrow}: the manifest of the dataset is not one of ours")
    return found


async def _stored(dataset: Dataset, parts: Sequence[Part], shape: Shape | None) -> pa.Schema:
    """The columns that lie in these files."""
    form = dataset.form
    if shape is not None and form != "parquet":
        return pa.schema([pa.field(column.name, _carried(column.type, form)) for column in shape.stored])
    if not parts:
        return shape.stored if shape is not None else pa.schema([])

    async def one(part: Part) -> pa.Schema:
        if form == "parquet":
            return await dataset.describe(part)
        await part.image.fetch_all()
        return await in_worker(lambda: _described(dataset._unpacked(part), part.file.path))

    found = await all_of(map(one, parts))
    return unified({part.file.path: schema for part, schema in zip(parts, found, strict=True)}).remove_metadata()


def _described(fragment: Any, path: str) -> pa.Schema:
    try:
        return fragment.physical_schema
    except (pa.ArrowException, OSError) as error:
        raise QueryError(f"{path!r} cannot be read: {error}") from error


def _together(
    metadata: Any, groups: Sequence[int], columns: frozenset[str]
) -> Iterator[tuple[list[int], list[tuple[int, int]]]]:
    """Row groups that are read in one go, and where the values of columns lie in them."""
    held: list[int] = []
    ranges: list[tuple[int, int]] = []
    stored = size = 0
    for group in groups:
        more, more_size = _needed(metadata.row_group(group), columns)
        more_stored = sum(stop - start for start, stop in more)
        if held and (stored + more_stored > LONGEST or size + more_size > LARGE):
            yield held, ranges
            held, ranges, stored, size = [], [], 0, 0
        held.append(group)
        ranges += more
        stored, size = stored + more_stored, size + more_size
    if held:
        yield held, ranges


def _needed(group: Any, columns: frozenset[str]) -> tuple[list[tuple[int, int]], int]:
    """Where the values of columns lie in a row group of Parquet, and about how many bytes of memory they take."""
    ranges, size = [], 0
    for place in range(group.num_columns):
        column = group.column(place)
        if column.path_in_schema.partition(".")[0] in columns or column.path_in_schema in columns:
            start = column.dictionary_page_offset or column.data_page_offset
            ranges.append((min(start, column.data_page_offset), start + column.total_compressed_size))
            size += max(column.total_uncompressed_size, 8 * group.num_rows)
    return ranges, size

"""What a write will do, known before its first row: to which dataset or object, in which columns and files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from dk_notebook.backends.base import TableWrite
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.datasets import manifest
from dk_notebook.backends.s3.datasets.formats import format_of
from dk_notebook.backends.s3.datasets.listing import listed
from dk_notebook.backends.s3.datasets.location import Location
from dk_notebook.backends.s3.datasets.manifest import Manifest, Shape
from dk_notebook.backends.s3.objects import Objects
from dk_notebook.backends.s3.reading.dataset import Dataset, opened
from dk_notebook.backends.s3.writing.declare import arrow_type, check_partitions, shape
from dk_notebook.backends.s3.writing.encode import Encoding
from dk_notebook.backends.s3.writing.fit import Fit, fits
from dk_notebook.backends.sql.targets import check_columns, known, other_type
from dk_notebook.errors import ConfigError, Conflict, NotFound, Unsupported, did_you_mean
from dk_notebook.frames.names import check_usable

BucketOf = Callable[[str], Objects]
"""The objects of a bucket, by its name."""

OPTIONS: Final = ("format", "compression", "partition_by")
INSTEAD: Final = {
    "truncate": 'mode="replace" gives new contents in one step',
    "upsert": 'mode="append" adds rows; files have no keys to update by',
    "ignore": 'mode="append" adds rows; files have no keys to compare',
}
"""Modes that a dataset does not have, and what to use."""
EXISTS: Final = 'mode="append" or "replace" says what to do with it'


@dataclass(frozen=True, kw_only=True)
class Intent:
    """A write, as far as it is known before its first row."""

    target: TableWrite
    location: Location
    single: bool
    """It is one object, and no dataset."""
    shape: Shape
    """Of the files that are written."""
    encoding: Encoding
    fits: tuple[Fit, ...]
    state: Manifest
    """By which all of this was found."""
    exists: bool
    """There are rows already, beside which, or in whose place, these come."""


async def intent(bucket_of: BucketOf, config: S3Config, target: TableWrite, schema: pa.Schema) -> Intent:
    """How a stream of this schema goes there. Changes nothing; raises what needs no row to be known."""
    _check(target, schema)
    location = Location.of(target.table, config)
    bucket = bucket_of(location.bucket)
    if format_of(location.key) is not None and not await _is_dataset(bucket, location):
        return await _single(bucket, location, target, schema)
    if target.mode == "append":
        try:
            dataset = await opened(bucket_of, location)
        except NotFound as error:
            _check_bucket(error)
            return await _made(bucket, location, target, schema, exists=False)
        return _beside(dataset, target, schema)
    exists = await _exists(bucket_of, location)
    if exists and target.mode == "fail":
        raise Conflict(f"the dataset {target.table!r} exists", hint=EXISTS)
    return await _made(bucket, location, target, schema, exists=exists)


def _check(target: TableWrite, schema: pa.Schema) -> None:
    if target.mode in INSTEAD:
        raise Unsupported(f"s3: mode={target.mode!r}: a dataset is files", hint=INSTEAD[target.mode])
    if target.key:
        raise ConfigError(f"s3: mode={target.mode!r} does not use key=")
    for name in target.options:
        if name not in OPTIONS:
            raise ConfigError(f"s3 does not use {name}=", hint=did_you_mean(name, OPTIONS))
    if not schema.names:
        raise ConfigError("there is no column to write")
    check_usable(schema.names)
    for name in target.types:
        known(name, schema, "types")


async def _exists(bucket_of: BucketOf, location: Location) -> bool:
    try:
        await listed(bucket_of, location)
    except NotFound as error:
        _check_bucket(error)
        return False
    return True


def _check_bucket(error: NotFound) -> None:
    """Raise it again where it is the bucket that is not there."""
    if error.code == "NoSuchBucket":
        raise error


# --- a dataset that is made, or made anew -----------------------------------------------------------------------------


async def _made(bucket: Objects, location: Location, target: TableWrite, schema: pa.Schema, *, exists: bool) -> Intent:
    encoding = Encoding.of(target.options.get("format", "parquet"), target.options.get("compression"))
    made = shape(schema, encoding.format, tuple(target.options.get("partition_by", ())), target.types)
    state, _ = await manifest.read(bucket, location.prefix)
    return Intent(
        target=target,
        location=location,
        single=False,
        shape=made,
        encoding=encoding,
        fits=fits(schema, made),
        state=state,
        exists=exists,
    )


# --- more rows for one that is there ----------------------------------------------------------------------------------


def _beside(dataset: Dataset, target: TableWrite, schema: pa.Schema) -> Intent:
    """The dataset's own columns, format and folders rule; what is said beside them may only say the same."""
    columns, form = dataset.schema, dataset.form
    check_columns(schema.names, columns.names, columns.names, target.table)
    said = target.options.get("format", form)
    if said != form:
        raise ConfigError(f"format={said!r}: the files of {target.table!r} are {form}", hint=f"format={form!r}")
    _check_folders(target, dataset.partitions, schema)
    for name, text in target.types.items():
        if arrow_type(name, text) != columns.field(name).type:
            raise other_type(name, str(text), str(columns.field(name).type))
    like = Shape(form, columns, dataset.partitions)
    return Intent(
        target=target,
        location=dataset.listing.location,
        single=False,
        shape=like,
        encoding=Encoding.of(form, target.options.get("compression")),
        fits=fits(schema, like),
        state=dataset.listing.manifest,
        exists=True,
    )


def _check_folders(target: TableWrite, there: tuple[str, ...], schema: pa.Schema) -> None:
    said = target.options.get("partition_by")
    if said is None or tuple(said) == there:
        return
    check_partitions(said, schema)
    by = f"by {', '.join(there)}" if there else "by nothing"
    raise ConfigError(
        f"partition_by={list(said)}: the dataset {target.table!r} is partitioned {by}",
        hint='leave partition_by= out, or mode="replace" makes the dataset anew',
    )


# --- one object -------------------------------------------------------------------------------------------------------


async def _is_dataset(bucket: Objects, location: Location) -> bool:
    """Whether there are files below the name, though it ends like a file's: some programs name datasets so."""
    pages = bucket.list(location.prefix)
    try:
        return await anext(pages, None) is not None
    finally:
        await pages.aclose()


async def _single(bucket: Objects, location: Location, target: TableWrite, schema: pa.Schema) -> Intent:
    if target.mode == "append":
        raise Unsupported(
            f"s3: {target.table!r} is one object, to which nothing can be added",
            hint='mode="replace" puts another one in its place; a name without an ending is a dataset, which grows',
        )
    if target.options.get("partition_by"):
        raise ConfigError(
            f"partition_by=: {target.table!r} is one object", hint="a name without an ending is a dataset, with folders"
        )
    encoding = _encoding_of(location, target)
    made = shape(schema, encoding.format, (), target.types)
    exists = True
    try:
        await bucket.head(location.key)
    except NotFound as error:
        _check_bucket(error)
        exists = False
    if exists and target.mode == "fail":
        raise Conflict(f"the object {location.url} exists", hint='mode="replace" puts another one in its place')
    return Intent(
        target=target,
        location=location,
        single=True,
        shape=made,
        encoding=encoding,
        fits=fits(schema, made),
        state=Manifest(),
        exists=exists,
    )


def _encoding_of(location: Location, target: TableWrite) -> Encoding:
    """What the ending of an object says. ConfigError: the options say something else."""
    form = str(format_of(location.key))
    said = target.options.get("format", form)
    if said != form:
        raise ConfigError(f"format={said!r}: an object named {location.key!r} is {form}")
    ending = location.key.lower().rpartition(".")[2]
    packed = {"gz": "gzip", "zst": "zstd", "bz2": "bzip2"}.get(ending)
    compression = target.options.get("compression")
    if form != "parquet" and (packed or "none") != (compression or packed or "none"):
        raise ConfigError(f"compression={compression!r}: an object named {location.key!r} has {packed or 'none'}")
    return Encoding.of(form, compression or packed)

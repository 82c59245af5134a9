"""Frames in: what every write to a connection goes through, on whatever loop it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypedDict, get_args

from dk_notebook import layouts
from dk_notebook.backends.base import Layout, Mode, TableWrite, WritePlan, WriteReport
from dk_notebook.errors import ConfigError, ConversionError, did_you_mean
from dk_notebook.frames.source import as_stream
from dk_notebook.progress import bar
from dk_notebook.reading import Source, seconds
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.workers import in_worker

MODES = get_args(Mode)
KEYED: tuple[Mode, ...] = ("upsert", "ignore")


class WriteArguments(TypedDict, total=False):
    """How rows get into a table."""

    mode: Mode
    """What to do when the table is there: fail, append, replace, truncate, upsert or ignore."""
    if_exists: Mode | None
    """Another spelling of ``mode``, for pandas hands."""
    key: str | Sequence[str] | None
    """The columns that tell rows apart, for upsert and ignore."""
    index: bool
    """Write the named levels of the frame's index as columns."""
    layout: Layout | None
    """"documents": a document a row, for the records API; ``key`` is then the column of the ids (or ``id``)."""
    types: Mapping[str, str] | None
    """Column -> type in the store's language, for a table that is made."""
    errors: Literal["raise", "collect"]
    """One bad value: raise and write nothing, or write the good rows and report the bad ones."""
    partition_by: Sequence[str] | None
    """S3 datasets: the columns that become folders."""
    format: str
    """S3 datasets: the file format."""
    compression: str | None
    """S3 datasets: the codec."""
    timeout: float | None
    """Seconds for the whole call."""
    progress: bool | None
    """A progress bar: True, False, or None for where somebody can see it."""


async def write(source: Source, data: Any, table: str, **arguments: Any) -> WriteReport:
    """Write ``data`` to a table of ``source``; the report says what happened."""
    documents = layouts.checked(arguments.get("layout")) is not None
    target = _target(table, arguments, documents=documents)
    operation = Operation(
        f"write {table}",
        connection=source.name,
        timeout=seconds(arguments.get("timeout")),
        draw=bar(arguments.get("progress")),
    )
    with operation:
        async with operation.step():
            rows = await in_worker(lambda: as_stream(data, index=arguments.get("index", False), call=in_worker))
            operation.total_rows = rows.total_rows
            try:
                async with source.store.session(operation) as session:
                    ingest = layouts.ingest if documents else type(session).ingest
                    report = await ingest(session, target, rows)
            except ConversionError as error:
                if error.position is not None and rows.labels is not None and error.label is None:
                    error.label = rows.labels(error.position)
                raise
            finally:
                await rows.aclose()
    if rows.labels is not None:
        labelled = tuple(replace(row, label=rows.labels(row.position)) for row in report.rejected)
        report = replace(report, rejected=labelled)
    return replace(report, seconds=operation.seconds)


async def plan(source: Source, data: Any, table: str, **arguments: Any) -> WritePlan:
    """What `write` with these arguments would do. Changes nothing; of an iterator it takes the first frame."""
    documents = layouts.checked(arguments.get("layout")) is not None
    target = _target(table, arguments, documents=documents)
    operation = Operation(f"plan {table}", connection=source.name)
    with operation:
        async with operation.step():
            rows = await in_worker(lambda: as_stream(data, index=arguments.get("index", False), call=in_worker))
            try:
                async with source.store.session(operation) as session:
                    make = layouts.plan if documents else type(session).plan
                    return await make(session, target, rows.schema)
            finally:
                await rows.aclose()


def _target(table: str, arguments: Mapping[str, Any], *, documents: bool) -> TableWrite:
    """The arguments as one value, checked as far as no store is needed for it."""
    mode = _mode(arguments)
    key = _names("key", arguments.get("key"))
    if mode in KEYED and not key and not documents:
        raise ConfigError(f"mode={mode!r} needs key=: the columns that tell rows apart")
    if mode not in KEYED and key and not documents:
        raise ConfigError(f"key= is for the modes {' and '.join(KEYED)}; mode={mode!r} does not use it")
    errors = arguments.get("errors", "raise")
    if errors not in ("raise", "collect"):
        raise ConfigError(f"errors must be 'raise' or 'collect', not {errors!r}")
    options: dict[str, Any] = {}
    if arguments.get("partition_by") is not None:
        options["partition_by"] = _names("partition_by", arguments["partition_by"])
    if arguments.get("format", "parquet") != "parquet":
        options["format"] = arguments["format"]
    if arguments.get("compression") is not None:
        options["compression"] = arguments["compression"]
    return TableWrite(
        table=table, mode=mode, key=key, types=dict(arguments.get("types") or {}), errors=errors, options=options
    )


def _mode(arguments: Mapping[str, Any]) -> Mode:
    mode: Mode = arguments.get("mode", "fail")
    other = arguments.get("if_exists")
    if other is not None:
        if mode not in ("fail", other):
            raise ConfigError(f"mode={mode!r} and if_exists={other!r} are two spellings of one argument")
        mode = other
    if mode not in MODES:
        raise ConfigError(f"no such mode: {mode!r} (there are {', '.join(MODES)})", hint=did_you_mean(str(mode), MODES))
    return mode


def _names(argument: str, value: str | Sequence[str] | None) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value or ())
    if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        raise ConfigError(f"{argument} must be names of columns, each once, not {value!r}")
    return names

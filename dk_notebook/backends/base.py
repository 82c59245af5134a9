"""What a store must be able to do: the contract between the package and its backends.

A `Backend` is one open store with its pool, on one event loop. A `Session` is work on one lease from that pool.
What only some stores can do are protocols, asked for with ``isinstance``; `documents.Documents` is one of them, for
the records API. `dk_notebook.testing` holds the tests that
every backend must pass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import pyarrow as pa

from dk_notebook.backends.documents import DocumentPlace
from dk_notebook.config.settings import ENVIRONMENT, Level
from dk_notebook.frames import page
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.records.query import Query
from dk_notebook.runtime.leases import PoolStatus
from dk_notebook.runtime.operations import Operation
from dk_notebook.words import counted

Mode = Literal["fail", "append", "replace", "truncate", "upsert", "ignore"]
OnError = Literal["raise", "collect"]
Outcome = Literal["ok", "failed", "unknown"]
Layout = Literal["documents"]
"""How rows lie in a table that is none of columns: as the documents of the records API."""
Isolation = Literal["read committed", "repeatable read", "serializable"]


# --- settings ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PoolConfig:
    """How many connections, and how long to wait for one."""

    min_size: int = 0
    """Connections kept open."""
    max_size: int = 8
    """Connections at most."""
    timeout: float = 30.0
    """Seconds to wait for a connection, connecting included."""


@dataclass(frozen=True, kw_only=True)
class BackendConfig:
    """The settings of one store: frozen, so that equal settings are the same pool. Secrets have ``repr=False``.

    `config.py` fills it from keywords, URL, file and environment; a field of a subclass is a setting of that name,
    a field of `PoolConfig` the setting ``pool.<name>``.
    """

    pool: PoolConfig = field(default_factory=PoolConfig)
    connect_timeout: float = 10.0
    """Seconds for one attempt to connect."""
    decimals: Literal["auto", "exact", "float", "string"] = "auto"
    """How frames show decimals unless a call says otherwise."""

    spellings: ClassVar[Mapping[str, str]] = {}
    """Other spellings -> the name here, as ``{"database": "path", "max_connections": "pool.max_size"}``."""

    @classmethod
    def from_url(cls, url: str) -> Mapping[str, Any]:
        """The settings that a URL of this backend's scheme spells. ConfigError when it is malformed."""
        raise NotImplementedError

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Mapping[str, Any]:  # noqa: ARG003 (subclasses use it)
        """The settings that environment variables give; empty when they do not describe a store."""
        return {}

    @classmethod
    def lower_levels(cls, environ: Mapping[str, str], said: Mapping[str, Any]) -> Sequence[Level]:  # noqa: ARG003
        """What the environment, then the driver's own files say: place and settings of each, the first wins.

        ``said``: what the places above them say, by the settings' proper names. A backend that has secrets for one
        server leaves them out where ``said`` names another.
        """
        return [(ENVIRONMENT, cls.from_environment(environ))]

    @classmethod
    def changes_nothing(cls, word: str, value: Any) -> bool:  # noqa: ARG003 (subclasses use it)
        """Whether an unknown setting is one of the driver's that says what is so anyway, and so may be said.

        ConfigError: it is one of the driver's and cannot be had here, and why.
        """
        return False

    def has_password(self) -> bool:
        """Whether a password is set, or lies in the driver's own files: then nobody needs to be asked for one."""
        return False

    def stray_secret(self) -> str | None:
        """A secret of the user that the driver's own files would give to this store without being meant for it.

        In words, for the error that refuses the settings where they are a project's that nobody trusted yet.
        """
        return None

    @property
    def location(self) -> str:
        """Where the store is, for people: host and database, a path, a bucket. Never a secret."""
        raise NotImplementedError


# --- what is asked of a store -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Native:
    """A statement in the store's own language."""

    text: str | Mapping[str, Any]
    """SQL or ES|QL as the caller wrote it (with ``:name`` or ``$1``), or a Query DSL body."""
    params: Mapping[str, Any] | Sequence[Any] | None = None
    limit: int | None = None
    """Rows at most; runs in the store."""
    frames: Mapping[str, Any] | None = None
    """The names of the calling cell, among which the store may find frames that the text names (DuckDB)."""
    arrays: tuple[str, ...] = ()
    """The columns that hold lists, where the store does not declare them (`Backend.names_arrays`)."""
    named: tuple[str, ...] = ()
    """Columns that the caller names elsewhere (``index=``): some stores have such that come only then, as ``_id``."""


@dataclass(frozen=True, kw_only=True)
class TableQuery:
    """Rows of one table, chosen without the store's language."""

    table: str
    """``t``, ``schema.t``, an index, a prefix. Exact case, not quoted."""
    query: Query = field(default_factory=Query)
    """Conditions, order, limit and columns (``select``)."""
    partitions: int = 1
    """Parts read at the same time, of one consistent state."""
    arrays: tuple[str, ...] = ()
    """As in `Native`."""
    named: tuple[str, ...] = ()
    """As in `Native`."""


@dataclass(frozen=True, kw_only=True)
class TableWrite:
    """Where a stream of rows goes, and how."""

    table: str
    mode: Mode = "fail"
    key: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    """Column -> type in the store's language, for a table that is made."""
    errors: OnError = "raise"
    options: Mapping[str, Any] = field(default_factory=dict)
    """What only some stores use: ``partition_by``, ``format``, ``compression``. Others refuse them."""


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """A row that was not written. Its values are not kept."""

    position: int
    """The row, counted from 0."""
    column: str | None
    """None: the store does not say, as where a trigger or the choice of a partition refuses the whole row."""
    reason: str
    """In the store's words, without values; but what a trigger says is its author's text, which may quote the row."""
    label: object = None
    """The row's index label, where the data came from a frame."""


@dataclass(frozen=True, kw_only=True)
class WriteReport:
    """What a write did."""

    table: str
    mode: str
    rows: int
    """Rows written."""
    skipped: int = 0
    """Rows whose key was there already (``mode="ignore"``)."""
    rejected: tuple[Rejected, ...] = ()
    seconds: float = 0.0
    bytes: int = 0
    """Bytes of Arrow data taken from the caller."""
    outcome: Outcome = "ok"
    notes: tuple[str, ...] = ()
    """What the reader should know: types that changed their name, what was not atomic."""

    def __str__(self) -> str:
        parts = [f"{counted(self.rows, 'row')} written to {self.table}"]
        parts += [f"{self.skipped:,} skipped"] if self.skipped else []
        parts += [f"{len(self.rejected):,} rejected"] if self.rejected else []
        how = "" if self.mode == "fail" else f" ({self.mode})"  # else a table was made, and the word reads as a failure
        parts += [f"{self.bytes / 1e6:,.1f} MB"] if self.bytes >= 50_000 else []  # less would be 0.0
        told = f"{', '.join(parts)} in {self.seconds:.2f} s{how}"
        told += "" if self.outcome == "ok" else f", outcome {self.outcome}"
        return told + "".join(f"\n{note}" for note in self.notes)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001 (IPython's signature)
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return page.preformatted(str(self), wrapped=True) + _rejections(self.rejected)


@dataclass(frozen=True, kw_only=True)
class PlannedColumn:
    """A column of a write: what comes in, and what the store makes or has of it."""

    name: str
    arrow: str
    store: str
    nullable: bool = True


@dataclass(frozen=True, kw_only=True)
class WritePlan:
    """What a write would do; making it changed nothing."""

    table: str
    mode: str
    statements: tuple[str, ...]
    """The DDL (SQL stores), the mapping as JSON, or the paths."""
    columns: tuple[PlannedColumn, ...]
    notes: tuple[str, ...] = ()
    """As in the report."""

    def __str__(self) -> str:
        width = max((len(column.name) for column in self.columns), default=0)
        lines = [
            f"  {c.name:<{width}}  {c.arrow} -> {c.store}{'' if c.nullable else ' not null'}" for c in self.columns
        ]
        head = f"write to {self.table}" + ("" if self.mode == "fail" else f" ({self.mode})")  # as in the report
        return "\n".join([head, *lines, *self.statements, *self.notes])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001 (IPython's signature)
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return page.preformatted(str(self), wrapped=True)


SHOWN = 10
"""Rejected rows in the page of a report; the report has all."""


def _rejections(rejected: Sequence[Rejected]) -> str:
    """The first rejected rows as a table; nothing where there are none."""
    if not rejected:
        return ""
    rows = [
        (row.position, "" if row.label is None else row.label, row.column or "", row.reason) for row in rejected[:SHOWN]
    ]
    told = page.table(["row", "label", "column", "reason"], rows)
    more = len(rejected) - SHOWN
    return told + (f"<div>{more:,} more in report.rejected</div>" if more > 0 else "")


# --- the contract -----------------------------------------------------------------------------------------------


class Session(ABC):
    """Work on one lease of a pool. Used by one task at a time, inside ``async with backend.session(operation)``."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        """For whom this works: rows and bytes are counted there, and it aborts what hangs."""

    @abstractmethod
    async def scan(self, query: TableQuery | Native, *, batch_rows: int | None = None) -> ArrowStream:
        """The result of a query, its columns' types as the store declares them, before the first row.

        ``batch_rows``: about that many rows a batch, in bounded memory; None: whatever is fastest for reading all.
        Raises QueryError (NotFound, MissingParameter) before it returns wherever the store tells that early; a
        statement without result columns is a QueryError with the code `NO_RESULT` that names ``dk.execute``, and does
        not run.
        The stream must be closed before the session ends.
        """

    @abstractmethod
    async def execute(self, statement: Native) -> int:
        """Rows affected (DDL: 0). Several statements, without parameters, run in one transaction."""

    @abstractmethod
    async def ingest(self, target: TableWrite, data: ArrowStream) -> WriteReport:
        """Write a stream. All or nothing where the store can; never more than the report says.

        ConversionError names column and position; Conflict: the table exists (``fail``) or a key does;
        ConfigError: keys or options that do not fit; Unsupported: a mode that the store does not have.
        """

    @abstractmethod
    async def plan(self, target: TableWrite, schema: pa.Schema) -> WritePlan:
        """What `ingest` of such a stream would do. Changes nothing; raises what would be raised before any row."""


class Backend(ABC):
    """An open store and its pool. Belongs to the event loop that opened it."""

    name: ClassVar[str]
    config_class: ClassVar[type[BackendConfig]]
    place_class: ClassVar[type[Any]] = DocumentPlace
    """The settings that say where documents lie: a frozen dataclass with ``name``, like `DocumentPlace`."""
    names_arrays: ClassVar[bool] = False
    """Whether the caller names the columns that hold lists (``arrays=``), since the store does not declare them."""

    @classmethod
    @abstractmethod
    async def open(cls, config: Any) -> Self:
        """Connect and check at once. ConnectionFailed, in one attempt, when the store cannot be used."""

    @abstractmethod
    async def close(self) -> None:
        """Give everything back. Sessions that still run are cancelled."""

    @abstractmethod
    def terminate(self) -> None:
        """Close without waiting for anybody: at exit, when the loop is gone. From any thread; never raises."""

    @abstractmethod
    def session(self, operation: Operation) -> AbstractAsyncContextManager[Session]:
        """One lease from the pool, for the time of the block. PoolTimeout when none becomes free."""

    @abstractmethod
    def status(self) -> PoolStatus:
        """The figures of the pool."""

    def server(self) -> str | None:
        """What the server said it is when it was reached, as "PostgreSQL 18.1"; None: it does not say.

        From any thread; nothing is asked now.
        """
        return None


# --- what only some stores can do -------------------------------------------------------------------------------


@runtime_checkable
class Browsable(Protocol):
    """A session that knows what its store holds."""

    async def tables(self) -> pa.Table:
        """Columns: schema, table, kind, rows (the store's estimate, int64), bytes (int64)."""

    async def columns(self, table: str) -> pa.Table:
        """Columns: column, type (the store's name), dtype (pandas' name), nullable, key, default. NotFound."""


@runtime_checkable
class Listing(Protocol):
    """A session that tells the names of columns otherwise than `Browsable.columns`: quicker, or more of them."""

    async def column_names(self, table: str) -> list[str]:
        """The names of a table's columns, in their order, also of what is one only when it is named. NotFound."""


@runtime_checkable
class Foldered(Protocol):
    """A session whose tables lie in folders, one within another."""

    async def names_below(self, folder: str) -> list[str]:
        """What lies right below a folder and may be a table, by its whole name; quickly, by one listing.

        ``folder`` is empty (that of the connection) or ends with a slash.
        """


@runtime_checkable
class Explainable(Protocol):
    """A session that tells how its store would run a query."""

    async def explain(self, query: Native, *, analyze: bool) -> pa.Table:
        """A row a node: depth, node, detail, rows_estimated, rows, seconds (the last two with ``analyze``)."""


@runtime_checkable
class Transactional(Protocol):
    """A session with real transactions."""

    def transaction(self, isolation: Isolation | None = None) -> AbstractAsyncContextManager[None]:
        """BEGIN ... COMMIT around the block; an exception rolls back. Nested: a savepoint, where the store has one.

        ``isolation``: at least that; None: the store's own. Unsupported where the store cannot.
        """

"""What tells the files of a dataset from those that are being written, or were replaced.

A prefix is a dataset with or without a manifest: it is written by the first write through this package, and never
taken away. It is changed by conditional puts only, and no two states of it have the same contents, so that its etag
says which state a reader saw:

1. A write enters its id under ``pending``, and puts its files, which have the id in their names.
2. One put takes the id out again: the files are there, all at once. A ``replace`` enters what it replaces under
   ``gone`` by the same put, deletes it then, and takes it out of ``gone``.
3. A write that fails deletes its files and takes its id out. One that was killed stays under ``pending``, its files
   unseen, until a later write finds it older than a day.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import re
import secrets
import time
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import pyarrow as pa

from dk_notebook.backends.s3.objects import Objects
from dk_notebook.errors import Conflict, NotFound, QueryError

NAME = "_dk_manifest.json"
"""Of the object, below the dataset's prefix."""
VERSION = 1
DEAD = timedelta(days=1)
"""How long a write may take. What is under ``pending`` for longer was killed."""
LATE = timedelta(minutes=15)
"""How long after a put that was cut off its object may appear."""

_FILE = re.compile(r"dk-([0-9a-f]{20})-\d{5,}\..+")


def new_write() -> str:
    """The id of a write: by it, files lie in the order in which their writes began."""
    return f"{time.time_ns() // 10**6:011x}{secrets.token_hex(5)[:9]}"


def file_name(write: str, number: int, suffix: str) -> str:
    """The name of a file of that write, below its partition's folder.

    >>> file_name("00112233445566778899", 3, "parquet")
    'dk-00112233445566778899-00003.parquet'
    """
    return f"dk-{write}-{number:05d}.{suffix}"


def write_of(path: str) -> str | None:
    """The write that a file is of, by its name; None: it is of another program.

    >>> write_of("month=1/dk-00112233445566778899-00003.csv.gz"), write_of("month=1/part-0.parquet")
    ('00112233445566778899', None)
    """
    found = _FILE.fullmatch(path.rpartition("/")[2])
    return None if found is None else found[1]


@dataclass(frozen=True)
class Shape:
    """How the files of a dataset are made."""

    format: str
    """``parquet``, ``csv`` or ``jsonl``."""
    schema: pa.Schema
    """All columns in the order they were written, partition columns included."""
    partitions: tuple[str, ...] = ()
    """The columns that are folders, outermost first."""

    @property
    def stored(self) -> pa.Schema:
        """The columns that lie in the files."""
        return pa.schema([column for column in self.schema if column.name not in self.partitions])


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One state of it. What changes it gives another one.

    >>> before = Manifest(gone={"part-0.parquet": '"a1"'}).begun("00112233445566778899")
    >>> before.visible("part-0.parquet", '"a1"'), before.visible("part-0.parquet", '"b2"')
    (False, True)
    >>> before.visible("dk-00112233445566778899-00000.parquet", '"c3"')
    False
    """

    shape: Shape | None = None
    """Of the files of this package; None: no write ever ended well, so that only other programs' files can be there."""
    pending: Mapping[str, datetime] = field(default_factory=dict)
    """The writes that are under way, and since when."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """Files that were replaced and may be there still: path below the prefix -> etag."""
    writes: int = 0
    """How many writes have ended well."""
    serial: int = 0
    """Grows by every change."""

    def visible(self, path: str, etag: str) -> bool:
        """Whether a file is data; ``path`` is its key below the prefix. Other programs' files are.

        Not: one of a write that is under way or was killed, one that was replaced (and not put anew by somebody
        else since), and whatever has a part that begins with ``_`` or a dot.
        """
        if any(part[:1] in ("_", ".", "") for part in path.split("/")):
            return False
        return not self.is_gone(path, etag) and write_of(path) not in self.pending

    def is_gone(self, path: str, etag: str) -> bool:
        """Whether that version of the file was replaced."""
        return path in self.gone and self.gone[path].strip('"') == etag.strip('"')

    # --- what writes do to it -----------------------------------------------------------------------------------------

    def begun(self, write: str, at: datetime | None = None) -> Manifest:
        """With a write under way."""
        return self._next(pending={**self.pending, write: at or datetime.now(UTC)})

    def ended(self, *writes: str) -> Manifest:
        """Without writes that failed; their files must be gone by then."""
        if not self.pending.keys() & set(writes):
            return self
        return self._next(pending={write: at for write, at in self.pending.items() if write not in writes})

    def doubted(self, write: str, now: datetime | None = None) -> Manifest:
        """With a write that failed as one that will soon be taken for dead: a file of it may appear yet."""
        if write not in self.pending:
            return self
        return self.begun(write, (now or datetime.now(UTC)) - DEAD + LATE)

    def appended(self, write: str, shape: Shape, *, since: Manifest) -> Manifest:
        """With the files of a write beside those that are there.

        Conflict: since that state, by which the write was made, another one made the dataset anew with other columns;
        or the write was taken for dead.
        """
        if self.shape not in (since.shape, shape):
            raise Conflict("another write gave the dataset other columns meanwhile")
        return self._done(write, shape)

    def switched(self, write: str, shape: Shape, *, since: Manifest, replaced: Mapping[str, str]) -> Manifest:
        """With the files of a write in place of ``replaced``: path -> etag, none for a write that must be the first.

        Conflict: another write ended since that state, whose rows would be lost; or this one was taken for dead.
        """
        if self.writes != since.writes:
            raise Conflict("another write to the dataset ended meanwhile")
        # Who listed the files may have done so before another write began, whose files are not to be lost.
        gone = {path: etag for path, etag in replaced.items() if write_of(path) not in self.pending}
        return replace(self._done(write, shape), gone={**self.gone, **gone})

    def swept(self, paths: Set[str]) -> Manifest:
        """Without replaced files that were deleted."""
        if not self.gone.keys() & paths:
            return self
        return self._next(gone={path: etag for path, etag in self.gone.items() if path not in paths})

    def dead(self, now: datetime | None = None) -> frozenset[str]:
        """The writes that were killed."""
        last = (now or datetime.now(UTC)) - DEAD
        return frozenset(write for write, at in self.pending.items() if at < last)

    def _done(self, write: str, shape: Shape) -> Manifest:
        if write not in self.pending:
            raise Conflict("the write took so long that another one took it for dead")
        return replace(self.ended(write), shape=shape, writes=self.writes + 1)

    def _next(self, **changes: Any) -> Manifest:
        return replace(self, serial=self.serial + 1, **changes)

    # --- as an object -------------------------------------------------------------------------------------------------

    def to_json(self) -> bytes:
        """The body of the object."""
        return json.dumps(
            {
                "version": VERSION,
                "serial": self.serial,
                "writes": self.writes,
                "shape": None if self.shape is None else _shape_to_json(self.shape),
                "pending": {write: at.isoformat() for write, at in self.pending.items()},
                "gone": dict(self.gone),
            },
            indent=1,
            ensure_ascii=False,
        ).encode()

    @classmethod
    def from_json(cls, body: bytes | bytearray | memoryview, *, name: str = NAME) -> Manifest:
        """What `to_json` made. QueryError: it is none, or a newer package's; ``name`` tells which."""
        try:
            said = json.loads(bytes(body))
            version = said["version"]
            if version == VERSION:
                return cls(
                    shape=None if said["shape"] is None else _shape_from_json(said["shape"]),
                    pending={write: _moment(at) for write, at in said["pending"].items()},
                    gone=dict(said["gone"]),
                    writes=int(said["writes"]),
                    serial=int(said["serial"]),
                )
        except (ValueError, TypeError, KeyError, AttributeError, OSError, pa.ArrowException) as error:
            raise QueryError(
                f"{name} is no manifest of a dataset: {type(error).__name__}",
                hint="without it every file below its prefix counts, also those of writes that failed",
            ) from error
        raise QueryError(
            f"{name} has version {version!r}, which this version of dk_notebook does not know",
            hint="a newer dk_notebook wrote it, and reads it",
        )


def _shape_to_json(shape: Shape) -> dict[str, Any]:
    return {
        "format": shape.format,
        "partitions": list(shape.partitions),
        "columns": {column.name: str(column.type) for column in shape.schema},  # for people
        "schema": base64.b64encode(shape.schema.serialize()).decode(),
    }


def _shape_from_json(said: Mapping[str, Any]) -> Shape:
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(said["schema"])))
    partitions = tuple(said["partitions"])
    if not set(partitions) <= set(schema.names):
        raise ValueError("a partition that is no column")
    return Shape(str(said["format"]), schema, partitions)


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at


# --- where it lies ----------------------------------------------------------------------------------------------------

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[str, asyncio.Lock]] = WeakKeyDictionary()


def _turn(place: str) -> asyncio.Lock:
    """Who changes a manifest on this loop waits for others there: each Conflict would cost both of them a request.

    It also spares stores that look at a condition and then put, in two steps, the race between the two.
    """
    turns = _turns.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    lock = turns.get(place)
    if lock is None:
        lock = turns[place] = asyncio.Lock()
    return lock


TRIES = 100
"""Conflicts until a change is given up: each means that another one got through."""


async def read(objects: Objects, prefix: str) -> tuple[Manifest, str | None]:
    """The manifest of the dataset below that prefix (which ends with a slash), and its etag; None: there is none."""
    try:
        found = await objects.get(prefix + NAME)
    except NotFound:  # of the bucket too: whoever goes on will hear it
        return Manifest(), None
    return Manifest.from_json(found.data, name=f"s3://{objects.bucket}/{prefix}{NAME}"), found.etag


async def changed(objects: Objects, prefix: str, change: Callable[[Manifest], Manifest]) -> Manifest:
    """The manifest after ``change``, which is called with its state, and again where another one came between.

    A change that gives the state it was called with puts nothing. Raises what the change raises; Conflict: others
    came between a hundred times.
    """
    async with _turn(f"{objects.bucket}/{prefix}"):
        return await _changed(objects, prefix, change)


async def _changed(objects: Objects, prefix: str, change: Callable[[Manifest], Manifest]) -> Manifest:
    for attempt in range(TRIES):
        before, etag = await read(objects, prefix)
        after = change(before)
        if after is before:
            return before
        try:
            await objects.put(
                prefix + NAME, after.to_json(), content_type="application/json", absent=etag is None, etag=etag
            )
        except Conflict:
            if attempt == TRIES - 1:
                raise
            await asyncio.sleep(random.uniform(0, min(0.01 * 2**attempt, 0.5)))  # noqa: S311 (no secret)
            continue
        return after
    raise AssertionError("the last attempt returns or raises")

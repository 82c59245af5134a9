"""What writes before have left: files that nobody sees, of writes that were killed, or that were replaced."""

from __future__ import annotations

from collections.abc import Callable

from dk_notebook.backends.s3.datasets.manifest import Manifest, write_of
from dk_notebook.backends.s3.objects import Entry, Objects
from dk_notebook.errors import QueryError


async def files_below(bucket: Objects, prefix: str) -> dict[str, Entry]:
    """All objects of a dataset, by their path below it, seen or not."""
    return {entry.key.removeprefix(prefix): entry async for page in bucket.list(prefix) for entry in page.entries}


async def cleared(bucket: Objects, prefix: str, state: Manifest) -> Callable[[Manifest], Manifest]:
    """Delete them, and give what that changes of the manifest.

    Who may not delete writes all the same, and leaves them where they are.
    """
    dead, gone = state.dead(), frozenset(state.gone)
    if not dead and not gone:
        return lambda manifest: manifest
    there = await files_below(bucket, prefix)
    keys = [entry.key for path, entry in there.items() if write_of(path) in dead or state.is_gone(path, entry.etag)]
    try:
        await bucket.delete(keys)
    except QueryError:
        return lambda manifest: manifest
    return lambda manifest: manifest.ended(*dead).swept(gone)

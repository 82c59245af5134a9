"""Looks at a table while the store is asked whether it stayed as it was."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator
from typing import Any

import pyarrow as pa
import pytest

from dk_notebook.backends.s3.datasets import manifest
from dk_notebook.backends.s3.datasets.listing import Listing, looked_at
from dk_notebook.backends.s3.datasets.location import Location
from dk_notebook.backends.s3.datasets.manifest import Manifest, Shape, new_write
from dk_notebook.backends.s3.objects import Page

pytestmark = pytest.mark.unit

LOCATION = Location("lake", "flights", "flights")
SHAPE = Shape("csv", pa.schema({"n": pa.int64()}), ())


class NoObjects:
    """A bucket with nothing in it."""

    async def list(self, *_: Any, **__: Any) -> AsyncGenerator[Page, None]:
        return
        yield


async def test_a_stop_is_heard_while_a_look_at_what_is_no_state_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time that the manifest is read it is another one."""
    write = new_write()
    state = Manifest().begun(write).appended(write, SHAPE, since=Manifest())
    etags = itertools.count()
    ending = asyncio.Event()

    async def read(*_: Any) -> tuple[Manifest, str]:
        await asyncio.sleep(0)  # so that the look begins
        return state, str(next(etags))

    async def look(_: Listing) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ending.set()
            await asyncio.sleep(0.05)

    monkeypatch.setattr(manifest, "read", read)
    looking = asyncio.ensure_future(looked_at(lambda _: NoObjects(), LOCATION, look))  # type: ignore[arg-type,return-value]
    await ending.wait()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking

"""Pages to batches: the quick way first, then by way of objects, then with the page asked for once more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from dk_notebook.backends.elasticsearch.fields import Field
from dk_notebook.backends.elasticsearch.reading.fetch import Fetch
from dk_notebook.backends.elasticsearch.reading.hits import Lines
from dk_notebook.backends.elasticsearch.reading.objects import batch_of
from dk_notebook.backends.elasticsearch.reading.pages import Page, Pages
from dk_notebook.backends.elasticsearch.reading.values import Misfit
from dk_notebook.runtime.workers import in_worker

TRIES: Final = 3
"""Pages that are not read the quick way after all, until it is not tried any more."""


class Reader:
    """Makes batches of pages.

    ``whole``: the columns are all of the documents. ``sorts``: the type of the sort values that pages have; None: they
    have several, or nobody knows. ``paged``: whether pages have sort values at all.
    """

    def __init__(self, columns: Sequence[Field], *, whole: bool, sorts: pa.DataType | None, paged: bool = True) -> None:
        self._columns = columns
        self._whole = whole
        self._paged = paged
        self.schema = pa.schema([each.arrow for each in columns])
        self._lines = [] if paged and sorts is None else Lines.of(columns, self.schema, sorts=sorts)
        self._missed = 0
        self._doubted: frozenset[str] = frozenset()

    def fetch(self) -> Fetch:
        """What pages are asked for, as far as it is known now."""
        return self._fetch(self._doubted, careful=bool(self._doubted))

    async def batch(self, page: Page, pages: Pages) -> pa.RecordBatch:
        """The rows of a page. ConversionError: a value that has no place in its column."""
        if self._lines and self._missed < TRIES and not page.fetch.careful:
            made = await in_worker(self._of_lines, page.body)
            if made is not None:
                return made
            self._missed += 1
        while True:
            try:
                return await in_worker(self._of_objects, page)
            except Misfit as misfit:
                self._doubted |= misfit.columns | page.fetch.asked
            page = await pages.again(page, self._fetch(self._doubted, careful=True))
            pages.fetch = self.fetch()

    def _of_lines(self, body: bytes) -> pa.RecordBatch | None:
        for way in self._lines:
            made = way.batch(body)
            if made is not None:
                self._lines = [way, *(each for each in self._lines if each is not way)]
                return made
        return None

    def _of_objects(self, page: Page) -> pa.RecordBatch:
        return batch_of(page.body, self._columns, self.schema, asked=page.fetch.asked, careful=page.fetch.careful)

    def _fetch(self, asked: frozenset[str], *, careful: bool) -> Fetch:
        return Fetch.of(self._columns, whole=self._whole, asked=asked, careful=careful, paged=self._paged)

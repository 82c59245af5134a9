"""What Tab offers in SQL: tables, columns, parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dk_notebook.jupyter.completion import spelling
from dk_notebook.jupyter.completion.names import (
    USUAL,
    Candidate,
    Holdings,
    Offer,
    beginning,
    columns_in,
    frames,
    values,
)
from dk_notebook.jupyter.completion.sources import Source, same
from dk_notebook.jupyter.completion.sql import Place, in_literal, place


def offered(
    text: str, cursor: int, holdings: Holdings, variables: Mapping[str, Any], parameters: Iterable[str] | None = None
) -> Offer:
    """What fits the cursor's place. ``parameters``: instead of the variables'."""
    found = place(text, cursor)
    if found is None:
        return Offer("", is_ours=not in_literal(text, cursor))
    if found.wanted == "parameter":
        names = values(variables) if parameters is None else parameters
        return _offer(found, (Candidate(name, "variable") for name in beginning(found.typed, names)))
    offer = _Names(found, holdings, variables)
    candidates = offer.tables() if found.wanted == "table" else offer.columns()
    return _offer(found, candidates)


def _offer(found: Place, candidates: Iterable[Candidate]) -> Offer:
    return Offer(found.fragment, list({each.text: each for each in candidates}.values()), is_ours=True)


class _Names:
    """The names that fit one place."""

    def __init__(self, found: Place, holdings: Holdings, variables: Mapping[str, Any]) -> None:
        self._place = found
        self._holdings = holdings
        self._frames = frames(variables) if holdings.backend == "duckdb" else {}
        self._found: dict[Source, tuple[str, ...]] = {}

    def tables(self) -> Iterator[Candidate]:
        """Tables; a schema that is typed decides which."""
        if self._place.qualifiers:
            yield from self._of_schema(self._place.qualifiers[-1])
            return
        typed = self._place.typed.lower()
        yield from self._named(self._place.sources.names(), "clause")
        elsewhere = []
        for table in self._holdings.tables(self._place.typed):
            if table.schema in USUAL:
                if table.name.lower().startswith(typed):
                    yield Candidate(self._written(table.name), table.kind)
            elif not self._place.is_quoted:
                schema, name = self._sql(table.schema or ""), self._sql(table.name)
                if table.name.lower().startswith(typed) or f"{schema}.{name}".lower().startswith(typed):
                    elsewhere.append(Candidate(f"{schema}.{name}", table.kind))
        yield from self._named(self._frames, "frame")
        yield from elsewhere

    def columns(self) -> Iterator[Candidate]:
        """Columns of what the statement names, and then its aliases."""
        here = self._place.sources.visible(self._place.scope)
        if self._place.only:
            here = [Source(self._place.only, None, self._place.scope)]
        if self._place.qualifiers:
            qualifier = self._place.qualifiers[-1]
            named = [each for each in here if same(each.called, qualifier)]
            yield from self._columns(named)
            if not named:
                yield from self._of_schema(qualifier)
            return
        yield from self._columns(here)
        if not self._place.only:
            yield from self._named((each.called for each in here if each.called), "alias")

    def _columns(self, sources: list[Source]) -> Iterator[Candidate]:
        for source in sources:
            yield from self._named(self._columns_of(source), "column")

    def _columns_of(self, source: Source) -> Sequence[str]:
        """The columns of a source, each once. Found once: clauses of WITH may read each other over and over."""
        if source not in self._found:
            self._found[source] = ()  # a recursive query names itself
            self._found[source] = tuple(dict.fromkeys(self._columns_in(source)))
        return self._found[source]

    def _columns_in(self, source: Source) -> Iterator[str]:
        if source.columns:
            yield from source.columns
            return
        clause = self._place.sources.clauses.get(source.parts[0].lower()) if len(source.parts) == 1 else None
        if clause is not None and clause is not source:
            yield from self._columns_of(clause)
        elif source.inner is not None:
            for output in self._place.sources.outputs(source.inner):
                if isinstance(output, str):
                    yield output
                else:
                    yield from self._columns_of(output)
        elif len(source.parts) == 1 and self._holdings.table(source.parts) is None:
            name = source.parts[0]
            frame = next((frame for each, frame in self._frames.items() if same(each, name)), None)
            if frame is not None:
                yield from columns_in(frame)
        elif source.parts:
            yield from self._holdings.columns_of(source.parts)

    def _of_schema(self, schema: str) -> Iterator[Candidate]:
        inside = [table for table in self._holdings.tables() if same(table.schema, schema)]
        yield from self._named((table.name for table in inside), "table")

    def _named(self, names: Iterable[str], kind: str) -> Iterator[Candidate]:
        return (Candidate(self._written(name), kind) for name in beginning(self._place.typed, names))

    def _written(self, name: str) -> str:
        if self._place.is_quoted:
            return spelling.sql_quoted(name, closed=self._place.closes)
        return self._sql(name)

    def _sql(self, name: str) -> str:
        return spelling.sql(name, backend=self._holdings.backend)

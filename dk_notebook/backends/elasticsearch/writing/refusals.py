"""What is raised about a write that did not get through, and what it says of the rows that are in."""

from __future__ import annotations

from dk_notebook.backends.base import WriteReport
from dk_notebook.backends.elasticsearch.writing.bulk import Bulk
from dk_notebook.backends.elasticsearch.writing.intent import Intent
from dk_notebook.errors import ConnectionFailed, DkError, OutcomeUnknown, QueryError, WriteRejected
from dk_notebook.words import counted


def unwritten(bulk: Bulk, meant: Intent, error: DkError | None, *, report: WriteReport | None = None) -> DkError:
    """The error of a write that ended early.

    Of a row that the server refused: a ConversionError where it names the column, else a QueryError that names the
    row. Of a server that could not be written to: its error, or OutcomeUnknown where answers were lost; a
    WriteRejected with the report where rows were being collected.
    """
    tail = standing(bulk, meant)
    if error is None and bulk.refused:
        first = min(bulk.refused, key=lambda each: each.position)
        if first.column is not None:
            fit = next(fit for fit in meant.fits if fit.source.name == first.column)
            told: DkError = fit.error(f"{first.reason}; {tail}", first.position)
            return told
        told = first.error()
        told.message = f"row {first.position}: {told.message}; {tail}"
        return told
    reason = error.message if error is not None else "the server did not take all rows in time"
    hint = error.hint if error is not None else None
    lost = bool(bulk.unknown) and not meant.made
    if report is not None and meant.target.errors == "collect" and not meant.made:
        return WriteRejected(f"{reason}; {tail}", report=report, hint=hint)
    if error is None or (lost and isinstance(error, ConnectionFailed | QueryError)):
        return OutcomeUnknown(f"{reason}; {tail}", hint=hint or _again(meant))
    error.message = f"{error.message}; {tail}"
    return error


def standing(bulk: Bulk, meant: Intent) -> str:
    """What became of the rows before the one that ended the write."""
    if meant.made:
        return "nothing was written"
    rows = f"{counted(bulk.written, 'row')} {'is' if bulk.written == 1 else 'are'} in"
    return f"{rows}, of {len(bulk.unknown):,} more nobody can tell" if bulk.unknown else rows


def left_by_a_stop(bulk: Bulk, meant: Intent) -> str | None:
    """What to warn of when a write into an index that was there before is stopped. None: nothing is in."""
    if not bulk.written and not bulk.unknown:
        return None
    return f"the write into {meant.target.table} was stopped: {standing(bulk, meant)}"


def _again(meant: Intent) -> str | None:
    return "the same write again is safe: the key decides" if meant.key else None

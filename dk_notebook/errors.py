"""Every error that this package raises on purpose.

::

    DkError
    ├── ConfigError          (ValueError)       unknown setting, unknown connection, bad file
    ├── MissingDependency    (ImportError)      carries the install line
    ├── ConnectionFailed     (ConnectionError)  refused, lost, timed out, authentication
    │   └── PoolTimeout      (TimeoutError)     no connection became free in time
    ├── QueryError                              the store refused it: code, position, hint
    │   ├── NotFound         (LookupError)      table, index, bucket, column
    │   ├── Conflict                            the key exists, the version differs
    │   └── MissingParameter (KeyError)         a :name without a value
    ├── ConversionError      (ValueError)       names column, row and both types
    ├── WriteRejected                           carries the WriteReport
    ├── OutcomeUnknown       (ConnectionError)  lost at commit, and nobody can tell
    ├── DeadlineExceeded     (TimeoutError)     the call's time-out is over
    ├── Unsupported          (NotImplementedError)  names the backend and the capability
    └── BlockingCallInLoop   (RuntimeError)     tells which async method to await

Drivers' errors are translated into these at one place a backend, its ``errors.py``. The values of rows never
appear in a message.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

NO_RESULT = "no_result"
"""The code of a QueryError where a query has no result columns, or is several statements; nothing was run."""


class DkError(Exception):
    """The root of all errors of this package.

    ``message`` says what is wrong in one sentence, ``hint`` what to do about it (None: nothing to suggest).

    >>> print(DkError("no such setting: hots", hint="did you mean 'host'?"))
    no such setting: hots
    Hint: did you mean 'host'?
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join([self.message, *self._details()])

    def _details(self) -> Iterable[str]:
        """The lines under the message."""
        if self.hint:
            yield f"Hint: {self.hint}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions rebuild themselves from `args` alone; ours have keyword-only attributes too.
        return _rebuild, (type(self), self.message, self.__dict__)


def _rebuild(kind: type[DkError], message: str, attributes: dict[str, Any]) -> DkError:
    error = kind.__new__(kind, message)
    Exception.__init__(error, message)
    error.__dict__.update(attributes)
    return error


class ConfigError(DkError, ValueError):
    """A setting, an argument or a connection file that cannot be used as it is."""


class MissingDependency(DkError, ImportError):
    """A driver is not installed; the hint is the line that installs it."""


class ConnectionFailed(DkError, ConnectionError):
    """The store was refused, lost, too slow to answer, or did not accept the credentials."""


class PoolTimeout(ConnectionFailed, TimeoutError):
    """Every connection of the pool was in use for longer than ``pool.timeout``."""


class QueryError(DkError):
    r"""The store refused the statement.

    ``code``: the store's own code (SQLSTATE for postgres), if it has one; "cancelled" after `cancel`; "no_result"
    (`NO_RESULT`) for what only `execute` runs, a statement without result columns or several: nothing was run.
    ``position``: where in ``query``, the text that the caller wrote, as a 0-based character offset; the message then
    shows that line with a caret.

    >>> print(QueryError("syntax error", query="select 1 +\nfrmo t", position=11))
    syntax error
    LINE 2: frmo t
            ^
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        code: str | None = None,
        query: str | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.query = query
        self.position = position

    def _details(self) -> Iterable[str]:
        if self.query is not None and self.position is not None:
            yield from caret(self.query, self.position)
        yield from super()._details()


class NotFound(QueryError, LookupError):
    """A table, index, bucket, column or record that is not there."""


class Conflict(QueryError):
    """Something is there already: the table, the key, or a newer version."""


class MissingParameter(QueryError, KeyError):
    """The statement names a parameter that has no value."""


class ConversionError(DkError, ValueError):
    """A value that the target type cannot hold exactly. Nothing was written.

    ``column``: its name. ``position``: the row, counted from 0. ``label``: the row's index label, where the data
    came from a frame (None elsewhere). ``source`` and ``target``: the names of the two types.

    >>> print(ConversionError("1 digit would be lost", column="price", position=4, label="e", source="double", target="decimal(10,2)"))
    column 'price', row 4 (label 'e'): double to decimal(10,2): 1 digit would be lost
    """  # noqa: E501 (an example is one line)

    def __init__(
        self,
        reason: str,
        *,
        column: str,
        position: int | None = None,
        label: object = None,
        source: str | None = None,
        target: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(reason, hint=hint)
        self.column = column
        self.position = position
        self.label = label
        self.source = source
        self.target = target

    def __str__(self) -> str:
        where = f"column {self.column!r}"
        if self.position is not None:
            where += f", row {self.position}"
            if self.label is not None and self.label != self.position:
                where += f" (label {self.label!r})"
        types = " to ".join(name for name in (self.source, self.target) if name)
        sentence = ": ".join(part for part in (where, types, self.message) if part)
        return "\n".join([sentence, *self._details()])


class WriteRejected(DkError):
    """The store took none or only a part of the rows; ``report`` (a WriteReport) says which."""

    def __init__(self, message: str, *, report: Any, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.report = report


class OutcomeUnknown(DkError, ConnectionError):
    """The connection was lost at commit, and the store could not be asked whether it committed."""


class DeadlineExceeded(DkError, TimeoutError):
    """The time-out of the call is over; what ran on the server was cancelled."""


class Unsupported(DkError, NotImplementedError):
    """The store cannot do that; the message names the store and the capability."""


class BlockingCallInLoop(DkError, RuntimeError):
    """A blocking function was called on the background loop itself, where it would wait for itself."""


_WIDTH = 72
"""Characters of a line that a caret is shown under: below a line that the front end wraps it would be misplaced."""


def caret(text: str, position: int) -> list[str]:
    r"""The line of ``text`` that holds the offset ``position``, and a caret under the place; of a long line a part.

    >>> print("\n".join(caret("select a\nfrom t wehre", 16)))
    LINE 2: from t wehre
                   ^
    """
    position = max(0, min(position, len(text)))
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : end if end >= 0 else len(text)].replace("\t", " ")
    place = position - start
    first = max(0, min(place - _WIDTH // 2, len(line) - _WIDTH))
    shown = line[first : first + _WIDTH]
    if first > 0:
        shown = "…" + shown[1:]
    if first + _WIDTH < len(line):
        shown = shown[:-1] + "…"
    head = f"LINE {text.count(chr(10), 0, position) + 1}: "
    return [head + shown, " " * (len(head) + place - first) + "^"]


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint that names the nearest of ``known``, or None where nothing is near.

    >>> did_you_mean("odrers", ["orders", "flights"])
    "did you mean 'orders'?"
    """
    import difflib  # here: nobody should wait for it who makes no mistake

    candidates = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), candidates, n=1, cutoff=0.6)
    return f"did you mean {candidates[near[0]]!r}?" if near else None

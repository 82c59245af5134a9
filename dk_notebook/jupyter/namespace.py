"""The notebook's variables as the parameters of a statement."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any

from dk_notebook.backends.sql.parameters import Statement
from dk_notebook.errors import ConfigError, MissingParameter, did_you_mean


def visible(local: Mapping[str, Any], user: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a magic sees: the locals of the function that it stands in, then the notebook's variables."""
    return ChainMap(dict(local), dict(user))


def parameters(
    statement: Statement, variables: Mapping[str, Any], *, source: str | None = None
) -> Mapping[str, Any] | Sequence[Any] | None:
    """The ``params`` of a statement: the variables that it names, or what the one called ``source`` holds.

    ``source`` may be a mapping for ``:name`` (only the names in use are taken) or a sequence for ``$1``.
    MissingParameter for a name without a value, with the nearest that has one.

    >>> from dk_notebook.backends.sql.parameters import parse
    >>> parameters(parse("select :a"), {"a": 1, "b": 2})
    {'a': 1}
    >>> parameters(parse("select $1"), {"values": [7]}, source="values")
    [7]
    >>> parameters(parse("select :dya"), {"day": 3})
    Traceback (most recent call last):
    dk_notebook.errors.MissingParameter: :dya has no value: there is no variable 'dya' in this notebook
    LINE 1: select :dya
                   ^
    Hint: did you mean 'day'?
    """
    if source is None:
        return _taken(statement, variables, "this notebook")
    if source not in variables:
        known = [name for name, value in variables.items() if isinstance(value, Mapping) and not name.startswith("_")]
        raise ConfigError(f"--params {source}: there is no such variable", hint=did_you_mean(source, known))
    given = variables[source]
    if isinstance(given, Mapping):
        return _taken(statement, given, source)
    if isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
        return given
    raise ConfigError(
        f"--params {source}: a mapping (for :name) or a sequence (for $1) is needed, not {type(given).__name__}"
    )


def _taken(statement: Statement, variables: Mapping[str, Any], where: str) -> dict[str, Any] | None:
    """The values of exactly the names in use; None where there are none."""
    for parameter in statement.parameters:
        if isinstance(parameter.key, str) and parameter.key not in variables:
            known = [name for name in variables if isinstance(name, str) and not name.startswith("_")]
            raise MissingParameter(
                f"{statement.shown(parameter.key)} has no value: there is no variable {parameter.key!r} in {where}",
                query=statement.text,
                position=parameter.start,
                hint=did_you_mean(parameter.key, known),
            )
    return {name: variables[name] for name in statement.names} or None

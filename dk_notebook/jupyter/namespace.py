"""The notebook's variables as the parameters of a statement."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dk_notebook.errors import ConfigError, MissingParameter, did_you_mean


def visible(local: Mapping[str, Any], user: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a magic sees: the locals of the function that it stands in, then the notebook's variables."""
    return ChainMap(dict(local), dict(user))


def bound(
    names: Iterable[str], variables: Mapping[str, Any], *, query: str, where: str = "this notebook"
) -> dict[str, Any]:
    """The values of exactly these names. MissingParameter for one that has none, with the nearest that has.

    >>> bound(["day"], {"day": 3, "month": 1}, query="select :day")
    {'day': 3}
    >>> bound(["dya"], {"day": 3}, query="select :dya")
    Traceback (most recent call last):
    dk_notebook.errors.MissingParameter: :dya has no value: there is no variable 'dya' in this notebook
    LINE 1: select :dya
                   ^
    Hint: did you mean 'day'?
    """
    values: dict[str, Any] = {}
    for name in names:
        if name not in variables:
            known = [other for other in variables if not other.startswith("_")]
            raise MissingParameter(
                f":{name} has no value: there is no variable {name!r} in {where}",
                query=query,
                position=max(query.find(f":{name}"), 0),
                hint=did_you_mean(name, known) or f"assign it in a cell above: {name} = ...",
            )
        values[name] = variables[name]
    return values


def parameters(
    names: Sequence[str], variables: Mapping[str, Any], *, query: str, source: str | None
) -> Mapping[str, Any] | Sequence[Any] | None:
    """The ``params`` of a statement that uses ``names``, from the variables, or from the one called ``source``.

    ``source`` may be a mapping for ``:name`` (only the names in use are taken) or a sequence for ``$1``.

    >>> parameters(["a"], {"a": 1, "b": 2}, query="select :a", source=None)
    {'a': 1}
    >>> parameters([], {"values": [7]}, query="select $1", source="values")
    [7]
    """
    if source is None:
        return bound(names, variables, query=query) or None
    if source not in variables:
        known = [name for name, value in variables.items() if isinstance(value, Mapping) and not name.startswith("_")]
        raise ConfigError(f"--params {source}: there is no such variable", hint=did_you_mean(source, known))
    given = variables[source]
    if isinstance(given, Mapping):
        return bound(names, given, query=query, where=source) or None
    if isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
        return given
    raise ConfigError(
        f"--params {source}: a mapping (for :name) or a sequence (for $1) is needed, not {type(given).__name__}"
    )

"""Values of settings -> the types of their fields; texts come from URLs and the environment."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from dk_notebook.config.secrets import Secret

TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})
FALSE = frozenset({"false", "0", "no", "off", "f", "n"})

WANTED: Mapping[Any, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path",
    Secret: "a text",
}
"""What a field of a type takes, in words."""


class Unfit(Exception):
    """The value is none of that type; ``wanted`` says what is, in words."""

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)
        self.wanted = wanted


def cast(value: Any, hint: Any) -> Any:
    """``value`` as an instance of the annotation ``hint``, hashable; `Unfit` when it is none.

    >>> cast("8", int), cast("off", bool), cast("a,b", tuple[str, ...]), cast("hunter2", Secret | None)
    (8, False, ('a', 'b'), Secret('***'))
    >>> cast({"threads": 4}, tuple[tuple[str, object], ...])
    (('threads', 4),)
    """
    if hint is Any or hint is object:
        return frozen(value)
    origin = get_origin(hint)
    if origin is Literal:
        return _choice(value, get_args(hint))
    if origin in (Union, types.UnionType):
        return _either(value, get_args(hint))
    if origin is tuple:
        return _tuple(value, get_args(hint))
    if hint in CASTS:
        return CASTS[hint](value)
    if isinstance(hint, type) and isinstance(value, hint):
        return value
    raise Unfit(wanted(hint))


def wanted(hint: Any) -> str:
    """What a field takes, in words.

    >>> wanted(Literal["auto", "exact"])
    "'auto' or 'exact'"
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin in (Union, types.UnionType):
        return " or ".join(wanted(each) for each in arguments if each is not types.NoneType)
    if origin is tuple:
        return "a mapping" if _of_pairs(arguments) else "a list"
    return WANTED.get(hint, f"a {getattr(hint, '__name__', hint)}")


def is_secret(hint: Any) -> bool:
    """Whether a field of that annotation holds a secret."""
    return hint is Secret or any(is_secret(each) for each in get_args(hint))


def frozen(value: Any) -> Any:
    """The same with lists as tuples and mappings as sorted pairs, so that it can be hashed.

    >>> frozen({"b": [1, 2], "a": 3})
    (('a', 3), ('b', (1, 2)))
    """
    if isinstance(value, Mapping):
        return tuple(sorted((str(name), frozen(inner)) for name, inner in value.items()))
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(frozen(inner) for inner in value)
    return value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Path):
        return str(value)
    raise Unfit(WANTED[str])


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise Unfit(WANTED[int])
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            raise Unfit(WANTED[int]) from None
    if hasattr(value, "__index__"):  # numpy's integers too
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise Unfit(WANTED[int])


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise Unfit(WANTED[float])
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Unfit(WANTED[float]) from None
    if math.isnan(number):
        raise Unfit(WANTED[float])
    return number


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower() if isinstance(value, str | int) else ""
    if word not in TRUE | FALSE:
        raise Unfit(WANTED[bool])
    return word in TRUE


def _path(value: Any) -> Path:
    if isinstance(value, str | Path):
        return Path(value)
    raise Unfit(WANTED[Path])


def _secret(value: Any) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        return Secret(value)
    raise Unfit(WANTED[Secret])


CASTS: Mapping[Any, Any] = {
    str: _text,
    int: _whole,
    float: _number,
    bool: _truth,
    Path: _path,
    Secret: _secret,
}
"""Type of a field -> what casts to it."""


def _choice(value: Any, choices: Sequence[Any]) -> Any:
    for choice in choices:
        if value == choice and isinstance(value, bool) == isinstance(choice, bool):
            return choice
    if isinstance(value, str):
        for choice in choices:
            if value.lower() == str(choice).lower():
                return choice
    raise Unfit(wanted(Literal[tuple(choices)]))


def _either(value: Any, hints: Sequence[Any]) -> Any:
    if value is None and types.NoneType in hints:
        return None
    others = [hint for hint in hints if hint is not types.NoneType]
    # A value that is of one of the types already stays; only then texts are read as the first that fits.
    exact = [hint for hint in others if isinstance(hint, type) and isinstance(value, hint)]
    for hint in [*exact, *others]:
        try:
            return cast(value, hint)
        except Unfit:
            continue
    raise Unfit(" or ".join(wanted(hint) for hint in others))


def _of_pairs(arguments: Sequence[Any]) -> bool:
    return len(arguments) == 2 and arguments[1] is Ellipsis and get_origin(arguments[0]) is tuple


def _tuple(value: Any, arguments: Sequence[Any]) -> tuple[Any, ...]:
    if _of_pairs(arguments) and isinstance(value, Mapping):
        value = sorted(value.items())
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple | set | frozenset):
        raise Unfit("a mapping" if _of_pairs(arguments) else "a list")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(cast(each, arguments[0]) for each in value)
    if len(arguments) != len(value):
        raise Unfit(f"a list of {len(arguments)}")
    return tuple(cast(each, hint) for each, hint in zip(value, arguments, strict=True))

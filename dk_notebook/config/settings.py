"""Settings from several places -> one frozen configuration: spellings, precedence, types."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_type_hints

from dk_notebook.config import secrets
from dk_notebook.config.casting import Unfit, cast, is_secret
from dk_notebook.config.secrets import Secret
from dk_notebook.errors import ConfigError, did_you_mean

C = TypeVar("C")

Level = tuple[str, Mapping[str, Any]]
"""A place that settings come from, as messages call it, and what it says."""

ENVIRONMENT = "environment"
"""The place of environment variables."""

POOL_SPELLINGS: Mapping[str, str] = {
    "min_size": "pool.min_size",
    "min_connections": "pool.min_size",
    "min_pool_size": "pool.min_size",
    "max_size": "pool.max_size",
    "maxsize": "pool.max_size",
    "max_connections": "pool.max_size",
    "max_pool_size": "pool.max_size",
    "pool.min_connections": "pool.min_size",
    "pool.min_pool_size": "pool.min_size",
    "pool.maxsize": "pool.max_size",
    "pool.max_connections": "pool.max_size",
    "pool.max_pool_size": "pool.max_size",
}
"""Words for the sizes of a pool that mean the same on every backend. A backend's own ``spellings`` win over these."""

MIN, MAX, TIMEOUT = "pool.min_size", "pool.max_size", "pool.timeout"


def build(config_class: type[C], levels: Sequence[Level], *, reveal: bool = True) -> C:
    """An instance of ``config_class``, each setting from the first level that has it (None: not given).

    ``config_class`` is a frozen dataclass shaped like `backends.base.BackendConfig`. Texts are cast to the type of
    the field. A secret's source (``{ env = ... }``) is asked only if it is the level that counts; with
    ``reveal=False`` never: a secret that shows nothing stands in.

    ConfigError: an unknown setting, one that is needed and missing, two spellings at one level that disagree, a value
    of another type. It names the setting and the level, and never shows a secret.

    >>> @dataclass(frozen=True, kw_only=True)
    ... class Shop:
    ...     host: str = "localhost"
    ...     port: int = 5432
    ...     password: Secret | None = None
    >>> build(Shop, [("keyword", {"port": "5433"}), ("dk.toml", {"host": "db", "port": 1})])
    Shop(host='db', port=5433, password=None)
    >>> build(Shop, [("keyword", {"hots": "db"})])
    Traceback (most recent call last):
    dk_notebook.errors.ConfigError: unknown setting 'hots' (keyword)
    Hint: did you mean 'host'?
    """
    fields = leaves(config_class)
    said = [(place, _canonical(config_class, settings, place, fields)) for place, settings in levels]
    chosen: dict[str, _Chosen] = {}
    for rank, (place, settings) in enumerate(said):
        for name, value in settings.items():
            chosen.setdefault(name, _Chosen(value, place, rank))
    values = {name: _cast(fields[name], name, one, reveal=reveal) for name, one in chosen.items()}
    _fit_pool(values, chosen, fields)
    missing = [name for name, leaf in fields.items() if name not in values and leaf.required]
    if missing:
        raise ConfigError(f"missing setting {', '.join(map(repr, missing))}")
    return _construct(config_class, values)


def own_part(settings: Mapping[str, Any], backend: str, backends: Iterable[str]) -> Mapping[str, Any]:
    """The part of ``backend`` in a dictionary that has one part a backend; other dictionaries as they are.

    ``backends``: the names of all that there are. ConfigError when only others have a part, or when settings stand
    beside the parts.

    >>> own_part({"s3": {"bucket": "b"}, "postgres": {"host": "db"}}, "postgres", ["postgres", "s3"])
    {'host': 'db'}
    >>> own_part({"host": "db"}, "postgres", ["postgres", "s3"])
    {'host': 'db'}
    """
    parts = {name for name in [backend, *backends] if isinstance(settings.get(name), Mapping)}
    if not parts:
        return settings
    if backend not in parts:
        raise ConfigError(f"the settings have no part for {backend!r}, only for {', '.join(sorted(parts))}")
    flat = [name for name, value in settings.items() if name == "pool" or not isinstance(value, Mapping)]
    if flat:
        raise ConfigError(
            f"{', '.join(map(repr, flat))} beside the part for {backend!r}",
            hint=f"put every setting inside {backend!r}",
        )
    part: Mapping[str, Any] = settings[backend]
    return part


def canonical(config_class: type[Any], settings: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The settings of one level by their proper names (``pool.max_size``), what is secret inside `Secret`.

    To be kept and compared, and for `build`. ConfigError as there.

    >>> @dataclass(frozen=True, kw_only=True)
    ... class Login:
    ...     password: Secret | None = None
    >>> canonical(Login, {"password": "hunter2"}, "keyword")
    {'password': Secret('***')}
    """
    fields = leaves(config_class)
    given = _canonical(config_class, settings, place, fields)
    return {
        name: Secret(each) if fields[name].secret and isinstance(each, str) else each for name, each in given.items()
    }


# --- the fields of a class --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Leaf:
    """A setting: a field that is no group of others."""

    hint: Any
    """Its type, as annotated."""
    secret: bool
    required: bool
    default: Any
    metadata: Mapping[Any, Any]

    @property
    def sourced(self) -> bool:
        """Whether a mapping may say where its value is from; one that is a mapping itself has no source."""
        return self.secret or _is_text(self.hint)


@dataclass(frozen=True)
class _Chosen:
    """A value and where it is from."""

    value: Any
    place: str
    rank: int
    """The level's; a lower one wins."""


def leaves(config_class: type[Any]) -> dict[str, Leaf]:
    """The settings of a class, the fields of a group as ``group.field``."""
    found: dict[str, Leaf] = {}
    hints = get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        hint, default = hints[field.name], _default(field)
        if _is_group(hint):
            for name, leaf in leaves(hint).items():
                inner = leaf.default if default is dataclasses.MISSING else getattr(default, name)
                found[f"{field.name}.{name}"] = dataclasses.replace(leaf, default=inner)
        else:
            secret = is_secret(hint) or not field.repr
            found[field.name] = Leaf(hint, secret, default is dataclasses.MISSING, default, field.metadata)
    return found


def _is_text(hint: Any) -> bool:
    """Whether a field takes a text, and so one that comes from elsewhere; a mapping is then never its value."""
    return hint is str or str in get_args(hint)


def _is_group(hint: Any) -> bool:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _prefixes(fields: Iterable[str]) -> set[str]:
    return {f"{name.partition('.')[0]}." for name in fields if "." in name}


def _spellings(config_class: type[Any], fields: Mapping[str, Leaf]) -> dict[str, str]:
    """Other word -> setting, of those settings that the class has."""
    spellings = {**POOL_SPELLINGS, **getattr(config_class, "spellings", {})}
    return {word: name for word, name in spellings.items() if name in fields and word not in fields}


# --- one level --------------------------------------------------------------------------------------------------


def _canonical(
    config_class: type[Any], settings: Mapping[str, Any], place: str, fields: Mapping[str, Leaf]
) -> dict[str, Any]:
    """Setting -> value, of one level."""
    spellings = _spellings(config_class, fields)
    given: dict[str, dict[str, Any]] = {}
    for word, value in _flat(settings, place, _prefixes(fields)):
        name = word if word in fields else spellings.get(word)
        if name is None and _changes_nothing(config_class, word, value, place):
            continue
        if name is None:
            known = [*fields, *spellings]
            raise ConfigError(_at(f"unknown setting {word!r}", place), hint=did_you_mean(word, known) or _all(fields))
        if value is not None:
            given.setdefault(name, {})[word] = value
    return {name: _agreed(name, words, place, fields[name]) for name, words in given.items()}


def _changes_nothing(config_class: type[Any], word: str, value: Any, place: str) -> bool:
    """Whether the class knows the word, and that it changes nothing."""
    changes_nothing = getattr(config_class, "changes_nothing", None)
    try:
        return changes_nothing is not None and bool(changes_nothing(word, "" if value is None else value))
    except ConfigError as error:
        raise ConfigError(_at(error.message, place), hint=error.hint) from None


def _flat(settings: Mapping[str, Any], place: str, prefixes: set[str]) -> Iterable[tuple[str, Any]]:
    """``{"pool": {"max_size": 8}}`` as ``("pool.max_size", 8)``."""
    for word, value in settings.items():
        if f"{word}." not in prefixes or value is None:
            yield word, value
        elif isinstance(value, Mapping):
            yield from ((f"{word}.{inner}", each) for inner, each in value.items())
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            # A whole PoolConfig says each of its values, those too that are defaults.
            yield from ((f"{word}.{f.name}", getattr(value, f.name)) for f in dataclasses.fields(value))
        else:
            raise ConfigError(_at(f"{word!r} takes a mapping, as {{'max_size': 8}}", place))


def _agreed(name: str, words: Mapping[str, Any], place: str, leaf: Leaf) -> Any:
    """The one value that several spellings give. Inside ``pool``, its own words win over a backend's."""
    inside = [word for word in words if word.startswith("pool.")]
    if len(inside) > 1 and name in inside:
        words = {word: value for word, value in words.items() if word == name or word not in inside}
    (first, value), *others = words.items()
    for word, other in others:
        if not _same(value, other, leaf):
            raise ConfigError(
                _at(f"{first!r} and {word!r} are the same setting and disagree", place), hint=f"give {name!r} only"
            )
    return value


def _same(one: Any, other: Any, leaf: Leaf) -> bool:
    if secrets.is_source(one) or secrets.is_source(other):
        return bool(one == other)
    try:
        return bool(cast(one, leaf.hint) == cast(other, leaf.hint))
    except Unfit:
        return bool(one == other)


def _at(message: str, place: str) -> str:
    return f"{message} ({place})" if place else message


def _all(fields: Iterable[str]) -> str:
    return f"one of {', '.join(sorted(fields))}"


# --- all levels together ----------------------------------------------------------------------------------------


def _cast(leaf: Leaf, name: str, chosen: _Chosen, *, reveal: bool) -> Any:
    value = chosen.value
    if secrets.is_source(value) and leaf.sourced:
        if not reveal:
            return Secret("") if leaf.secret else secrets.HIDDEN
        found = secrets.find(value, name)
        value = found if leaf.secret else found.reveal()
    try:
        return cast(value, leaf.hint)
    except Unfit as unfit:
        # The value is shown only where the setting is none to keep.
        shown = "" if leaf.secret or isinstance(value, Secret) else f", not {value!r}"
        raise ConfigError(_at(f"{name!r} takes {unfit.wanted}{shown}", chosen.place)) from None


def _fit_pool(values: dict[str, Any], chosen: Mapping[str, _Chosen], fields: Mapping[str, Leaf]) -> None:
    """Sizes that fit each other: what was said explicitly, or by a higher level, stays."""
    if MIN not in fields or MAX not in fields:
        return
    _in_range(values, chosen)
    low = values.get(MIN, fields[MIN].default)
    high = values.get(MAX, fields[MAX].default)
    if low <= high:
        return
    if MAX not in chosen:
        values[MAX] = low  # a default gives way to what was said
    elif MIN not in chosen or chosen[MIN].rank > chosen[MAX].rank:
        values[MIN] = high
    else:
        places = f"{chosen[MIN].place}; the latter from: {chosen[MAX].place}"
        raise ConfigError(_at(f"{MIN!r} is {low}, above {MAX!r}, which is {high}", places))


def _in_range(values: Mapping[str, Any], chosen: Mapping[str, _Chosen]) -> None:
    for name, least, wanted in ((MIN, 0, "0 or more"), (MAX, 1, "1 or more")):
        if name in values and values[name] < least:
            raise ConfigError(_at(f"{name!r} takes {wanted}, not {values[name]}", chosen[name].place))
    for name in (TIMEOUT, "connect_timeout"):
        if name in values and not values[name] > 0:
            raise ConfigError(_at(f"{name!r} takes seconds above 0, not {values[name]}", chosen[name].place))


def _construct(config_class: type[C], values: Mapping[str, Any]) -> C:
    hints = get_type_hints(config_class)
    arguments: dict[str, Any] = {}
    for field in dataclasses.fields(config_class):  # type: ignore[arg-type]  # any dataclass, which has no type
        prefix = f"{field.name}."
        group = {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
        if group and _is_group(hints[field.name]):
            default = _default(field)
            made = _construct(hints[field.name], group) if default is dataclasses.MISSING else None
            arguments[field.name] = made if made is not None else dataclasses.replace(default, **group)
        elif field.name in values:
            arguments[field.name] = values[field.name]
    return config_class(**arguments)

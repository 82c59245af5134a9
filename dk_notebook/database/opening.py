"""From a backend's name and settings to its class, the settings of its pool, and the place of the documents."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from dk_notebook.backends import registry
from dk_notebook.backends.base import Backend, BackendConfig
from dk_notebook.config import settings
from dk_notebook.errors import ConfigError

GIVEN = "settings"
"""How messages call what a caller gives."""


@dataclasses.dataclass(frozen=True)
class Opening:
    """What a database is opened with."""

    backend: type[Backend]
    config: BackendConfig
    place: Any
    """An instance of ``backend.place_class``."""


def opening(name: str, given: Mapping[str, Any] | None) -> Opening:
    """What ``AsyncDatabase.create(name, given)`` means: the backend's settings, or a dictionary with a part for each.

    ConfigError: no such backend or setting, spellings that disagree, a part that is missing.

    >>> made = opening("duckdb", {"duckdb": {"path": "/data/shop.duckdb", "table_name": "people"}, "s3": {}})
    >>> made.config.location, made.place.name
    ('/data/shop.duckdb', 'people')
    """
    if not isinstance(name, str):
        raise ConfigError(f"a backend is named by text, not by {type(name).__name__}")
    if given is not None and not isinstance(given, Mapping):
        raise ConfigError(f"the settings of a database are a mapping, not {type(given).__name__}")
    kind = registry.load(name)
    both = _combined(kind.config_class, kind.place_class)
    said = settings.canonical(both, settings.own_part(given or {}, name, registry.names()), GIVEN)
    of_pool = {word: value for word, value in said.items() if word in settings.leaves(kind.config_class)}
    levels = [(GIVEN, said), *kind.config_class.lower_levels(os.environ, of_pool)]
    made = settings.build(both, levels)
    return Opening(kind, _part(kind.config_class, made), _part(kind.place_class, made))


def _combined(config_class: type[Any], place_class: type[Any]) -> type[Any]:
    """One class with the settings of both, so that a word that is in neither is refused once, by its nearest one."""
    spellings = {**config_class.spellings, **place_class.spellings}
    return dataclasses.make_dataclass(
        "Settings", [], bases=(place_class, config_class), namespace={"spellings": spellings}, frozen=True, kw_only=True
    )


def _part(wanted: type[Any], both: Any) -> Any:
    return wanted(**{field.name: getattr(both, field.name) for field in dataclasses.fields(wanted)})

"""What a name that is written to stands for now: nothing, an index, an alias, a data stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dk_notebook.backends.elasticsearch import names
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.writing.marks import made_for
from dk_notebook.errors import ConfigError

DestinationKind = Literal["index", "alias", "data stream"]


@dataclass(frozen=True)
class Index:
    """An index: its own name, and what the server knows of it."""

    name: str
    aliases: Mapping[str, Mapping[str, Any]]
    mapping: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Another one of the same name has another."""
        return str(self.settings.get("uuid", ""))

    @property
    def of(self) -> str | None:
        """The alias for which a ``replace`` made it; None: somebody else did."""
        return made_for(self.mapping)

    @property
    def ignores_malformed(self) -> bool:
        """Whether it drops, by default, what a field cannot read."""
        said = self.settings.get("mapping", {})
        return str(said.get("ignore_malformed", False)).lower() == "true" if isinstance(said, Mapping) else False


@dataclass(frozen=True)
class Destination:
    """Something that is there, with the index that takes what is written."""

    name: str
    kind: DestinationKind
    indices: tuple[Index, ...]
    """All that are behind it."""
    index: Index | None
    """None: of several behind an alias none is the one for writing."""


async def found(client: Client, name: str) -> Destination | None:
    """What is there, or None. ConfigError: no index can be called so."""
    names.checked(name)
    answer = await client.raw("GET", names.path(name), allowed=(404,))
    if answer.status == 404:
        return None
    said: Mapping[str, Any] = answer.json()
    indices = tuple(
        Index(each, about.get("aliases", {}), about.get("mappings", {}), about.get("settings", {}).get("index", {}))
        for each, about in said.items()
    )
    if any("data_stream" in about for about in said.values()):
        return Destination(name, "data stream", indices, indices[-1])
    if len(indices) == 1 and indices[0].name == name:
        return Destination(name, "index", indices, indices[0])
    return Destination(name, "alias", indices, _written_to(name, indices))


def _written_to(alias: str, indices: tuple[Index, ...]) -> Index | None:
    """The index behind an alias that takes what is written, as the server chooses it."""
    said = [index for index in indices if index.aliases.get(alias, {}).get("is_write_index") is True]
    if said:
        return said[0]
    refusing = len(indices) == 1 and indices[0].aliases.get(alias, {}).get("is_write_index") is False
    return indices[0] if len(indices) == 1 and not refusing else None


def writable(destination: Destination) -> Index:
    """The index that takes what is written. ConfigError: none of those behind the alias is the one."""
    if destination.index is None:
        listed = ", ".join(index.name for index in destination.indices)
        raise ConfigError(
            f"the alias {destination.name!r} stands for {listed}, and none of them is the one that is written to",
            hint="write to one of them by its name, or let is_write_index say which it is",
        )
    return destination.index


# --- fields ---------------------------------------------------------------------------------------------------------


def field_at(mapping: Mapping[str, Any], path: str) -> Mapping[str, Any] | None:
    """The field with that dotted name, or None.

    >>> field_at({"properties": {"a": {"properties": {"b": {"type": "long"}}}}}, "a.b")
    {'type': 'long'}
    """
    properties = mapping.get("properties", {})
    if path in properties:
        return dict(properties[path])
    for name, below in properties.items():
        if path.startswith(f"{name}.") and isinstance(below, Mapping):
            inner = field_at(below, path[len(name) + 1 :])
            if inner is not None:
                return inner
    return None


def leaf_above(mapping: Mapping[str, Any], path: str) -> str | None:
    """The field that has a value of its own where the path needs an object; None: it could be made."""
    parts = path.split(".")
    for count in range(1, len(parts)):
        above = ".".join(parts[:count])
        found_there = field_at(mapping, above)
        if found_there is not None and "properties" not in found_there and found_there.get("type") != "object":
            return above if found_there.get("type") != "nested" else None
    return None


def dynamic_at(mapping: Mapping[str, Any], path: str) -> str:
    """What becomes of a field of that name that nobody declared: ``true``, ``false``, ``runtime``, ``strict``.

    >>> dynamic_at({"dynamic": "strict", "properties": {"a": {"dynamic": "true", "properties": {}}}}, "a.b")
    'true'
    """
    said = str(mapping.get("dynamic", "true")).lower()
    parts = path.split(".")
    for count in range(1, len(parts)):
        above = field_at(mapping, ".".join(parts[:count]))
        if above is not None and "dynamic" in above:
            said = str(above["dynamic"]).lower()
    return said

"""A statement as DuckDB's parser tells it in JSON: nodes within nodes, so many deep that nothing may recurse here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every node, in no particular order."""
    waiting = [tree]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield each
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def tables(tree: Any) -> Iterator[tuple[str, int]]:
    """The names of tables, each with the byte at which it stands, in no particular order.

    Without those that a WITH clause defines, as far as it reaches, and without those of a schema.
    """
    waiting: list[tuple[Any, frozenset[str]]] = [(tree, frozenset())]
    while waiting:
        each, own = waiting.pop()
        if isinstance(each, list):
            waiting += [(part, own) for part in each]
        if not isinstance(each, dict):
            continue
        for entry in (each.get("cte_map") or {}).get("map") or ():
            # Until its definition ends the name still means what it means around it, unless it is recursive.
            name, definition = entry["key"].lower(), entry["value"]
            recursive = (definition.get("query_node") or {}).get("type") == "RECURSIVE_CTE_NODE"
            waiting.append((definition, own | {name} if recursive else own))
            own |= {name}
        if each.get("type") == "BASE_TABLE" and not each.get("schema_name") and each["table_name"].lower() not in own:
            yield each["table_name"], each["query_location"]
        waiting += [(part, own) for key, part in each.items() if key != "cte_map"]

"""Settings that a session begins with: what this backend relies on, and what the user asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dk_notebook.errors import ConfigError

PINNED: Mapping[str, str] = {
    "standard_conforming_strings": "on",  # the quoting of literals depends on it
    "array_nulls": "on",  # else NULL in a list would be read as a text
    "DateStyle": "ISO",  # times travel as text; the order of day and month stays the server's
    "IntervalStyle": "postgres",  # "sql_standard" would read the signs of a text otherwise
}
"""They win over what the server, the database and the role have set."""

_KEPT = {name.lower(): name for name in PINNED}
_DRIVERS = frozenset({"client_encoding"})
_OF_HOSTS = frozenset({"endpoint", "project", "reference"})
"""Of Neon and Supabase; a server itself refuses them."""


def of_options(options: str) -> dict[str, str]:
    r"""The settings that ``-c name=value`` and ``--name=value`` ask for; a backslash keeps the blank after it.

    A word as ``endpoint=NAME``, by which some hosts with one address find the database, is passed on as it is.
    ConfigError: anything else, and a setting that this backend relies on.

    >>> of_options(r"-c search_path=shop,public --work-mem=64MB -c datestyle=ISO,\ DMY")
    Traceback (most recent call last):
    dk_notebook.errors.ConfigError: 'options' sets datestyle, which this backend keeps at DateStyle=ISO
    >>> of_options(r"-c search_path=shop,\ public --work-mem=64MB")
    {'search_path': 'shop, public', 'work_mem': '64MB'}
    """
    words = [re.sub(r"\\(.)", r"\1", word) for word in re.findall(r"(?:\\.|[^\s\\])+", options)]
    settings: dict[str, str] = {}
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            assignment = words.pop(0)
        elif word.startswith(("--", "-c")):
            assignment = word[2:]
        elif word.partition("=")[0] in _OF_HOSTS and word.partition("=")[2]:
            settings["options"] = f"{settings['options']} {word}" if "options" in settings else word
            continue
        else:
            raise _malformed()
        name, equals, value = assignment.partition("=")
        if not name or not equals:
            raise _malformed()
        settings[_allowed(name.replace("-", "_"))] = value
    return settings


def _allowed(name: str) -> str:
    if name.lower() in _KEPT:
        pinned = _KEPT[name.lower()]
        raise ConfigError(f"'options' sets {name}, which this backend keeps at {pinned}={PINNED[pinned]}")
    if name.lower() in _DRIVERS:
        raise ConfigError(f"'options' sets {name}, which the driver keeps at UTF-8")
    return name


def _malformed() -> ConfigError:
    return ConfigError("'options' takes server settings", hint="as -c statement_timeout=5s -c search_path=shop")

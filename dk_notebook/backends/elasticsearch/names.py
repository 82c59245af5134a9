"""Names of indices: which can be written to, which can be read, and how they stand in a path.

The rules are the server's own, told here before anything is sent: a name with a slash would be another request, and a
write to a pattern or to ``_all`` another write.
"""

from __future__ import annotations

from urllib.parse import quote

from dk_notebook.errors import ConfigError

LONGEST = 255
"""Bytes."""
FORBIDDEN = frozenset('\\/*?"<>| ,#:')
"""What no name of an index has; in what is read ``*``, ``,`` and ``:`` have meanings."""
_READABLE = FORBIDDEN - frozenset("*,:<>")


def checked(name: str) -> str:
    """``name``, if it can be the name of an index that is written to. ConfigError, which says why not.

    >>> checked("flights-2024")
    'flights-2024'
    >>> checked("flights-*")
    Traceback (most recent call last):
    dk_notebook.errors.ConfigError: 'flights-*' is a pattern: a write goes to one index
    >>> checked("Flights")
    Traceback (most recent call last):
    dk_notebook.errors.ConfigError: 'Flights' cannot be the name of an index: it has capitals
    Hint: 'flights' can
    """
    if not isinstance(name, str):
        raise ConfigError(f"an index is named by text, not by {type(name).__name__}")
    if name in ("", "_all"):
        raise ConfigError(f"{name!r} is no index: a write goes to one")
    if "*" in name:
        raise ConfigError(f"{name!r} is a pattern: a write goes to one index")
    if "," in name:
        raise ConfigError(f"{name!r} is a list: a write goes to one index")
    if name.startswith("."):
        raise ConfigError(f"{name!r} is an index of the system's own, by the dot at its beginning")
    reason, hint = _wrong(name)
    if reason is not None:
        raise ConfigError(f"{name!r} cannot be the name of an index: {reason}", hint=hint)
    return name


def _wrong(name: str) -> tuple[str | None, str | None]:
    if name.startswith(("-", "_", "+")):
        return f"it begins with {name[0]!r}", None
    found = sorted(FORBIDDEN.intersection(name)) + [each for each in name if ord(each) < 32 or ord(each) == 127]
    if found:
        return f"it has {found[0]!r}", None
    if name != name.lower():
        return "it has capitals", f"{name.lower()!r} can"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "it has half a character (a lone surrogate)", None
    if size > LONGEST:
        return f"it has {size} bytes, and {LONGEST} is the most", None
    return None, None


def readable(names: str) -> str:
    """``names``, if it can be read: an index, an alias, a data stream, a pattern, or several with commas between them.

    ConfigError for what the server would take for something else. Patterns that exclude (``a*,-ab``), date math
    (``<logs-{now/d}>``) and other clusters (``other:logs``) are patterns too.

    >>> readable("logs-*,-logs-old")
    'logs-*,-logs-old'
    >>> readable("")
    Traceback (most recent call last):
    dk_notebook.errors.ConfigError: an index has a name; this one is empty
    Hint: '*' is all of them
    """
    if not isinstance(names, str):
        raise ConfigError(f"an index is named by text, not by {type(names).__name__}")
    for name in names.split(","):
        if not name:
            raise ConfigError("an index has a name; this one is empty", hint="'*' is all of them")
        if name == "_all":
            raise ConfigError("'_all' is no index", hint="'*' is all of them")
        if name in (".", "..") or (name.startswith("_") and not name.startswith("__")):
            raise ConfigError(f"{name!r} is no index")
        inner = name[1:-1] if name.startswith("<") and name.endswith(">") else name
        allowed = _READABLE - set("/|") if inner is not name else _READABLE
        found = sorted(allowed.intersection(inner)) + [each for each in inner if ord(each) < 32 or ord(each) == 127]
        if found or (inner is name and set("<>").intersection(name)):
            raise ConfigError(f"{name!r} is no index: it has {(found or ['<'])[0]!r}")
    return names


def is_one(names: str) -> bool:
    """Whether this names one index, alias or data stream, neither a pattern nor a list.

    >>> is_one("flights"), is_one("flights-*"), is_one("a,b")
    (True, False, False)
    """
    return not set("*,<>").intersection(names)


def path(*parts: str) -> str:
    """A path of a request, each part quoted: no slash, dot or question mark of a name means anything there.

    >>> path("a,b*", "_search"), path("records", "_doc", "x/../y?")
    ('/a,b*/_search', '/records/_doc/x%2F..%2Fy%3F')
    """
    return "/" + "/".join(_quoted(part) for part in parts)


def _quoted(part: str) -> str:
    # Dots alone would be taken as steps in the path, quoted or not.
    if part in (".", ".."):
        raise ConfigError(f"{part!r} is no name")
    return quote(part, safe=",*:@$+=~")

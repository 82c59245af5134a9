r"""Regular expressions that mean the same everywhere: Python's syntax, as far as every store can follow it.

A pattern is taken apart once, and written for each store by a small table. What stores read differently or cannot do
(back-references, look-around, word boundaries, flags other than a leading ``(?i)``) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal

from dk_notebook.errors import ConfigError

ItemKind = Literal["character", "any", "start", "end", "last", "set", "group", "close", "or", "repeat", "fold"]

MOST_REPEATS: Final = 255
"""PostgreSQL's limit of ``{m,n}``; RE2's is 1000."""

_ITEM = re.compile(
    r"""(?P<group>\((?:\?:|\?P<[A-Za-z_]\w*>)?(?!\?))
      | (?P<close>\)) | (?P<or>\|) | (?P<any>\.) | (?P<start>\^) | (?P<end>\$)
      | (?P<repeat>(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??(?![+*?{]))
      | (?P<set>\[\^?\]?(?:[^\]\\]|\\.)*\])
      | (?P<escape>\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[^0-9]))
      | (?P<character>[^\\\[\](){}*+?.^$|])""",
    re.VERBOSE | re.DOTALL,
)
_IN_SET = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[^0-9])|[^\\]", re.DOTALL)
_CONTROL: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
CLASSES: Final = frozenset("dDwWsS")


@dataclass(frozen=True, slots=True)
class Item:
    """A piece of a pattern. ``text``: the character, the quantifier, or how the group opens."""

    kind: ItemKind
    text: str = ""
    negated: bool = False
    members: tuple[str | tuple[str, str], ...] = ()
    r"""Of a set: characters, ranges as pairs, and classes as ``\d``."""


@lru_cache(maxsize=256)
def parse(pattern: str) -> tuple[Item, ...]:
    """The pieces of a pattern. ConfigError where stores would not agree on it, or Python refuses it.

    >>> [item.kind for item in parse("^a[bc]+$")]
    ['start', 'character', 'set', 'repeat', 'end']
    """
    # Ours first: Python warns of sets that may mean something else one day, which are refused here.
    items = tuple(_items(pattern))
    try:
        re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"regex {pattern!r}: {error}") from error
    for index, item in enumerate(items):
        after = items[index + 1].kind if index + 1 < len(items) else None
        before = items[index - 1].kind if index else None
        if item.kind == "start" and (before not in (None, "group", "or", "fold") or after == "repeat"):
            raise _refused(pattern, "a ^ elsewhere than at the beginning")
        if item.kind == "end" and (after == "repeat" or not _is_last(items[index + 1 :])):
            raise _refused(pattern, "a $ elsewhere than at the end")
        if item.kind == "last" and after == "repeat":
            raise _refused(pattern, r"a repeated \A or \Z")
    return items


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern for Python's ``search``. ConfigError as `parse`."""
    parse(pattern)
    return re.compile(pattern)


@dataclass(frozen=True)
class Writer:
    """How one engine writes what engines write differently."""

    character: Callable[[str], str]
    """A literal character, inside of a set and outside."""
    classes: Callable[[str], str]
    r"""What stands in ``[...]`` for ``d``, ``w`` and ``s``: Python's digits, word characters and white space."""
    anchors: Mapping[str, str]
    r"""``^``, ``$`` (also before a final line feed), ``\A`` and ``\Z``."""
    anything: str
    r"""``.``: any character but the line feed."""
    folds: bool = True
    """Its ``(?i)`` is Python's. If not, each letter is written with all that Python takes for it."""


def write(pattern: str, writer: Writer) -> str:
    """The pattern as an engine's own. ConfigError as `parse`."""
    items = parse(pattern)
    if items[:1] == (Item("fold", "(?i)"),) and not writer.folds:
        items = tuple(_in_any_case(item) for item in items[1:])
    return "".join(_written(item, writer) for item in items)


def _written(item: Item, writer: Writer) -> str:
    if item.kind == "character":
        return writer.character(item.text)
    if item.kind == "set":
        return _written_set(item, writer)
    if item.kind == "any":
        return writer.anything
    if item.kind in ("start", "end", "last"):
        return writer.anchors[item.text]
    return item.text


def _written_set(item: Item, writer: Writer) -> str:
    outside = [
        member for member in item.members if isinstance(member, str) and member[1:].isupper() and len(member) > 1
    ]
    inside = [member for member in item.members if member not in outside]
    body = ""
    for member in inside:
        if isinstance(member, tuple):
            body += writer.character(member[0]) + "-" + writer.character(member[1])
        else:
            body += writer.classes(member[1]) if len(member) > 1 else writer.character(member)
    if not outside:
        return f"[{'^' if item.negated else ''}{body}]"
    # A negated class inside of a set: only alone, as in \D or [^\D].
    return f"[{'' if item.negated else '^'}{writer.classes(outside[0][1].lower())}]"


def _in_any_case(item: Item) -> Item:
    """The same for an engine that does not know which characters differ in case alone."""
    members = (item.text,) if item.kind == "character" else item.members
    others = [other for member in members for other in _other_cases(member)]
    return Item("set", negated=item.negated, members=(*members, *others)) if others else item


@lru_cache(maxsize=1024)
def _other_cases(member: str | tuple[str, str]) -> tuple[str, ...]:
    """The characters that Python takes for a member of a set when it ignores case, beside those that it holds."""
    if isinstance(member, str) and len(member) > 1:
        return ()  # a class
    low, high = member[0], member[-1]
    found = re.findall(rf"[\U{ord(low):08x}-\U{ord(high):08x}]", _cased(), re.IGNORECASE)
    return tuple(character for character in found if not low <= character <= high)


@lru_cache(maxsize=1)
def _cased() -> str:
    """All characters that have another case; they lie in the first two planes."""
    return "".join(one for one in map(chr, range(0x20000)) if one.lower() != one or one.upper() != one)


def _items(pattern: str) -> Iterator[Item]:
    offset = 0
    if pattern.startswith("(?i)"):
        yield Item("fold", "(?i)")
        offset = 4
    while offset < len(pattern):
        found = _ITEM.match(pattern, offset)
        if found is None:
            raise _refused(pattern, f"{pattern[offset : offset + 3]!r}")
        kind, text = found.lastgroup, found.group()
        offset = found.end()
        if kind == "escape":
            yield _escape(pattern, text)
        elif kind == "set":
            yield _set(pattern, text)
        elif kind == "group":
            yield Item("group", "(?:")
        elif kind == "repeat":
            if any(int(count) > MOST_REPEATS for count in re.findall("[0-9]+", text)):
                raise _refused(pattern, f"more than {MOST_REPEATS} repetitions")
            yield Item("repeat", text)
        else:
            yield Item(kind, text)  # type: ignore[arg-type]  # the groups are named after the kinds


def _escape(pattern: str, text: str) -> Item:
    if text[1] in CLASSES:
        return Item("set", members=(text,))
    if text in (r"\A", r"\Z"):
        return Item("last", text)
    return Item("character", _character(pattern, text))


def _set(pattern: str, text: str) -> Item:
    negated = text.startswith("[^")
    parts = _IN_SET.findall(text[2 if negated else 1 : -1])
    if "[" in parts or any(a == b and a in "&~|-" for a, b in pairwise(parts)):
        raise _refused(pattern, f"the set {text}: escape what is meant as a character")
    members: list[str | tuple[str, str]] = []
    while parts:
        first = parts.pop(0)
        if first[1:] in CLASSES and first[0] == "\\":
            members.append(first)
        elif len(parts) > 1 and parts[0] == "-":
            parts.pop(0)
            members.append((_character(pattern, first), _character(pattern, parts.pop(0))))
        else:
            members.append(_character(pattern, first))
    if len(members) > 1 and any(member in (r"\D", r"\W", r"\S") for member in members):
        raise _refused(pattern, f"the set {text}: a negated class beside others")
    return Item("set", text, negated, tuple(members))


def _character(pattern: str, text: str) -> str:
    if len(text) == 1:
        return text
    if text[1] in "xuU":
        return chr(int(text[2:], 16))
    if text[1] in _CONTROL:
        return _CONTROL[text[1]]
    if text[1].isalnum():
        raise _refused(pattern, text)
    return text[1]


def _is_last(items: tuple[Item, ...]) -> bool:
    """Whether nothing can match after here: only the ends of groups, and branches that are not taken, follow."""
    depth = 0
    skipping = False
    for item in items:
        if skipping:
            depth += {"group": 1, "close": -1}.get(item.kind, 0)
            skipping = depth >= 0
        elif item.kind == "or":
            skipping, depth = True, 0
        elif item.kind not in ("close", "repeat"):
            return False
    return True


def _refused(pattern: str, what: str) -> ConfigError:
    return ConfigError(f"regex {pattern!r}: not every store reads {what} as Python does")

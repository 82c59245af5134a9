"""Which objects are documents, and which ids they have: ``<prefix>/<id>.json``, as programs on dataknobs-data have it.

Not `Record`'s ids but keys decide: what lies in an object may say another id, or none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dk_notebook.backends.s3.datasets.manifest import NAME
from dk_notebook.errors import QueryError

SUFFIX: Final = ".json"
MANIFEST: Final = NAME.removesuffix(SUFFIX)
"""The last part of an id that no document has."""


_DOTS: Final = re.compile(r"(^|/)\.{1,2}/")


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of the documents below a prefix, which is empty or ends with a slash.

    >>> Keys("data/").key("a/b"), Keys("").key("x.json")
    ('data/a/b.json', 'x.json.json')
    """

    prefix: str

    def key(self, id: str) -> str:  # noqa: A002 (the word of the layout)
        """The key of a document."""
        return f"{self.prefix}{id}{SUFFIX}"

    def id(self, key: str) -> str | None:
        """The id of the document that an object is; None where its name says that it is none.

        >>> Keys("data/").id("data/a/b.json"), Keys("data/").id("data/part-0.parquet")
        ('a/b', None)
        >>> Keys("data/").id("data/flights/_dk_manifest.json"), Keys("data/").id("database/a.json")
        (None, None)
        """
        if not key.endswith(SUFFIX) or not key.startswith(self.prefix):
            return None
        found = key[len(self.prefix) : -len(SUFFIX)]
        return found if found and can_be(found) else None


def can_be(id: str) -> bool:  # noqa: A002 (the word of the layout)
    """Whether a document can have this id."""
    return not (id.endswith(MANIFEST) and id.rpartition("/")[2] == MANIFEST)


def checked(id: str) -> None:  # noqa: A002 (the word of the layout)
    """Nothing. QueryError: no document is stored under this id, and why.

    >>> checked("../c")
    Traceback (most recent call last):
    dk_notebook.errors.QueryError: no document is stored under the id '../c': '.' and '..' lead to other places
    """
    reason = None
    if not can_be(id):
        reason = f"{NAME} says which files a dataset has"
    elif _DOTS.search(id) is not None:
        reason = "'.' and '..' lead to other places"
    if reason is not None:
        raise QueryError(f"no document is stored under the id {id!r}: {reason}", code="id")


def is_doubtful(id: str) -> bool:  # noqa: A002 (the word of the layout)
    """Whether some stores take the key for that of another id: those that are folders know no ``a//b``.

    >>> is_doubtful("https://example.org/a"), is_doubtful("a/b.json")
    (True, False)
    """
    return "//" in id or id.startswith("/") or ("./" in id and _DOTS.search(id) is not None)


def settled_at(id: str) -> str:  # noqa: A002 (the word of the layout)
    """From this end of a key on, a listing by key has shown every document whose id comes before this one.

    Listings go by whole keys, in which ``.json`` follows the id: ``a.json`` comes after ``a-b.json`` and ``a.b.json``,
    and yet the id ``a`` comes before ``a-b`` and ``a.b``. Only ids that this one begins with can be late like that.

    >>> settled_at("a-b"), settled_at("a.b"), settled_at("a.z"), settled_at("plain")
    ('a.json', 'a.json', 'a.z.json', 'plain.json')
    """
    late = [id[:place] + SUFFIX for place, letter in enumerate(id) if letter <= "." and place]
    return max([id + SUFFIX, *late])

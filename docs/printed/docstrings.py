"""Our docstrings as griffe's reader of numpy's style wants them."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_EXAMPLES = re.compile(r"^Examples\n-+$", re.MULTILINE)
_FIRST = re.compile(r"^>>> ", re.MULTILINE)


def divided(docstring: str) -> str:
    """The examples under a heading of their own, where they have none, and code in one backtick."""
    if not _EXAMPLES.search(docstring):
        docstring = _FIRST.sub("Examples\n--------\n>>> ", docstring, count=1)
    return docstring.replace("``", "`")


class Docstrings(Extension):
    """Divides every docstring."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Each object, once all are read."""
        if obj.docstring is not None:
            obj.docstring.value = divided(obj.docstring.value)

"""The errors, from their classes."""

from __future__ import annotations

import inspect

from dk_notebook import errors
from dk_notebook.errors import DkError
from docs.printed.markdown import prose


def tree() -> str:
    """The tree as the module draws it."""
    drawn = inspect.cleandoc(errors.__doc__ or "").split("::\n\n", 1)[1].split("\n\nDrivers'", 1)[0]
    return f"```text\n{inspect.cleandoc(drawn)}\n```"


def section(name: str) -> str:
    """What one of them means, as its docstring says, and which of Python's errors it is too."""
    kind = getattr(errors, name)
    paragraphs = inspect.cleandoc(kind.__doc__).split("\n\n")
    said = "\n\n".join(prose(each) for each in paragraphs if not each.startswith(">>>"))
    return f"{said} {_caught(kind)}".strip()


def _caught(kind: type[DkError]) -> str:
    """Which of Python's errors it is, the narrowest ones."""
    ours = [each for each in kind.__mro__ if each.__module__ == "builtins" and each not in DkError.__mro__]
    names = [each.__name__ for each in ours if not any(issubclass(other, each) for other in ours if other is not each)]
    if not names:
        return ""
    return f"Python's {' and '.join(f'`{name}`' for name in names)} catch{'' if names[1:] else 'es'} it too."


def every() -> list[str]:
    """The names of all of them, the root first."""
    return [kind.__name__ for kind in _below(DkError) if kind.__module__ == errors.__name__]


def _below(kind: type[DkError]) -> list[type[DkError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _below(child))]

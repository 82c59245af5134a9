"""Tab, pressed in a shell: a text whose ``|`` is the cursor gives what is offered there."""

from __future__ import annotations

from typing import Any

from IPython.core.completer import provisionalcompleter


def marked(text: str, mark: str = "|") -> tuple[str, int]:
    """The text without the mark, and where it stood."""
    assert text.count(mark) == 1, text
    cursor = text.index(mark)
    return text[:cursor] + text[cursor + 1 :], cursor


class Tab:
    """The completer of a shell, asked as ipykernel and the terminal ask it."""

    def __init__(self, ipython: Any) -> None:
        self._completer = ipython.Completer

    def __call__(self, text: str, mark: str = "|") -> list[str]:
        """What our matcher offers."""
        cell, cursor = marked(text, mark)
        with provisionalcompleter():
            found = list(self._completer.completions(cell, cursor))
        return [each.text for each in found if each._origin == "dk_notebook"]

    def written(self, text: str, mark: str = "|") -> list[str]:
        """What the cell would be with each of them."""
        cell, cursor = marked(text, mark)
        with provisionalcompleter():
            found = list(self._completer.completions(cell, cursor))
        ours = [each for each in found if each._origin == "dk_notebook"]
        return [cell[: each.start] + each.text + cell[each.end :] for each in ours]

    def others(self, text: str) -> list[str]:
        """Whose offers else are shown."""
        cell, cursor = marked(text)
        with provisionalcompleter():
            found = list(self._completer.completions(cell, cursor))
        return sorted({each._origin for each in found if each._origin != "dk_notebook"})

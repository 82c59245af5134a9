"""Fields for what a connection asks before it can be made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import ipywidgets

from dk_notebook.config.secrets import Secret
from dk_notebook.jupyter.widgets.panel import hear_in_subshell
from dk_notebook.jupyter.widgets.secret_field import SecretField


class Login(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A field a question; when all are answered, ``answered`` gets setting -> answer, once."""

    def __init__(self, lock: threading.RLock) -> None:
        super().__init__()
        self._lock = lock
        self._typed: dict[str, Secret] = {}

    def ask(self, questions: Mapping[str, str], answered: Callable[[dict[str, Secret]], None]) -> None:
        """Show the fields of these questions, setting -> question."""
        self.dismiss()

        def take(setting: str, secret: Secret) -> None:
            with self._lock:
                self._typed[setting] = secret
                fields[setting].placeholder = "typed"
                if len(self._typed) < len(questions):
                    return
                typed, self._typed = self._typed, {}
            answered(typed)

        def field(setting: str, question: str) -> SecretField:
            made = SecretField(
                lambda secret: take(setting, secret),
                description=question.rstrip(": "),
                placeholder="type it, then Enter",
                style={"description_width": "initial"},
            )
            hear_in_subshell(made)
            return made

        fields = {setting: field(setting, question) for setting, question in questions.items()}
        self.children = tuple(fields.values())

    def dismiss(self) -> None:
        """No fields, and nothing of what was typed."""
        self._typed.clear()
        before, self.children = self.children, ()
        for each in before:
            each.close()

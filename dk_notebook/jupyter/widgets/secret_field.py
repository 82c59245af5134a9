"""A password field that keeps nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets

from dk_notebook.config.secrets import Secret


class SecretField(ipywidgets.Password):  # type: ignore[misc]  # ipywidgets has no types
    """What is typed, Enter at its end, goes to ``taken``, and nowhere else.

    ``value`` stays empty: so do the state that is saved with a notebook, and what the kernel tells the page.
    """

    def __init__(self, taken: Callable[[Secret], None], **settings: Any) -> None:
        # Not with each key: at the end of typing.
        super().__init__(continuous_update=False, **settings)
        self._taken = taken

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the page says. Its ``value`` does not become a trait, and is not said back."""
        # Taken out of the message, which tracebacks may show.
        typed = Secret(sync_data.pop("value", ""))
        super().set_state(sync_data)
        if typed != Secret(""):
            self.send_state("value")  # the empty one: the page forgets it too
            self._taken(typed)

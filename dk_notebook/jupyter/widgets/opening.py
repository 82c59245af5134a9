"""Opening the connection that was chosen in a widget, without asking anything in the cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dk_notebook import descriptions
from dk_notebook.config import settings
from dk_notebook.config.secrets import Secret
from dk_notebook.connection import BOOK
from dk_notebook.connections import Connection, connect
from dk_notebook.descriptions import Description
from dk_notebook.errors import ConnectionFailed


class LoginWanted(Exception):
    """Somebody has to type something before the connection can be made: setting -> question."""

    def __init__(self, questions: Mapping[str, str], refused: ConnectionFailed | None = None) -> None:
        super().__init__(", ".join(questions))
        self.questions = questions
        self.refused = refused
        """What the store said to the last attempt."""


def opened(name: str, typed: Mapping[str, Secret]) -> Connection:
    """The open connection of that name, made with what was typed. Blocks; never asks in the cell.

    LoginWanted: something must be typed first. ConfigError, ConnectionFailed.
    """
    known = BOOK.get(name)
    if known is not None and known.stands:
        return known
    description = descriptions.of_name(name) or (None if known is None else known.description)
    if description is None:
        return connect(name)  # which knows what to say of it
    if (refusal := description.refusal()) is not None:
        raise refusal
    questions = description.prompted()
    # What was typed once is not asked for again, under another name either.
    if questions and not typed and BOOK.described(description) is None:
        raise LoginWanted(questions)
    fields = settings.leaves(description.kind.config_class)
    given: dict[str, Any] = {each: typed[each] if fields[each].secret else typed[each].reveal() for each in typed}
    try:
        return connect(name, **given)
    except ConnectionFailed as error:
        if questions or _could_need_password(description):
            raise LoginWanted(questions or {"password": f"Password of {name}"}, error) from None
        raise


def _could_need_password(description: Description) -> bool:
    """Whether the store takes a password, and none is known."""
    return "password" in settings.leaves(description.kind.config_class) and not description.shown().has_password()

"""``%dkconnect``: connections from a magic."""

from __future__ import annotations

from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from dk_notebook import descriptions
from dk_notebook.api.connecting import connections
from dk_notebook.connections import connect
from dk_notebook.jupyter.magics.flags import Flags
from dk_notebook.jupyter.magics.secrets import asked_password, refuse_password

FLAGS = Flags(
    "dkconnect",
    """
    Open a connection, or list those that there are.

    Examples::

        %dkconnect                                      # the list
        %dkconnect duckdb:///shop.duckdb --name shop
        %dkconnect postgresql://ann@db/shop --name pg   # asks for the password
        %dkconnect pg                                   # of the connection file (dk.toml) or the environment

    The value is the connection. The same settings again give the same connection, with no second pool. Where the
    URL names a user, the password is asked for, unless the environment or a file as ~/.pgpass has it; one that is
    typed into the URL is refused, because the notebook would save it.
    """,
)
FLAGS.add_argument("target", nargs="?", metavar="URL", help="a URL, or a name that is configured; left out: list")
FLAGS.add_argument("--name", metavar="NAME", help="how to call the connection")
FLAGS.add_argument("--replace", action="store_true", help="take NAME from other settings that have it")
FLAGS.add_argument("-w", "--no-password", action="store_true", help="do not ask: the server wants none")


@magics_class
class ConnectMagics(Magics):
    """The magics that make connections."""

    @no_var_expand
    @line_magic
    @FLAGS.document
    def dkconnect(self, line: str) -> Any:
        """`FLAGS` writes this text."""
        flags = FLAGS.words(line)
        if flags.target is None:
            if flags.name or flags.replace or flags.no_password:
                raise UsageError("%dkconnect: a URL or the name of a connection is missing")
            return connections()
        refuse_password("dkconnect", flags.target)
        settings: dict[str, Any] = {}
        if not flags.no_password and (password := _missing_password(flags.target)):
            settings["password"] = password
        return connect(flags.target, name=flags.name, replace=flags.replace, **settings)


def _missing_password(target: str) -> str | None:
    """What is typed in; None where the target is no URL, names no user, or the password is known already."""
    if "://" not in target or descriptions.of_url(target).shown().has_password():
        return None
    return asked_password(target)

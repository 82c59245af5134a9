"""``%dkstatus``: the pools that are open, and what runs."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from dk_notebook.api.connecting import status
from dk_notebook.api.looking import running
from dk_notebook.connections import resolve
from dk_notebook.jupyter.magics.flags import Flags
from dk_notebook.jupyter.magics.secrets import refuse_password
from dk_notebook.jupyter.status import Status

FLAGS = Flags(
    "dkstatus",
    """
    Show the pools of connections that are open, and the calls that run.

    Examples::

        %dkstatus
        %dkstatus -c pg         # of one connection
        now = %dkstatus         # now.running is a frame: id, label, connection, rows, seconds

    The value has two frames: ``pools``, as of dk.status(), a row a pool, and ``running``, as of dk.running(), a row a
    call. ``dk.cancel(id)`` stops a call, ``dk.cancel()`` all of them. Nothing is opened by looking.
    """,
)
FLAGS.add_argument("-c", "--connection", metavar="NAME", help="only this connection: its name, or a URL")


@magics_class
class StatusMagics(Magics):
    """The magic that shows what is open."""

    @no_var_expand
    @line_magic
    @FLAGS.document
    def dkstatus(self, line: str) -> Any:
        """`FLAGS` writes this text."""
        name = FLAGS.words(line).connection
        if name is None:
            nothing = "nothing is connected; %dkconnect URL opens a connection, %dkconnect lists those that are known"
            return Status(status(), running(), nothing)
        refuse_password("dkstatus", name)
        connection = resolve(name)
        calls = running()
        calls = calls[calls["connection"] == connection.name].reset_index(drop=True)
        nothing = f"{connection.name} is not open; %dkconnect {connection.name} opens it"
        return Status(connection.status(), calls, nothing)

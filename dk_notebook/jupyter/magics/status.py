"""``%dkstatus``: the pools that are open, and what runs."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import pandas as pd
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from dk_notebook.api.connecting import status
from dk_notebook.api.looking import running
from dk_notebook.connections import resolve
from dk_notebook.jupyter.magics.flags import Flags
from dk_notebook.jupyter.magics.secrets import refuse_password

FLAGS = Flags(
    "dkstatus",
    """
    Show the pools of connections that are open, and the calls that run.

    Examples::

        %dkstatus
        %dkstatus -c pg                 # of one connection
        stuck = (%dkstatus).running     # the frame: id, label, connection, rows, seconds

    The value has two frames: ``pools``, as of dk.status(), a row a pool, and ``running``, as of dk.running(), a row a
    call. ``dk.cancel(id)`` stops a call, ``dk.cancel()`` all of them. Nothing is opened by looking.
    """,
)
FLAGS.add_argument("-c", "--connection", metavar="NAME", help="only this connection: its name, or a URL")


@dataclass(frozen=True)
class Status:
    """The pools and the calls in flight at one moment."""

    pools: pd.DataFrame
    """A row a pool: connection, loop, size, max_size, in_use, idle, waiting, opened, reused, broken."""
    running: pd.DataFrame
    """A row a call: id, label, connection, rows, seconds."""
    nothing: str
    """What to say where there are neither."""

    def __repr__(self) -> str:
        if self.pools.empty and self.running.empty:
            return self.nothing
        return "\n\n".join(f"{name}:{_text(frame)}" for name, frame in self._parts())

    def _repr_html_(self) -> str:
        if self.pools.empty and self.running.empty:
            return f"<div>{html.escape(self.nothing)}</div>"
        return "".join(f"<div><b>{name}</b>: {_page(frame)}</div>" for name, frame in self._parts())

    def _parts(self) -> list[tuple[str, pd.DataFrame]]:
        return [("Pools", self.pools), ("Running", self.running)]


def _text(frame: pd.DataFrame) -> str:
    return " none" if frame.empty else "\n" + frame.to_string(index=False, float_format="{:.1f}".format)


def _page(frame: pd.DataFrame) -> str:
    if frame.empty:
        return "none"
    # Whole labels; and two dollars of a statement are no formula.
    with pd.option_context("display.max_colwidth", None, "display.html.use_mathjax", False):
        return frame.to_html(index=False, border=0, float_format="{:.1f}".format)


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

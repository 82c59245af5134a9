"""A connection of the pool, and its history."""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

TRUSTED = 1.0
"""Seconds that an idle connection counts as alive; after that it is asked before it is lent."""
FRESH = 0.001
"""Seconds in which even a look at its socket tells no more than its last answer."""


@dataclass(eq=False)
class Held:
    """A connection of the pool, and its history."""

    connection: Any
    opened: float = field(default_factory=time.monotonic)
    used: float = field(default_factory=time.monotonic)
    dirty: bool = False
    """The session may have settings, temporary tables or locks that the next user must not meet."""
    _poll: Any = None

    def trusted(self) -> bool:
        """Whether it counts as alive without being asked."""
        unused = time.monotonic() - self.used
        if self.connection.is_closed() or unused > TRUSTED:
            return False
        return unused <= FRESH or not self.spoken_to()

    def spoken_to(self) -> bool:
        """Whether the server has said something meanwhile that nobody has read yet: that it is over, mostly."""
        if self._poll is None:
            place = self.connection._transport.get_extra_info("socket")
            if place is None or not hasattr(select, "poll"):  # not on Windows
                return False
            self._poll = select.poll()
            self._poll.register(place, select.POLLIN)
        return bool(self._poll.poll(0))

    def cut(self) -> None:
        """End it at once, from any thread; never waits, never raises."""
        connection = self.connection
        if connection.is_closed():
            return
        place = connection._transport.get_extra_info("socket") if connection._transport else None
        if place is not None:
            with suppress(OSError):  # gone already
                place.shutdown(socket.SHUT_RDWR)
        try:
            connection._loop.call_soon_threadsafe(connection.terminate)
        except RuntimeError:  # its loop is closed, and with it everything that could be told
            return

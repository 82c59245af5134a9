"""The faults of a connection, and the commands that make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["to_client", "to_server", "both"]
Cut = Literal["reset", "end"]
"""RST, as from a host that crashed; FIN, as from a server that was stopped."""
AtCommit = Literal["cut_before", "cut_after", "cut_within", "swallow"]
"""What the next COMMIT, or a request of HTTP, meets.

``cut_before``: it does not reach the server, and both sides are cut. ``cut_after``: the server did it, the client is
cut instead of told. ``cut_within``: the client is told the beginning of it. ``swallow``: the server did it, the client
hears nothing, ever.
"""

GARBAGE = b"\x00\xff\xff\xff\xff\xde\xad\xbe\xef"
"""No message has the kind 0, nor a negative length."""


@dataclass
class Faults:
    silent: set[str] = field(default_factory=set)
    rates: dict[str, float] = field(default_factory=dict)
    """Bytes a second, by direction."""
    delays: dict[str, float] = field(default_factory=dict)
    """Seconds, by direction."""
    garbage: bytes | None = None
    commit: AtCommit | None = None

    def copy(self) -> Faults:
        return Faults(set(self.silent), dict(self.rates), dict(self.delays), self.garbage, self.commit)

    def clear(self) -> None:
        self.silent.clear()
        self.rates.clear()
        self.delays.clear()
        self.garbage = self.commit = None


class Faulty:
    """What a connection, or a proxy with all of its connections, can be told. From any thread; at once."""

    def change(self, how: Callable[[Faults], None]) -> None:
        raise NotImplementedError

    def silence(self, direction: Direction = "both") -> None:
        """Forward nothing any more, not even that a side has ended; both stay open."""
        self.change(lambda faults: faults.silent.update(_each(direction)))

    def slow(self, bytes_per_second: float, direction: Direction = "to_client") -> None:
        """Forward so much and no more."""
        self.change(lambda faults: faults.rates.update(dict.fromkeys(_each(direction), bytes_per_second)))

    def delay(self, seconds: float, direction: Direction = "to_client") -> None:
        """Let all arrive so much later, as over a long way: each question and its answer take so much longer.

        What goes both ways at once, and how much in a second, is as before, and a connection is made at once.
        """
        self.change(lambda faults: faults.delays.update(dict.fromkeys(_each(direction), seconds)))

    def garble(self, garbage: bytes = GARBAGE) -> None:
        """Give the client a broken frame in place of the server's next bytes, and then nothing."""
        self.change(lambda faults: setattr(faults, "garbage", garbage))

    def at_next_commit(self, what: AtCommit) -> None:
        """Let it happen once, to the first COMMIT that comes."""
        self.change(lambda faults: setattr(faults, "commit", what))

    def heal(self) -> None:
        """Go on as if nothing had been. What was lost stays lost."""
        self.change(Faults.clear)


def _each(direction: Direction) -> tuple[str, ...]:
    return ("to_client", "to_server") if direction == "both" else (direction,)

"""Ports for servers."""

from __future__ import annotations

import contextlib
import secrets
import socket


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on.

    It is below those that clients get: one that connects again and again to a server that is down must not meet
    itself.

    >>> 15_000 <= free_port() < 32_000
    True
    """
    while True:
        port = 15_000 + secrets.randbelow(17_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return port

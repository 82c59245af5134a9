"""What libpq, and those who hand out URLs, call settings that a connection here does not have.

Most of them say in many words what is so anyway; those are taken. Of the others each gets its sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dk_notebook.config.casting import FALSE, TRUE
from dk_notebook.errors import ConfigError


@dataclass(frozen=True)
class Word:
    """A setting by its name in libpq."""

    why: str
    """Why no other value can be had."""
    hint: str | None = None
    takes: frozenset[str] = frozenset()
    """The values, in small letters, that change nothing here."""


def _takes(*values: str) -> frozenset[str]:
    return frozenset(values)


_WHOM = 'sslmode="verify-full" checks whom one talks to'
_PASSWORD = "password=, or a line in ~/.pgpass, is how to log in"  # noqa: S105 (a hint)
_NO_OAUTH = Word("asyncpg has no login by OAuth", _PASSWORD)
_NO_SCRAM_KEYS = Word("asyncpg logs in by passwords, not by keys made of them", _PASSWORD)
_NO_PRISMA = "it is a word of Prisma"

WORDS: Mapping[str, Word] = {
    "channel_binding": Word("asyncpg has no channel binding", _WHOM, _takes("prefer", "disable")),
    "client_encoding": Word(
        "text travels as UTF-8, which the server converts to and from the encoding of its database",
        takes=_takes("utf8", "utf-8", "unicode", "auto"),
    ),
    "gssdelegation": Word("asyncpg hands no Kerberos tickets on", takes=FALSE),
    "gssencmode": Word(
        "asyncpg does not encrypt by GSSAPI",
        'sslmode="verify-full" encrypts by TLS and checks whom one talks to',
        _takes("disable", "prefer"),
    ),
    "max_protocol_version": Word("asyncpg speaks protocol 3.0", takes=_takes("3.0", "3.2", "latest")),
    "min_protocol_version": Word("asyncpg speaks protocol 3.0", takes=_takes("3.0")),
    "oauth_ca_file": _NO_OAUTH,
    "oauth_client_id": _NO_OAUTH,
    "oauth_client_secret": _NO_OAUTH,
    "oauth_issuer": _NO_OAUTH,
    "oauth_scope": _NO_OAUTH,
    "replication": Word("a session for replication runs no queries", takes=FALSE),
    "require_auth": Word("asyncpg logs in whichever way the server asks for", _WHOM),
    "requirepeer": Word("asyncpg does not ask who runs the server of a socket"),
    "requiressl": Word("libpq has given it up", 'sslmode="require" is its new name', FALSE),
    "scram_client_key": _NO_SCRAM_KEYS,
    "scram_server_key": _NO_SCRAM_KEYS,
    "sslcertmode": Word(
        "a certificate is shown where there is one and the server asks for it", "sslcert= names it", _takes("allow")
    ),
    "sslcompression": Word("TLS is not compressed", takes=FALSE),
    "sslcrldir": Word("revoked certificates are read from one file", "sslcrl= names it"),
    "sslkeylogfile": Word("the keys of a connection are not written to a file"),
    "sslnegotiation": Word("the server is asked for TLS in a message of PostgreSQL", takes=_takes("postgres")),
    "sslsni": Word("Python's TLS tells the server the name of the host", takes=TRUE),
    # Of other programs, in URLs that are handed out for them.
    "connection_limit": Word(_NO_PRISMA, "pool.max_size= says it here"),
    "pgbouncer": Word(_NO_PRISMA, "statement_cache_size=0 is what such poolers need", FALSE),
    "pool_timeout": Word(_NO_PRISMA, "pool.timeout= says it here"),
    "schema": Word(_NO_PRISMA, "options='-c search_path=NAME' says where unqualified tables are"),
    "supa": Word("it is a mark of Supabase's own", takes=_takes("base-pooler.x")),
}
"""The settings of libpq 18 that are none here, and some of other programs."""


def changes_nothing(word: str, value: Any) -> bool:
    """Whether a setting says what is so anyway. False: it is none of libpq's. ConfigError: why it cannot be had.

    The value is not shown, since some are secret.

    >>> changes_nothing("gssencmode", "prefer"), changes_nothing("colour", "red")
    (True, False)
    >>> changes_nothing("channel_binding", "require")
    Traceback (most recent call last):
    dk_notebook.errors.ConfigError: 'channel_binding' takes 'disable' or 'prefer': asyncpg has no channel binding
    Hint: sslmode="verify-full" checks whom one talks to
    """
    known = WORDS.get(word)
    if known is None:
        return False
    if str(value).strip().lower() in {"", *known.takes}:  # an empty value says nothing, as in libpq
        return True
    raise ConfigError(f"{word!r} {_taken(known)}: {known.why}", hint=known.hint)


def _taken(word: Word) -> str:
    if word.takes in (TRUE, FALSE):
        return f"is always {'on' if word.takes == TRUE else 'off'}"
    if not word.takes:
        return "cannot be had"
    return f"takes {' or '.join(map(repr, sorted(word.takes)))}"

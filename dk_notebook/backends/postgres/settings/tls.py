"""TLS: whose server it is gets checked, unless what is sent stays on this machine or the settings say otherwise."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import asyncpg

from dk_notebook.backends.postgres.settings import user_files
from dk_notebook.backends.postgres.settings.addresses import Address
from dk_notebook.config.secrets import Secret
from dk_notebook.errors import ConfigError

if TYPE_CHECKING:
    from dk_notebook.backends.postgres.config import PostgresConfig

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
"""libpq's words. ``allow`` is taken as ``prefer``, which encrypts whatever ``allow`` does."""

Version = Literal["TLSv1.2", "TLSv1.3"]
"""Older ones are broken."""

Wanted = Literal["disable", "prefer", "require"]

SYSTEM = "system"
"""``sslrootcert`` for the certificate authorities that the operating system trusts."""

_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})
_WRONG_NAME = frozenset({62, 64})
"""OpenSSL's codes (X509_V_ERR_...) of a certificate that did not pass."""


def mode(config: PostgresConfig, address: Address) -> SslMode:
    """The mode that counts for an address.

    A socket: ``disable``, since no server has TLS there. Where ``sslmode`` is not said: ``verify-full``; on this
    machine ``prefer``, unless ``sslrootcert`` is said. ``require`` with a file of authorities checks by it, as libpq
    does: ``verify-ca``.
    """
    if address.is_socket:
        return "disable"
    if config.sslmode is None:
        return "prefer" if address.is_local and not config.sslrootcert else "verify-full"
    if config.sslmode == "require" and _authorities(config) != SYSTEM:
        return "verify-ca"
    return "prefer" if config.sslmode == "allow" else config.sslmode


def tls_for(config: PostgresConfig, address: Address) -> tuple[Wanted, ssl.SSLContext | None]:
    """What to ask of a server, and how; reads the files that it needs now.

    ``disable``: nothing. ``require``: TLS, or no connection. ``prefer``: TLS; where `falls_back` says so, without.
    ConfigError: a certificate or key cannot be used.
    """
    chosen = mode(config, address)
    if chosen == "disable":
        return "disable", None
    root = _authorities(config) if chosen.startswith("verify") else None
    certificate, key = _own_certificate(config)
    revoked = _revoked(config, chosen)
    files = [Path(each) for each in (root, certificate, key, revoked) if each and each != SYSTEM]
    stamps = tuple(_stamp(path) for path in files)
    versions = config.ssl_min_protocol_version, config.ssl_max_protocol_version
    context = _context(chosen, root, certificate, key, config.sslpassword, revoked, versions, stamps)
    return ("prefer" if chosen == "prefer" else "require"), context


def check_versions(config: PostgresConfig) -> None:
    """Nothing, if there is a version of TLS that the settings allow; else ConfigError."""
    low, high = config.ssl_min_protocol_version, config.ssl_max_protocol_version
    if low and high and low > high:
        raise ConfigError(f"'ssl_min_protocol_version' is {low}, above 'ssl_max_protocol_version', which is {high}")


def falls_back(config: PostgresConfig, address: Address, error: BaseException) -> bool:
    """Whether a connection that ended in ``error`` is to be tried again without TLS: it was only preferred.

    As with libpq, that is so for a server without TLS, a handshake that failed, and a server that takes this login
    without TLS only.
    """
    refused = isinstance(error, ssl.SSLError | asyncpg.InvalidAuthorizationSpecificationError) or _has_none(error)
    # A wrong password is one of those too, and would be wrong again.
    return refused and not isinstance(error, asyncpg.InvalidPasswordError) and mode(config, address) == "prefer"


def hint(error: BaseException, config: PostgresConfig) -> str | None:
    """The one setting that changes what TLS refused; None for an error of another kind.

    >>> from dk_notebook.backends.postgres.config import PostgresConfig
    >>> hint(ConnectionError('PostgreSQL server at "db:5432" rejected SSL upgrade'), PostgresConfig(host="db"))
    'the server has no TLS; sslmode="prefer" connects without encryption where there is none'
    """
    if _has_none(error):
        return 'the server has no TLS; sslmode="prefer" connects without encryption where there is none'
    if not isinstance(error, ssl.SSLCertVerificationError):
        return None
    if error.verify_code in _WRONG_NAME:
        return 'the certificate is for another host; sslmode="verify-ca" checks who signed it and not the name'
    if error.verify_code not in _UNKNOWN_ISSUER:
        return _unchecked(config)
    root = _authorities(config)
    if root == SYSTEM:
        return f'sslrootcert="ca.pem" names who signed the certificate; {_unchecked(config)}'
    return f'{root} does not have who signed the certificate; sslrootcert="{SYSTEM}" takes the system\'s authorities'


def _has_none(error: BaseException) -> bool:
    # asyncpg has no class for it.
    return isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error)


def _unchecked(config: PostgresConfig) -> str:
    word = "require" if _authorities(config) == SYSTEM else "prefer"  # with a file `require` would check too
    return f'sslmode="{word}" encrypts without checking whose server it is'


def _authorities(config: PostgresConfig) -> str:
    """The file of those who may sign, or `SYSTEM`."""
    if config.sslrootcert:
        return config.sslrootcert
    own = user_files.certificate_file("root.crt")
    return str(own) if own is not None else SYSTEM


def _revoked(config: PostgresConfig, chosen: SslMode) -> str | None:
    """The file of certificates that were revoked, where they are checked."""
    if chosen.startswith("verify"):
        found = config.sslcrl or user_files.certificate_file("root.crl")
        return str(found) if found else None
    if config.sslcrl and config.sslmode is not None:
        raise ConfigError(
            f"'sslcrl' beside sslmode={config.sslmode!r}, which checks no certificate",
            hint='sslmode="verify-full" does',
        )
    return None


def _own_certificate(config: PostgresConfig) -> tuple[str | None, str | None]:
    """The client's certificate and its key (None: in the same file), as set or where libpq looks for them."""
    certificate = config.sslcert or user_files.certificate_file("postgresql.crt")
    key = config.sslkey or user_files.certificate_file("postgresql.key")
    if certificate is None:
        if config.sslkey:
            raise ConfigError("'sslkey' without a certificate", hint="sslcert= names it")
        return None, None
    return str(certificate), str(key) if key else None


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # told by who opens it, with the name of the setting
        return 0


@lru_cache(maxsize=32)
def _context(
    chosen: SslMode,
    root: str | None,
    certificate: str | None,
    key: str | None,
    password: Secret | None,
    revoked: str | None,
    versions: tuple[Version | None, Version | None],
    stamps: tuple[int, ...],  # noqa: ARG001 (part of the cache's key: a renewed certificate is read anew)
) -> ssl.SSLContext:
    """Kept, since reading the system's authorities takes 35 ms."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = chosen == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED if root else ssl.CERT_NONE
    if root == SYSTEM:
        context.load_default_certs()
    elif root:
        _load(context, "sslrootcert", root)
    if revoked:
        _load(context, "sslcrl", revoked)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
    low, high = versions
    if low:
        context.minimum_version = _VERSIONS[low]
    if high:
        context.maximum_version = _VERSIONS[high]
    if certificate:
        _load_certificate(context, certificate, key, password)
    return context


def _load(context: ssl.SSLContext, setting: str, path: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(setting, path, error) from error


def _load_certificate(context: ssl.SSLContext, certificate: str, key: str | None, password: Secret | None) -> None:
    for setting, path in (("sslcert", certificate), ("sslkey", key)):
        if path:  # OpenSSL does not tell which of the two is missing
            try:
                with Path(path).open("rb"):
                    pass
            except OSError as error:
                raise _unusable(setting, path, error) from error
    asked = False

    def answer() -> str:
        # Without a function OpenSSL would ask on the terminal.
        nonlocal asked
        asked = True
        return password.reveal() if password is not None else ""

    try:
        context.load_cert_chain(certificate, key, password=answer)
    except (OSError, ssl.SSLError) as error:
        hint = "sslpassword= is the key's password" if asked else None
        raise _unusable("sslkey" if key else "sslcert", key or certificate, error, hint) from error


def _unusable(setting: str, path: str, error: OSError, hint: str | None = None) -> ConfigError:
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    return ConfigError(f"{setting!r} is {path}, which cannot be used: {reason}", hint=hint)

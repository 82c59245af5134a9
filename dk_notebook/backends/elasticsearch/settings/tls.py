"""TLS: whose server it is gets checked, unless what is sent stays on this machine or the settings say otherwise."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from dk_notebook.errors import ConfigError

_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})
_WRONG_NAME = frozenset({62, 64})
"""OpenSSL's codes (X509_V_ERR_...) of a certificate that did not pass."""
_UNCHECKED = "verify_certs=False encrypts without checking whose server it is"


@lru_cache(maxsize=32)
def context(
    *,
    verify: bool,
    names: bool,
    authorities: str | None,
    certificate: str | None,
    key: str | None,
    stamps: tuple[int, ...],  # noqa: ARG001 (part of the cache's key: a renewed certificate is read anew)
) -> ssl.SSLContext:
    """What to check, and with what to answer. Kept, since reading the system's authorities takes 35 ms."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = verify and names
    made.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if verify and authorities is None:
        made.load_default_certs()
    elif verify:
        path = Path(str(authorities))
        try:
            made.load_verify_locations(**{"capath" if path.is_dir() else "cafile": str(path)})
        except (OSError, ssl.SSLError) as error:
            raise _unusable("ca_certs", str(path), error) from error
    if certificate is not None:
        try:
            # With an answer, so that OpenSSL does not ask for the key's password on the terminal.
            made.load_cert_chain(certificate, key, password="")
        except (OSError, ssl.SSLError) as error:
            raise _unusable("client_key" if key else "client_cert", key or certificate, error) from error
    return made


def hint(error: BaseException) -> str | None:
    """The one setting that changes what TLS refused; None for an error of another kind.

    >>> hint(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"))
    'the server has no TLS there; elasticsearch:// and http:// are without'
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _WRONG_NAME:
            return "the certificate is for another host; ssl_assert_hostname=False checks only who signed it"
        if error.verify_code in _UNKNOWN_ISSUER:
            return f"ca_certs='ca.pem' names who signed the certificate; {_UNCHECKED}"
        return _UNCHECKED
    if isinstance(error, ssl.SSLError) and any(
        word in str(error) for word in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
    ):
        return "the server has no TLS there; elasticsearch:// and http:// are without"
    return None


def _unusable(setting: str, path: str, error: OSError) -> ConfigError:
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    return ConfigError(f"{setting!r} cannot be used: {path}: {reason}")

"""TLS: whose store it is gets checked, unless what is sent stays on this machine or the settings say otherwise."""

from __future__ import annotations

import ssl

from botocore.httpsession import where as mozilla

from dk_notebook.errors import ConfigError

_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})
_WRONG_NAME = frozenset({62, 64})
"""OpenSSL's codes (X509_V_ERR_...) of a certificate that did not pass."""
UNCHECKED = "verify_certs=False encrypts without checking whose store it is"


def context(*, verify: bool, authorities: str | None) -> ssl.SSLContext:
    """What to check; reads the file of authorities. ConfigError: it cannot be used."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif authorities is not None:
        try:
            made.load_verify_locations(authorities)
        except (OSError, ssl.SSLError) as error:
            reason = getattr(error, "reason", None) or error.strerror or str(error)
            raise ConfigError(f"'ca_certs' cannot be used: {authorities}: {reason}") from error
    else:
        made.load_default_certs()
        if not made.cert_store_stats()["x509_ca"]:  # as in small containers
            made.load_verify_locations(mozilla())
    return made


def hint(error: BaseException) -> str | None:
    """The one setting that changes what TLS refused; None for an error of another kind.

    >>> hint(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"))
    'the server has no TLS there; an endpoint_url that begins with http:// is without'
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        code = getattr(error, "verify_code", 0)  # aiohttp's has none
        if code in _WRONG_NAME:
            return f"the certificate is for another host; {UNCHECKED}"
        if code in _UNKNOWN_ISSUER:
            return f"ca_certs='ca.pem' names who signed the certificate; {UNCHECKED}"
        return UNCHECKED
    if isinstance(error, ssl.SSLError) and any(
        word in str(error) for word in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
    ):
        return "the server has no TLS there; an endpoint_url that begins with http:// is without"
    return None

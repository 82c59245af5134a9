"""No password on a magic's line: it would be saved with the notebook and in the history."""

from __future__ import annotations

import getpass
from urllib.parse import parse_qsl, urlsplit

from IPython.core.error import UsageError

_SECRET = ("password", "passwd", "secret", "token", "api_key", "apikey")


def refuse_password(magic: str, target: str) -> None:
    """UsageError where a URL holds a password, or another secret as a setting. The text does not repeat it.

    >>> refuse_password("dkconnect", "postgresql://ann@db/shop")
    >>> refuse_password("dkconnect", "postgresql://ann:hush@db/shop")
    Traceback (most recent call last):
    IPython.core.error.UsageError: %dkconnect: a password does not belong on this line: it is saved with the notebook. ...
    """  # noqa: E501 (an example is one line)
    if "://" not in target:
        return
    url = urlsplit(target)
    settings = [name.lower() for name, _ in parse_qsl(url.query, keep_blank_values=True)]
    # Not `url.password`: with several hosts (a,b,c) or an odd port it is not to be relied on.
    user = url.netloc.rpartition("@")[0]
    if ":" in user or any(secret in name for name in settings for secret in _SECRET):
        raise UsageError(
            f"%{magic}: a password does not belong on this line: it is saved with the notebook. Leave it out, you are "
            "asked for it; or put it into a connection file (dk.toml) or the environment. The history has this line "
            "now: change a password that matters"
        )


def asked_password(url: str) -> str | None:
    """The password of the URL's user, typed in; None where the URL names no user."""
    if "://" not in url:
        return None
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at or not user:
        return None
    # Looked up on every call: a kernel puts its own getpass, which asks in the notebook, into the module.
    return getpass.getpass(f"Password of {user} at {host}: ")

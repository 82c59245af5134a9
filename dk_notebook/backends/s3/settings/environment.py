"""What the environment says, and for which servers its keys are.

A key goes only to the server that the environment names beside it. Where it names none, it is for whatever server the
user names. And who is named above the environment (a keyword, a connection file) comes without the environment's keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dk_notebook.backends.s3.settings import aws_files
from dk_notebook.config.settings import ENVIRONMENT, Level

VARIABLES: Final[Mapping[str, str]] = {
    "AWS_ACCESS_KEY_ID": "aws_access_key_id",
    "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key",
    "AWS_SESSION_TOKEN": "aws_session_token",
    "AWS_PROFILE": "profile",
    "AWS_DEFAULT_PROFILE": "profile",
    "AWS_DEFAULT_REGION": "region",
    "AWS_REGION": "region",
    "AWS_ENDPOINT_URL": "endpoint_url",
    "AWS_ENDPOINT_URL_S3": "endpoint_url",
    "AWS_CA_BUNDLE": "ca_certs",
    "S3_POOL_MAX_CONNECTIONS": "pool.max_size",
}
"""Variable -> setting; of two for one setting the later counts."""
IGNORED: Final = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
"""Where it is true, neither the variables nor the files name a server."""

KEYS: Final = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
WHO: Final = (*KEYS, "profile")


def variables(environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings that the variables give; one that is empty says nothing.

    Beside keys a profile tells nothing of who asks: AWS's own tools take the keys first, too.

    >>> variables({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_PROFILE": "work", "AWS_REGION": "x"})
    {'aws_access_key_id': 'a', 'aws_secret_access_key': 'b', 'region': 'x'}
    """
    said = {setting: environ[name] for name, setting in VARIABLES.items() if environ.get(name)}
    if "aws_access_key_id" in said or "aws_secret_access_key" in said:
        said.pop("profile", None)
    else:
        said.pop("aws_session_token", None)
    if environ.get(IGNORED, "").lower() == "true":
        said.pop("endpoint_url", None)
    return said


def levels(environ: Mapping[str, str], said: Mapping[str, Any]) -> Sequence[Level]:
    """What the environment says below what is said already, then what ``~/.aws`` says of the profile that counts."""
    level = variables(environ)
    profile = said.get("profile") or level.get("profile") or environ.get("AWS_DEFAULT_PROFILE")
    profile = profile or environ.get("AWS_PROFILE")
    if _names_somebody(said):
        level = _without(level, *WHO)
    elif not _is_for(level, said.get("endpoint_url")):
        level = _without(level, *KEYS)
    files = aws_files.settings(profile if isinstance(profile, str) else None)
    if environ.get(IGNORED, "").lower() == "true":
        files = _without(files, "endpoint_url")
    return [(place, each) for place, each in ((ENVIRONMENT, level), (aws_files.PLACE, files)) if each]


def _names_somebody(said: Mapping[str, Any]) -> bool:
    return any(name in said for name in WHO) or bool(said.get("anonymous"))


def _is_for(level: Mapping[str, Any], endpoint: Any) -> bool:
    """Whether the environment's keys are for that server."""
    named = level.get("endpoint_url")
    return endpoint is None or named is None or str(endpoint).rstrip("/") == named.rstrip("/")


def _without(level: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in level.items() if name not in names}

"""What ``~/.aws/config`` says of where a store is. Who asks is found there by AWS's own session, when it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import botocore.exceptions
import botocore.session

from dk_notebook.errors import ConfigError

PLACE: Final = "~/.aws/config"
"""How messages call it."""
DEFAULT: Final = "default"


def settings(profile: str | None) -> dict[str, Any]:
    """Region, server, addressing and authorities of a profile (None: the default one). ConfigError: it is no such file.

    Nothing of a profile that is not there: whoever opens a connection with it is told.
    """
    try:
        files: Mapping[str, Any] = botocore.session.Session().full_config
    except botocore.exceptions.ConfigParseError as error:
        raise ConfigError(f"{PLACE} cannot be read: {error}") from error
    said: Mapping[str, Any] = files.get("profiles", {}).get(profile or DEFAULT, {})
    found = {
        "region": said.get("region"),
        "endpoint_url": None if _ignores(said) else _endpoint(files, said),
        "addressing": _part(said, "s3").get("addressing_style"),
        "ca_certs": said.get("ca_bundle"),
    }
    return {name: value for name, value in found.items() if value}


def _endpoint(files: Mapping[str, Any], said: Mapping[str, Any]) -> str | None:
    """The server of S3 in the profile's services, else the one of all services."""
    services = _part(_part(files, "services"), str(said.get("services", "")))
    found: str | None = _part(services, "s3").get("endpoint_url") or said.get("endpoint_url")
    return found


def _ignores(said: Mapping[str, Any]) -> bool:
    return str(said.get("ignore_configured_endpoint_urls", "")).lower() == "true"


def _part(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = said.get(name, {})
    return part if isinstance(part, Mapping) else {}

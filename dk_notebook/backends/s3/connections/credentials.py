"""Who asks: AWS's own session, which knows every source of credentials and refreshes what expires."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import aioboto3
import aiobotocore.session
import botocore.exceptions
import botocore.session
from botocore.loaders import Loader

from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.connections.listing import Parsers
from dk_notebook.backends.s3.connections.logs import hide_secrets
from dk_notebook.backends.s3.errors import BOTOCORE, of_botocore
from dk_notebook.errors import ConnectionFailed, did_you_mean
from dk_notebook.runtime.workers import in_worker

if TYPE_CHECKING:
    from obstore.store import S3Credential

KEPT: Final = timedelta(minutes=10)
"""What may expire is given to obstore as if it were good for so long: it asks again five minutes before the end. The
session renews it ten minutes and more before its real end."""


async def session_of(config: S3Config) -> aioboto3.Session:
    """AWS's session for these settings; reads ``~/.aws``. ConnectionFailed: the profile is not there."""
    hide_secrets()
    try:
        return await in_worker(lambda: _made(config))
    except botocore.exceptions.ProfileNotFound as error:
        known = botocore.session.Session().available_profiles
        hint = did_you_mean(config.profile or "", known) or "profile= names one of ~/.aws/config"
        raise ConnectionFailed(f"{config.location}: {error}", hint=hint) from error
    except BOTOCORE as error:
        raise of_botocore(error, "open it", place=config.location, location=config.location) from error


def _made(config: S3Config) -> aioboto3.Session:
    secret, token = config.aws_secret_access_key, config.aws_session_token
    inner = aiobotocore.session.get_session()
    inner.register_component("data_loader", _descriptions())
    session = aioboto3.Session(
        botocore_session=inner,
        aws_access_key_id=config.aws_access_key_id,
        aws_secret_access_key=secret.reveal() if secret is not None else None,
        aws_session_token=token.reveal() if token is not None else None,
        profile_name=config.profile,
        region_name=config.region,
    )
    inner.register_component("response_parser_factory", Parsers())
    # What the environment says of keys is in the settings already, unless it is for another store.
    inner.get_component("credential_provider").remove("env")
    return session


class _Loader(Loader):  # type: ignore[misc]  # untyped
    """Whose folders stay as they are: every session of boto3 would add its own once more."""

    @property
    def search_paths(self) -> list[str]:
        return list(self._search_paths)


@lru_cache(maxsize=1)
def _descriptions() -> Loader:
    """What botocore knows of S3: megabytes of JSON, read once a process, and not on a loop."""
    found: Loader = _Loader()
    found.load_service_model("s3", "service-2")
    found.load_service_model("s3", "endpoint-rule-set-1")
    for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        found.load_data(name)
    return found


class Credentials:
    """The session's credentials, as often as they are asked for."""

    def __init__(self, session: aioboto3.Session, config: S3Config) -> None:
        self._session = session
        self._config = config
        self.failure: ConnectionFailed | None = None
        """Why there were none the last time, if there were none: obstore tells only that there were none."""

    async def now(self) -> tuple[Any, datetime | None]:
        """Key, secret and token, and until when to use them (None: they do not expire). ConnectionFailed: none."""
        where = self._config.location
        try:
            found = await self._session.get_credentials()
            frozen = await found.get_frozen_credentials() if found is not None else None
        except BOTOCORE as error:
            raise of_botocore(error, "ask who asks", place=where, location=where) from error
        if found is None or frozen is None:
            raise ConnectionFailed(
                f"{where}: no credentials were found",
                hint="aws_access_key_id= and aws_secret_access_key=, profile=, or anonymous=True",
            )
        if not hasattr(found, "refresh_needed"):
            return frozen, None
        later = datetime.now(UTC) + KEPT
        return frozen, min(later, found._expiry_time or later).astimezone(UTC)  # obstore takes no other zone

    async def __call__(self) -> S3Credential:
        """The same, as obstore asks for it."""
        try:
            frozen, until = await self.now()
        except ConnectionFailed as error:
            self.failure = error
            raise
        self.failure = None
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": until,
        }

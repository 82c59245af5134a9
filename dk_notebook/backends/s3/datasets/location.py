"""Where a table lies: a prefix below the connection's own, or what a whole ``s3://`` URL says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dk_notebook.backends.s3.config import S3Config
from dk_notebook.errors import ConfigError

SCHEME: Final = "s3://"


@dataclass(frozen=True)
class Location:
    """A place in a bucket that may be a dataset (a prefix) or an object.

    >>> place = Location.of("flights", S3Config(bucket="lake", prefix="data"))
    >>> place.url, place.prefix
    ('s3://lake/data/flights', 'data/flights/')
    >>> Location.of("s3://other/a/b.parquet", S3Config()).bucket
    'other'
    """

    bucket: str
    key: str
    """Without a slash at either end."""
    name: str
    """As the user wrote it."""

    @classmethod
    def of(cls, name: str, config: S3Config) -> Location:
        """The place of a table. ConfigError: it is none, or only a bucket."""
        if name.startswith(SCHEME):
            bucket, _, key = name.removeprefix(SCHEME).partition("/")
        elif "://" in name:
            raise ConfigError(f"{name!r} is no place in S3", hint="a prefix below the connection's, or s3://bucket/key")
        else:
            bucket, key = config.bucket, f"{config.prefix}/{name.strip('/')}" if name.strip("/") else ""
            if not bucket:
                raise ConfigError(
                    f"{name!r} has no bucket, and the connection names none", hint="name it by s3://bucket/key"
                )
        key = key.strip("/")
        if not bucket or not key:
            raise ConfigError(f"{name!r} names no table", hint="a prefix below the connection's, or s3://bucket/key")
        return cls(bucket, key, name)

    @property
    def prefix(self) -> str:
        """What the keys of a dataset begin with."""
        return f"{self.key}/"

    @property
    def url(self) -> str:
        """The whole of it."""
        return f"{SCHEME}{self.bucket}/{self.key}"

"""Objects by way of aioboto3: any key, and in any process. And what is never asked in another way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from dk_notebook.backends.s3.connections.http import Wiring
from dk_notebook.backends.s3.connections.listing import PAGE, TOKEN
from dk_notebook.backends.s3.errors import BOTOCORE, Unreached, of_botocore
from dk_notebook.backends.s3.objects import Buffer, Entry, Fetched, Page


class Aioboto3Carrier:
    """See `Carrier`. ``client``: of aioboto3, open; of a session that has `listing.Parsers`."""

    def __init__(self, client: Any, wiring: Wiring, location: str) -> None:
        self._client = client
        self._wiring = wiring
        self._location = location

    async def get(
        self, bucket: str, key: str, *, part: tuple[int, int] | None = None, etag: str | None = None
    ) -> Fetched:
        """See `Carrier.get`."""
        asked: dict[str, Any] = {"Key": key}
        if part is not None:
            asked["Range"] = f"bytes={part[0]}-{part[1] - 1}"
        if etag is not None:
            asked["IfMatch"] = etag
        with self._asking(bucket, f"read {key!r}"):
            answer = await self._client.get_object(Bucket=bucket, **asked)
            async with answer["Body"] as body:
                return Fetched(await body.read(), answer["ETag"])

    async def put(
        self, bucket: str, key: str, data: Buffer, *, content_type: str, absent: bool = False, etag: str | None = None
    ) -> str:
        """See `Carrier.put`."""
        asked: dict[str, Any] = {"Key": key, "Body": bytes(data), "ContentType": content_type}
        if absent:
            asked["IfNoneMatch"] = "*"
        if etag is not None:
            asked["IfMatch"] = etag
        answer = await self._asked("put_object", f"store {key!r}", bucket, **asked)
        return str(answer.get("ETag", ""))

    async def head(self, bucket: str, key: str) -> Entry:
        """See `Carrier.head`."""
        answer = await self._asked("head_object", f"look at {key!r}", bucket, Key=key)
        return Entry(key, answer["ContentLength"], answer["ETag"], answer["LastModified"])

    # --- what is never asked in another way -------------------------------------------------------------------------

    async def page(
        self,
        bucket: str,
        prefix: str,
        *,
        after: str = "",
        by_folder: bool = False,
        token: str | None = None,
        most: int | None = None,
    ) -> tuple[Page, str | None]:
        """A part of a listing, and the token that asks for the next one (None: it is the last).

        ``most``: keys at most, where a thousand are too many.
        """
        asked: dict[str, Any] = {"Prefix": prefix, "StartAfter": after, "ContinuationToken": token, "MaxKeys": most}
        if by_folder:
            asked["Delimiter"] = "/"
        said = {name: value for name, value in asked.items() if value not in (None, "")}
        answer = await self._asked("list_objects_v2", f"list {prefix!r}", bucket, **said)
        return answer[PAGE], answer[TOKEN]

    async def delete(self, bucket: str, keys: Sequence[str]) -> list[tuple[str, str, str]]:
        """Take a thousand away at most; key, code and words of those that stay."""
        answer = await self._asked(
            "delete_objects",
            "delete objects",
            bucket,
            Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True},
        )
        refused = [
            (each.get("Key", ""), each.get("Code", ""), each.get("Message", "")) for each in answer.get("Errors", [])
        ]
        return [each for each in refused if each[1] not in ("NoSuchKey", "404")]

    async def delete_one(self, bucket: str, key: str) -> None:
        """Take one away, whatever it is called: XML does not have every character."""
        await self._asked("delete_object", f"delete {key!r}", bucket, Key=key)

    async def region_of(self, bucket: str) -> str | None:
        """Where a bucket lies, as far as the store says so to anybody."""
        meta: dict[str, Any] = {}
        try:
            meta = (await self._client.head_bucket(Bucket=bucket))["ResponseMetadata"]
        except BOTOCORE as error:
            meta = getattr(error, "response", {}).get("ResponseMetadata", {})
        region: str | None = meta.get("HTTPHeaders", {}).get("x-amz-bucket-region")
        return region

    async def buckets(self) -> list[str]:
        """The names of the buckets of whoever asks."""
        with self._asking("", "list the buckets"):
            return [each["Name"] for each in (await self._client.list_buckets()).get("Buckets", [])]

    async def has_readable_etags(self, bucket: str, key: str) -> bool:
        """Whether an etag could be an MD5: not where the object is encrypted by a key of its own."""
        answer = await self._asked("head_object", f"look at {key!r}", bucket, Key=key)
        return "aws:kms" not in answer.get("ServerSideEncryption", "") and "SSECustomerAlgorithm" not in answer

    async def _asked(self, verb: str, what: str, bucket: str, **arguments: Any) -> Any:
        with self._asking(bucket, what):
            return await getattr(self._client, verb)(Bucket=bucket, **arguments)

    @contextmanager
    def _asking(self, bucket: str, what: str) -> Iterator[None]:
        """A request: counted, with errors of ours."""
        wiring = self._wiring
        wiring.in_use += 1
        whole = False
        try:
            yield
            whole = True
        except BOTOCORE as error:
            place = f"s3://{bucket}" if bucket else self._location
            ours = of_botocore(error, what, place=place, location=self._location)
            whole = isinstance(error, ClientError) or isinstance(ours, Unreached)
            raise ours from error
        finally:
            wiring.in_use -= 1
            wiring.broken += not whole

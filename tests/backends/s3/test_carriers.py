"""What a bucket does, by either carrier."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.objects import Entry, Objects
from dk_notebook.errors import Conflict, NotFound
from tests.backends.s3.conftest import config_of, session
from tests.services.s3_address import S3Address
from tests.services.scripted_s3 import Answer, ScriptedS3

pytestmark = pytest.mark.s3

KEYS = [
    "a",
    "a b/c.json",
    "ä/ü.json",
    "a%2Fb",
    "a+b",
    "a#b?c=d&e",
    "a~b",
    "<&>'\"",
    "😀",
    "a=b:c;d,e",
    "{[^`|]}\\",
    "%",
]
"""Each is another one by the way, if anything is quoted twice or not at all."""


@pytest_asyncio.fixture
async def objects(config: S3Config) -> AsyncIterator[Objects]:
    async with session(config) as made:
        yield made.objects


async def listed(objects: Objects, prefix: str = "", **how: Any) -> list[str]:
    """The keys, then the folders."""
    pages = [page async for page in objects.list(prefix, **how)]
    return [each.key for page in pages for each in page.entries] + [each for page in pages for each in page.folders]


# --- one object


@pytest.mark.parametrize("data", [b"abc", bytearray(b"abc"), memoryview(b"xabcx")[1:4]], ids=lambda d: type(d).__name__)
async def test_what_was_put_comes_back(objects: Objects, data: Any) -> None:
    etag = await objects.put("k", data)
    fetched = await objects.get("k")
    assert (bytes(fetched.data), fetched.etag) == (b"abc", etag)


async def test_an_empty_object_is_one(objects: Objects) -> None:
    await objects.put("k", b"")
    assert bytes((await objects.get("k")).data) == b""


async def test_megabytes_come_back_whole(objects: Objects) -> None:
    data = hashlib.sha256(b"").digest() * 250_000
    await objects.put("k", data)
    assert bytes((await objects.get("k")).data) == data


async def test_the_type_of_the_contents_is_kept(objects: Objects, s3_store: S3Address) -> None:
    await objects.put("k", b"{}", content_type="application/json")
    assert s3_store.client().head_object(Bucket=objects.bucket, Key="k")["ContentType"] == "application/json"


async def test_no_parts_are_ever_made(objects: Objects, s3_store: S3Address) -> None:
    await objects.put("k", b"x" * 20_000_000)
    assert (s3_store.uploads(objects.bucket), s3_store.keys(objects.bucket)) == ([], ["k"])


@pytest.mark.parametrize("key", KEYS)
async def test_a_key_is_kept_as_it_is(objects: Objects, s3_store: S3Address, key: str) -> None:
    await objects.put(key, b"abc")
    assert s3_store.keys(objects.bucket) == [key] == await listed(objects)
    assert bytes((await objects.get(key)).data) == b"abc"
    await objects.delete([key])
    assert s3_store.keys(objects.bucket) == []


@pytest.mark.parametrize("key", ["a//b", "/a", "a/", "a/./b", "a/../b", "..", "a\nb", "a\x01b"])
async def test_a_key_that_is_no_path_is_sent_as_it_is(transport: str, key: str) -> None:
    with ScriptedS3() as scripted:
        scripted.always("GET .*list-type", Answer(body=b"<ListBucketResult></ListBucketResult>"))
        scripted.always("PUT", Answer(headers={"ETag": '"x"'}))
        scripted.always("DELETE", Answer(204))
        async with session(config_of(scripted, "lake", transport=transport)) as made:
            await made.objects.put(key, b"abc")
            await made.objects.delete([key] if "\x01" in key else [])
        assert [each.target for each in scripted.asked("PUT")] == [f"/lake/{quote(key, safe='/~')}"]


async def test_an_object_that_is_not_there_is_not_found(objects: Objects) -> None:
    for asking in (objects.get("k"), objects.head("k"), objects.get_ranges("k", [(0, 1)], etag='"x"')):
        with pytest.raises(NotFound, match="'k': there is no such object"):
            await asking


async def test_what_is_told_of_an_object_is_what_a_listing_tells(objects: Objects) -> None:
    etag = await objects.put("k", b"abc")
    told = await objects.head("k")
    [page] = [page async for page in objects.list("")]
    assert [told] == list(page.entries) == [Entry("k", 3, etag, told.modified)]
    assert told.modified.tzinfo is not None


# --- on a condition


async def test_what_must_be_absent_and_is_not_conflicts(objects: Objects) -> None:
    await objects.put("k", b"first", absent=True)
    with pytest.raises(Conflict):
        await objects.put("k", b"second", absent=True)
    assert bytes((await objects.get("k")).data) == b"first"


async def test_a_version_is_replaced_once(objects: Objects) -> None:
    first = await objects.put("k", b"first")
    await objects.put("k", b"second", etag=first)
    with pytest.raises(Conflict):
        await objects.put("k", b"third", etag=first)
    assert bytes((await objects.get("k")).data) == b"second"


async def test_a_version_of_what_is_gone_conflicts(objects: Objects) -> None:
    etag = await objects.put("k", b"first")
    await objects.delete(["k"])
    with pytest.raises(Conflict, match="not there any more"):
        await objects.put("k", b"second", etag=etag)


# --- parts


async def test_parts_come_in_their_order(objects: Objects) -> None:
    etag = await objects.put("k", bytes(range(200)))
    parts = await objects.get_ranges("k", [(150, 160), (0, 3), (7, 7), (199, 200)], etag=etag)
    assert [bytes(part) for part in parts] == [bytes(range(150, 160)), b"\x00\x01\x02", b"", b"\xc7"]


async def test_parts_of_another_version_conflict(objects: Objects) -> None:
    first = await objects.put("k", b"first")
    await objects.put("k", b"second")
    with pytest.raises(Conflict, match="replaced while it was read"):
        await objects.get_ranges("k", [(0, 1), (2, 3)], etag=first)


# --- listings and deletes


async def test_a_listing_has_all_pages_in_order_and_a_delete_as_many(config: S3Config) -> None:
    names = [f"many/{number:05d}" for number in range(1_100)]
    async with session(replace(config, transport="obstore")) as made:
        await asyncio.gather(*(made.objects.put(name, b"x") for name in reversed(names)))
    async with session(config) as made:
        objects = made.objects
        assert await listed(objects, "many/") == names
        assert await listed(objects, "many/", after="many/01097") == names[1_098:]
        await objects.delete([*names, "never"])
        assert await listed(objects) == []


async def test_a_prefix_need_not_end_at_a_slash(objects: Objects) -> None:
    for key in ("data/a", "data.json", "database/b", "dat"):
        await objects.put(key, b"x")
    assert await listed(objects, "data") == ["data.json", "data/a", "database/b"]
    assert await listed(objects, "data/") == ["data/a"]


async def test_folders_stand_for_what_is_in_them(objects: Objects) -> None:
    for key in ("top", "p/a", "p/x y/1", "p/x y/2", "p/z/1"):
        await objects.put(key, b"x")
    assert await listed(objects, "p/", by_folder=True) == ["p/a", "p/x y/", "p/z/"]


async def test_nothing_is_no_page(objects: Objects) -> None:
    assert [page async for page in objects.list("nowhere/")] == []


async def test_a_bucket_that_is_not_there_is_not_found(config: S3Config) -> None:
    async with session(config) as made:
        absent = made.objects_in("dk-test-absent")
        for asking in (absent.get("k"), absent.put("k", b""), absent.delete(["k"]), anext(absent.list(""))):
            with pytest.raises(NotFound, match="no such bucket") as raised:
                await asking
            assert (raised.value.code, "never made here" in str(raised.value.hint)) == ("NoSuchBucket", True)

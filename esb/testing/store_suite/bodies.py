"""Checks of `Blobs`: bodies, releases, leases, marks."""

# ruff: noqa: D103 - the name of a check is its sentence
from __future__ import annotations

import asyncio
from hashlib import sha256

from esb.errors import StoreError
from esb.ports import Store
from esb.records import Bundle
from esb.testing.store_suite.values import Promises

promise = Promises()


@promise
async def a_body_is_found_by_its_digest(store: Store) -> None:
    body = bytes(range(256)) * 4096
    digest = sha256(body).hexdigest()
    await store.put(digest, body)
    await store.put(digest, body)

    assert await store.get(digest) == body


@promise
async def a_body_that_is_not_there_is_an_error_that_names_it(store: Store) -> None:
    try:
        await store.get("0123abcd")
    except StoreError as error:
        assert "0123abcd" in str(error)
    else:
        raise AssertionError("a missing body must be an error")


@promise
async def a_body_that_is_not_what_its_digest_says_is_an_error(store: Store) -> None:
    digest = sha256(b"order").hexdigest()
    await store.put(digest, b"0rder")

    try:
        await store.get(digest)
    except StoreError as error:
        assert "damaged" in str(error)
    else:
        raise AssertionError("a damaged body must be an error")


@promise
async def a_release_is_found_by_its_digest(store: Store) -> None:
    bundle = Bundle("r1", {"routes/orders.yaml": b"from: x\n", "transforms/ü.yaml": b"\x00\xff"}, "0.1.0")
    await store.save_release(bundle)
    await store.save_release(Bundle("r1", {}, "9"))

    assert await store.release("r1") == bundle
    assert await store.release("r2") is None


@promise
async def a_lease_has_one_owner_until_it_ends(store: Store) -> None:
    assert await store.lease("poll/sftp", "a", now=100.0, ttl=30.0)
    assert not await store.lease("poll/sftp", "b", now=129.9, ttl=30.0)
    assert await store.lease("poll/other", "b", now=100.0, ttl=30.0)
    assert await store.lease("poll/sftp", "b", now=130.0, ttl=30.0)
    assert not await store.lease("poll/sftp", "a", now=131.0, ttl=30.0)


@promise
async def the_owner_of_a_lease_renews_it(store: Store) -> None:
    await store.lease("poll", "a", now=100.0, ttl=30.0)

    assert await store.lease("poll", "a", now=120.0, ttl=30.0)
    assert not await store.lease("poll", "b", now=140.0, ttl=30.0)


@promise
async def one_of_many_that_want_a_lease_at_once_gets_it(store: Store) -> None:
    got = await asyncio.gather(*(store.lease("poll", f"worker-{n}", now=100.0, ttl=30.0) for n in range(12)))

    assert got.count(True) == 1


@promise
async def an_owner_gives_a_lease_back_by_taking_it_for_no_time(store: Store) -> None:
    await store.lease("poll", "a", now=100.0, ttl=30.0)
    await store.lease("poll", "a", now=101.0, ttl=0.0)

    assert await store.lease("poll", "b", now=101.0, ttl=30.0)


@promise
async def what_is_remembered_last_under_a_name_is_recalled(store: Store) -> None:
    await store.remember("poll/shop", b"1")
    await store.remember("poll/shop", b"\x00\xff")
    await store.remember("poll/other", b"")

    assert await store.recall("poll/shop") == b"\x00\xff"
    assert await store.recall("poll/other") == b""
    assert await store.recall("poll") is None


@promise
async def what_is_remembered_is_never_forgotten(store: Store) -> None:
    await store.remember("poll/shop", b"1")
    await store.forget(1e12, 1e12)

    assert await store.recall("poll/shop") == b"1"


CHECKS = tuple(promise)

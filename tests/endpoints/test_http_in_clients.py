"""Who a client is: named keys, passwords behind argon2, tokens of an identity provider; and what one may ask."""

import asyncio
import base64
import json
import sys
import time
from pathlib import Path

import jwt
import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).parent))
from http_in_kit import shop

from esb.endpoints.http_in import HttpIn, passwords
from esb.errors import DefinitionError
from esb.testing.endpoint_kit import TestWorld, serving

HASHER = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
ISSUER, AUDIENCE = "https://id.example/", "esb"


# -- named clients


async def test_clients_are_told_apart_so_that_no_one_s_keys_meet_another_s(tmp_path):
    clients = {"acme": ["secret://env/A", "secret://env/OLD"], "bolt": "secret://env/B"}
    secrets = {"A": "alpha-key", "OLD": "older-key", "B": "beta-key"}
    async with shop(tmp_path, secrets=secrets, auth={"api_key": {"clients": clients}}) as made:
        answers = [
            await made.post(body, X_API_Key=key, Idempotency_Key="1")
            for key, body in [("alpha-key", b"1"), ("older-key", b"1"), ("beta-key", b"2")]
        ]
        forbidden = await made.post(X_API_Key="gamma")

    assert [(status, headers.get("Idempotent-Replayed")) for status, headers, _ in answers] == [
        (202, None), (202, "true"), (202, None),
    ]  # fmt: skip
    assert forbidden[0] == 401
    assert [taken.key for taken in made.intake.taken] == ["acme/1", "bolt/1"]
    assert [taken.receipt.headers["http-client"] for taken in made.intake.taken] == ["acme", "bolt"]


async def test_a_client_above_its_own_rate_is_told_to_wait_and_the_others_are_not(tmp_path):
    clients = {"acme": "secret://env/A", "bolt": "secret://env/B"}
    secrets = {"A": "alpha-key", "B": "beta-key"}
    async with shop(tmp_path, secrets=secrets, client_limit="2/m", auth={"bearer": {"clients": clients}}) as made:
        tokens = ["alpha-key"] * 3 + ["beta-key"]
        answers = [
            await made.post(b"%d" % number, Authorization=f"Bearer {token}") for number, token in enumerate(tokens)
        ]

    assert [status for status, _, _ in answers] == [202, 202, 429, 202]
    assert answers[2][1]["Retry-After"] == "30"


def test_two_clients_with_one_key_could_not_be_told_apart(tmp_path):
    auth = {"api_key": {"clients": {"acme": "secret://env/A", "bolt": "secret://env/B"}}}
    spec = HttpIn.model_validate({"type": "http_in", "auth": auth})

    with pytest.raises(DefinitionError, match="same key"):
        spec.source("orders", TestWorld(tmp_path, {"secret://env/A": "same", "secret://env/B": "same"}))


# -- partners of clients


async def test_a_client_with_a_key_sends_for_the_partner_that_it_names_and_else_for_the_endpoint_s(tmp_path):
    clients = {"a": {"secret": ["secret://env/A"], "partner": "acme"}, "b": "secret://env/B"}
    secrets = {"A": "alpha-key", "B": "beta-key"}
    for way in ("api_key", "bearer"):
        async with shop(tmp_path, secrets=secrets, partner="house", auth={way: {"clients": clients}}) as made:
            for key in secrets.values():
                assert (await made.post(X_API_Key=key, Authorization=f"Bearer {key}"))[0] == 202

        assert [taken.receipt.partner for taken in made.intake.taken] == ["acme", "house"]


async def test_a_user_with_a_password_sends_for_the_partner_that_it_names(tmp_path):
    secrets = {"A": HASHER.hash("one"), "B": HASHER.hash("two")}
    users = {"a": {"password": "secret://env/A", "partner": "acme"}, "b": "secret://env/B"}
    async with shop(tmp_path, secrets=secrets, auth={"basic": {"users": users}}) as made:
        for user, password in (("a", "one"), ("b", "two")):
            assert (await made.post(Authorization=basic(user, password)))[0] == 202

    assert [taken.receipt.partner for taken in made.intake.taken] == ["acme", ""]


async def test_a_client_with_a_token_sends_for_its_partner_and_one_that_is_not_named_may_not_come(tmp_path):
    issuer = Issuer()
    async with serving(issuer.app) as port:
        clients = {"app-of-acme": "acme", "app-of-bolt": {"partner": "bolt"}}
        auth = by_token(jwks=f"http://127.0.0.1:{port}/jwks", clients=clients)
        async with shop(tmp_path, auth=auth) as made:
            made.world.clock.time = time.time()
            answers = [
                (await made.post(Authorization=f"Bearer {issuer.token(sub=name)}"))[0] for name in [*clients, "other"]
            ]

    assert answers == [202, 202, 401]
    assert [taken.receipt.partner for taken in made.intake.taken] == ["acme", "bolt"]


# -- passwords


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def test_a_password_is_checked_against_its_hash_and_all_else_is_the_same_401(tmp_path):
    secrets = {"A": HASHER.hash("pass:word é"), "B": HASHER.hash("other")}
    users = {"acme": "secret://env/A", "bolt": "secret://env/B"}
    async with shop(tmp_path, secrets=secrets, auth={"basic": {"users": users}}) as made:
        good = await made.post(Authorization=basic("acme", "pass:word é"), Idempotency_Key="1")
        bad = [
            await made.post(Authorization=text)
            for text in [
                basic("acme", "other"), basic("bolt", "pass:word é"), basic("nobody", "other"), basic("acme", ""),
                "Basic", "Basic ???", "Basic " + base64.b64encode(b"\xff\xfe:x").decode(), "Bearer x",
                "Basic " + "A" * 2000,
            ]
        ]  # fmt: skip

    assert good[0] == 202
    assert made.intake.taken[0].key == "acme/1"
    assert {(status, json.dumps(problem)) for status, _, problem in bad} == {(401, json.dumps(bad[0][2]))}
    assert bad[0][1]["WWW-Authenticate"].startswith("Basic realm=")


async def test_a_password_that_was_right_is_known_for_a_while_and_one_that_was_wrong_is_not(tmp_path, monkeypatch):
    checked = []
    verify = PasswordHasher.verify
    monkeypatch.setattr(
        passwords.PasswordHasher, "verify", lambda self, *given: checked.append(given[1]) or verify(self, *given)
    )
    secrets = {"A": HASHER.hash("right")}
    async with shop(tmp_path, secrets=secrets, auth={"basic": {"users": {"acme": "secret://env/A"}}}) as made:
        for password in ("right", "right", "wrong", "wrong"):
            await made.post(Authorization=basic("acme", password))
        made.world.clock.time += 301
        await made.post(Authorization=basic("acme", "right"))

    assert checked == ["right", "wrong", "wrong", "right"]


async def test_a_flood_of_passwords_does_not_keep_others_waiting(tmp_path):
    slow = PasswordHasher(time_cost=2, memory_cost=32_768, parallelism=1)
    secrets = {"A": slow.hash("right")}
    async with shop(tmp_path, secrets=secrets, auth={"basic": {"users": {"acme": "secret://env/A"}}}) as made:
        await made.post(Authorization=basic("acme", "right"))
        flood = [asyncio.ensure_future(made.post(Authorization=basic("acme", f"{n}"))) for n in range(90)]
        begun = time.perf_counter()
        known = await made.post(b"2", Authorization=basic("acme", "right"))
        took = time.perf_counter() - begun
        first = [await each for each in asyncio.as_completed(flood)][:10]
        for call in flood:
            await call

    assert known[0] == 202
    assert took < 2.0
    assert 503 in {status for status, _, _ in first}


def test_a_password_written_plainly_is_no_hash(tmp_path):
    spec = HttpIn.model_validate({"type": "http_in", "auth": {"basic": {"users": {"acme": "secret://env/A"}}}})

    for text in ("hunter2", "$argon2id$broken", "$2b$12$abcdefghijklmnopqrstuv"):
        with pytest.raises(DefinitionError, match="not an argon2 hash") as told:
            spec.source("orders", TestWorld(tmp_path, {"secret://env/A": text}))
        assert text not in str(told.value)


# -- tokens


class Issuer:
    """An identity provider with keys that it rotates, and a page of them that it serves."""

    def __init__(self):
        self.keys, self.asked, self.broken = {}, 0, None
        self.rotate("k1")

    def rotate(self, name):
        self.keys[name] = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def token(self, kid="k1", key=None, algorithm="RS256", **changed):
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "acme", "exp": now + 60, "scope": "orders.write x"} | changed
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, key or self.keys[kid], algorithm=algorithm, headers={"kid": kid})

    async def page(self, request):
        self.asked += 1
        if self.broken is not None:
            return self.broken
        found = [
            jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": name, "use": "sig"}
            for name, key in self.keys.items()
        ]
        junk = [{"kty": "oct", "k": "AAAA", "kid": "k9"}, {"kty": "RSA", "kid": "k8"}, {"kty": "??"}]
        return JSONResponse({"keys": [*junk, *found]})

    @property
    def app(self):
        return Starlette(routes=[Route("/jwks", self.page), Route("/elsewhere", self.page)])


def by_token(**options):
    return {"jwt": {"issuer": ISSUER, "audience": AUDIENCE, **options}}


async def test_a_token_of_the_issuer_is_taken_and_every_other_token_is_not(tmp_path):
    issuer = Issuer()
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = issuer.keys["k1"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    now = int(time.time())
    bad = {
        "another key": issuer.token(key=other),
        "another issuer": issuer.token(iss="https://evil.example/"),
        "another audience": issuer.token(aud="bank"),
        "expired": issuer.token(exp=now - 60),
        "without an end": issuer.token(exp=None),
        "not yet valid": issuer.token(nbf=now + 600),
        "nobody": issuer.token(sub=None),
        "a client of numbers": issuer.token(client=7, sub=""),
        "without the scope": issuer.token(scope="orders.read"),
        "no algorithm": jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": now + 60}, "", algorithm="none"),
        "the public key as a secret": forged_with(public, now),
        "junk": "a.b.c",
        "empty": "",
        "huge": "a" * 20_000,
    }
    async with serving(issuer.app) as port:
        auth = by_token(jwks=f"http://127.0.0.1:{port}/jwks", scope="orders.write")
        async with shop(tmp_path, auth=auth) as made:
            made.world.clock.time = time.time()
            good = await made.post(Authorization=f"Bearer {issuer.token()}", Idempotency_Key="1")
            answers = {name: await made.post(Authorization=f"Bearer {token}") for name, token in bad.items()}

    assert good[0] == 202
    assert made.intake.taken[0].key == "acme/1"
    assert {name for name, answer in answers.items() if answer[0] != 401} == set()
    assert issuer.asked == 1


def forged_with(public, now):
    """Return a token that is signed with the public key as if it were a shared secret (algorithm confusion)."""
    import hmac

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "acme", "exp": now + 60, "scope": "orders.write"}
    signed = part({"alg": "HS256", "typ": "JWT", "kid": "k1"}) + b"." + part(claims)
    digest = base64.urlsafe_b64encode(hmac.digest(public, signed, "sha256")).rstrip(b"=")
    return (signed + b"." + digest).decode()


async def test_a_rotated_key_is_found_and_invented_key_ids_do_not_make_us_ask_again_and_again(tmp_path):
    issuer = Issuer()
    async with serving(issuer.app) as port, shop(tmp_path, auth=by_token(jwks=f"http://127.0.0.1:{port}/jwks")) as made:
        clock = made.world.clock
        clock.time = time.time()
        first = await made.post(b"1", Authorization=f"Bearer {issuer.token()}")
        issuer.rotate("k2")
        too_soon = await made.post(b"2", Authorization=f"Bearer {issuer.token('k2')}")
        clock.time += 31
        rotated = await made.post(b"2", Authorization=f"Bearer {issuer.token('k2')}")
        asked = issuer.asked
        for number in range(20):
            issuer.keys[f"i{number}"] = issuer.keys["k1"]
            await made.post(Authorization=f"Bearer {issuer.token(f'i{number}')}")

    assert [answer[0] for answer in (first, too_soon, rotated)] == [202, 401, 202]
    assert asked == 2
    assert issuer.asked == 2


@pytest.mark.parametrize(
    "broken",
    [
        Response("no", 500),
        Response("not json"),
        Response(b"[" * 5000),
        Response(b"{}"),
        Response(b" " * 2_000_000),
        RedirectResponse("/elsewhere"),
    ],
    ids=["500", "text", "deep", "no keys", "huge", "elsewhere"],
)
async def test_an_issuer_whose_keys_cannot_be_had_makes_senders_come_again_and_later_it_works(tmp_path, broken):
    issuer = Issuer()
    issuer.broken = broken
    async with serving(issuer.app) as port, shop(tmp_path, auth=by_token(jwks=f"http://127.0.0.1:{port}/jwks")) as made:
        made.world.clock.time = time.time()
        before = await made.post(Authorization=f"Bearer {issuer.token()}")
        issuer.broken = None
        made.world.clock.time += 31
        after = await made.post(Authorization=f"Bearer {issuer.token()}")
        issuer.broken = broken
        made.world.clock.time += 700
        kept = await made.post(b"3", Authorization=f"Bearer {issuer.token()}")

    assert (before[0], before[1]["Retry-After"]) == (503, "30")
    assert (after[0], kept[0]) == (202, 202)


async def test_a_key_in_the_definition_needs_no_address(tmp_path):
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    issuer = Issuer()
    auth = by_token(key="secret://env/KEY", algorithms=["ES256"], client="azp")
    async with shop(tmp_path, secrets={"KEY": pem}, auth=auth) as made:
        good = await made.post(Authorization=f"Bearer {issuer.token(key=private, algorithm='ES256', azp='bolt')}")
        bad = await made.post(Authorization=f"Bearer {issuer.token(azp='bolt')}")

    assert (good[0], bad[0]) == (202, 401)
    assert made.intake.taken[0].receipt.headers["http-client"] == "bolt"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "one of them"),
        ({"jwks": "https://id/jwks", "key": "secret://env/A"}, "one of them"),
        ({"jwks": "http://id.example/jwks"}, "https"),
        ({"jwks": "https://id/jwks", "algorithms": ["HS256"]}, "shared secret"),
        ({"key": "secret://env/A", "algorithms": ["HS256", "RS256"]}, "shared secret"),
        ({"key": "secret://env/A", "algorithms": ["none"]}, "algorithms"),
    ],
)
def test_tokens_that_could_be_forged_are_refused_in_the_definition(options, says):
    with pytest.raises(ValidationError, match=says):
        HttpIn.model_validate({"type": "http_in", "auth": by_token(**options)})


@pytest.mark.parametrize(("algorithm", "text"), [("HS256", "short"), ("RS256", "no pem"), ("EdDSA", "no pem")])
def test_a_key_that_is_none_is_said_without_showing_it(tmp_path, algorithm, text):
    auth = by_token(key="secret://env/A", algorithms=[algorithm])
    spec = HttpIn.model_validate({"type": "http_in", "auth": auth})

    with pytest.raises(DefinitionError, match="secret://env/A") as told:
        spec.source("orders", TestWorld(tmp_path, {"secret://env/A": text}))
    assert text not in str(told.value)

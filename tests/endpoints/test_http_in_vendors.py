"""The presets beside the vendors' own published libraries: what they sign is taken, what they refuse is refused."""

import base64
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import stripe
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

sys.path.insert(0, str(Path(__file__).parent))
from http_in_kit import shop
from vendor_signers import install

BODIES = [
    b'{"a": 1}',
    b'{"id":"evt_1","caf\xc3\xa9":"\xf0\x9f\x9a\x9a"}',
    b"{\r\n}",
    b'{"n": 12.10}',
    b"{" + b" " * 9000 + b"}",
]
OLD, NEW = "the old secret of the shop", "the new secret of the shop"
SECRETS = {"OLD": OLD, "NEW": NEW}
BOTH = ["secret://env/OLD", "secret://env/NEW"]


@pytest.fixture(scope="module")
def signers(pytestconfig):
    return install(pytestconfig.cache)


async def statuses(made, requests):
    """Return the status of each (body, headers)."""
    return [(await made.call("POST", "/in/orders", body, headers))[0] for body, headers in requests]


# -- GitHub


async def test_what_githubs_library_signs_is_taken_under_the_delivery_s_id_with_the_old_secret_and_the_new(
    tmp_path, signers
):
    asks = [("github.sign", {"secret": secret, "body": body.decode()}) for secret in (OLD, NEW) for body in BODIES]
    signatures = signers.ask_all(asks)
    requests = [
        (given["body"].encode(), {"X-Hub-Signature-256": signature, "X-GitHub-Delivery": f"d-{number}"})
        for number, ((_, given), signature) in enumerate(zip(asks, signatures, strict=True))
    ]

    async with shop(tmp_path, secrets=SECRETS, auth={"github": BOTH}) as made:
        answered = await statuses(made, requests)
        again = await statuses(made, requests)

    assert set(answered) == set(again) == {202}
    assert [taken.key for taken in made.intake.taken] == [f"d-{number}" for number in range(10)]


async def test_githubs_library_and_we_refuse_the_same_forgeries(tmp_path, signers):
    body = '{"a": 1}'
    good = signers.ask("github.sign", secret=NEW, body=body)
    forged = [good[:-1] + "0", good.upper(), good.replace("sha256=", "sha1="), "sha256=", good[:40], good + "00"]
    forged = [each for each in forged if each != good]
    asks = [("github.verify", {"secret": NEW, "body": body, "signature": each}) for each in forged]
    theirs = signers.ask_all(asks)

    async with shop(tmp_path, secrets=SECRETS, auth={"github": BOTH}) as made:
        ours = await statuses(
            made, [(body.encode(), {"X-Hub-Signature-256": each, "X-GitHub-Delivery": "1"}) for each in forged]
        )

    assert not any(theirs)
    assert set(ours) == {401}


# -- Shopify


def of_shopify(signature, number=0, prefix="x-shopify"):
    return {
        f"{prefix}-hmac-sha256": signature,
        f"{prefix}-topic": "orders/create",
        f"{prefix}-shop-domain": "north.myshopify.com",
        f"{prefix}-api-version": "2025-01",
        f"{prefix}-webhook-id": f"w-{number}",
        f"{prefix}-event-id": f"e-{number}",
    }


async def test_what_shopifys_library_accepts_is_taken_and_what_it_refuses_is_not(tmp_path, signers):
    good = signers.ask_all([("shopify.sign", {"secret": NEW, "body": body.decode()}) for body in BODIES])
    wrong = signers.ask("shopify.sign", secret="a guess", body=BODIES[0].decode())
    cases = [*zip(BODIES, good, strict=True), (BODIES[0], wrong), (BODIES[0], good[1]), (BODIES[0], good[0][:-4])]
    theirs = signers.ask_all(
        [
            ("shopify.verify", {"secret": NEW, "body": body.decode(), "headers": of_shopify(signature)})
            for body, signature in cases
        ]
    )

    async with shop(tmp_path, secrets=SECRETS, auth={"shopify": BOTH}) as made:
        requests = [(body, of_shopify(signature, number)) for number, (body, signature) in enumerate(cases)]
        ours = await statuses(made, requests)

    assert theirs == [True] * 5 + [False] * 3
    assert ours == [202] * 5 + [401] * 3
    assert [taken.key for taken in made.intake.taken] == [f"w-{number}" for number in range(5)]


async def test_shopifys_events_have_headers_of_their_own_and_the_event_s_id_will_do(tmp_path, signers):
    body = BODIES[0]
    signature = signers.ask("shopify.sign", secret=OLD, body=body.decode())
    headers = of_shopify(signature, prefix="shopify")
    without = {name: value for name, value in headers.items() if name != "shopify-webhook-id"}

    async with shop(tmp_path, secrets=SECRETS, auth={"shopify": BOTH}) as made:
        answered = await statuses(made, [(body, headers), (body, without)])

    assert answered == [202, 202]
    assert [taken.key for taken in made.intake.taken] == ["w-0", "e-0"]


# -- Stripe


def of_stripe(body, stamp, *secrets):
    signatures = [stripe.WebhookSignature._compute_signature(f"{stamp}.{body.decode()}", secret) for secret in secrets]
    return ",".join([f"t={stamp}", *(f"v1={each}" for each in signatures), "v0=00"])


def theirs_says(body, header, secret, now):
    try:
        return stripe.WebhookSignature.verify_header(body.decode(), header, secret, tolerance=None) is True
    except stripe.SignatureVerificationError:
        return False


async def test_what_stripes_library_signs_is_taken_under_the_event_s_id(tmp_path):
    body = b'{"id": "evt_77", "type": "invoice.paid"}'
    async with shop(tmp_path, secrets=SECRETS, auth={"stripe": BOTH}) as made:
        stamp = int(made.world.clock.now())
        headers = [of_stripe(body, stamp, NEW), of_stripe(body, stamp + 60, "another", OLD)]
        answered = await statuses(made, [(body, {"Stripe-Signature": header}) for header in headers])

    assert all(theirs_says(body, header, secret, stamp) for header, secret in zip(headers, (NEW, OLD), strict=True))
    assert answered == [202, 202]
    assert [taken.key for taken in made.intake.taken] == ["evt_77"]
    assert made.intake.repeated == ["evt_77"]


async def test_stripes_library_and_we_refuse_the_same_forgeries(tmp_path):
    body = b'{"id": "evt_1"}'
    async with shop(tmp_path, secrets=SECRETS, auth={"stripe": BOTH}) as made:
        stamp = int(made.world.clock.now())
        good = of_stripe(body, stamp, NEW)
        forged = [
            of_stripe(body, stamp, "a guess"),
            good.replace(f"t={stamp}", f"t={stamp + 1}"),
            good.replace("v1=", "v2="),
            good.replace(f"t={stamp},", ""),
            "t=,v1=",
            "v1",
            "",
        ]
        ours = await statuses(made, [(body, {"Stripe-Signature": header}) for header in forged])
        two_times = await statuses(made, [(body, {"Stripe-Signature": f"t={stamp - 9999},{good}"})])
        old = await statuses(made, [(body, {"Stripe-Signature": of_stripe(body, stamp - 301, NEW)})])

    assert not any(theirs_says(body, header, NEW, stamp) for header in forged)
    assert set(ours) == {401}
    assert two_times == old == [401]


# -- Standard Webhooks


async def test_what_the_standard_library_signs_is_taken_and_what_it_refuses_is_not(tmp_path):
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    async with shop(tmp_path, secrets={"NEW": secret}, auth={"standard": {"secrets": ["secret://env/NEW"]}}) as made:
        now = made.world.clock.time = time.time()  # their verifier reads the clock
        theirs, ours = [], []
        for number, (body, age, key) in enumerate(
            [(BODIES[0], 0, secret), (BODIES[3], 250, secret), (BODIES[0], 310, secret), (BODIES[0], -310, secret)]
        ):
            stamp = datetime.fromtimestamp(int(now) - age, UTC)
            signature = Webhook(key).sign(f"msg_{number}", stamp, body.decode())
            headers = {
                "webhook-id": f"msg_{number}",
                "webhook-timestamp": str(int(stamp.timestamp())),
                "webhook-signature": f"v1,AAAA {signature} v2,zzz",
            }
            theirs.append(verified(Webhook(secret), body, headers))
            ours += await statuses(made, [(body, headers)])

    assert theirs == [True, True, False, False]
    assert ours == [202, 202, 401, 401]


def verified(webhook, body, headers):
    try:
        webhook.verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


async def test_a_standard_signature_with_a_public_key_is_taken_and_no_other_key_s(tmp_path):
    mine, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    public = "whpk_" + base64.b64encode(mine.public_key().public_bytes_raw()).decode()
    async with shop(tmp_path, auth={"standard": {"public_keys": [public]}}) as made:
        stamp = int(made.world.clock.now())
        content = b"msg_1.%d." % stamp + BODIES[0]

        def headers(text):
            return {"webhook-id": "msg_1", "webhook-timestamp": str(stamp), "webhook-signature": text}

        texts = [f"v1a,{base64.b64encode(key.sign(content)).decode()}" for key in (mine, other)]
        answered = await statuses(
            made, [(BODIES[0], headers(text)) for text in (*texts, "v1a,", "v1a,????", "v1,AA==")]
        )

    assert answered == [202, 401, 401, 401, 401]


# -- any other


@pytest.mark.parametrize(
    ("options", "content", "prefix"),
    [
        ({"signed": "v0:timestamp:body", "timestamp": "X-Time"}, b"v0:%d:%b", "v0="),
        ({"signed": "timestampbody", "timestamp": "X-Time"}, b"%d%b", ""),
        ({"signed": "timestamp.body", "timestamp": "X-Time"}, b"%d.%b", "t="),
    ],
)
async def test_what_is_signed_can_be_laid_out_in_any_order(tmp_path, options, content, prefix):
    import hmac

    auth = {"hmac": {"header": "X-Sign", "secrets": BOTH, "prefix": prefix, **options}}
    async with shop(tmp_path, secrets=SECRETS, auth=auth) as made:
        stamp = int(made.world.clock.now())
        digest = hmac.new(NEW.encode(), content % (stamp, BODIES[0]), "sha256").hexdigest()
        headers = {"X-Sign": prefix + digest, "X-Time": str(stamp)}
        answered = await statuses(made, [(BODIES[0], headers), (BODIES[1], headers)])

    assert answered == [202, 401]


async def test_all_forgeries_get_the_same_answer_byte_for_byte(tmp_path, signers):
    good = signers.ask("github.sign", secret=NEW, body='{"a": 1}')
    async with shop(tmp_path, secrets=SECRETS, auth={"github": BOTH}) as made:
        answers = [
            await made.call("POST", "/in/orders", body, headers)
            for body, headers in [
                (b'{"a": 1}', {}),
                (b'{"a": 2}', {"X-Hub-Signature-256": good}),
                (b"not json", {"X-Hub-Signature-256": "sha256=00"}),
                (b"{}", {"X-Hub-Signature-256": "é"}),
                (b"", {"X-Hub-Signature-256": good}),
            ]
        ]

    assert {(status, raw) for status, _, raw in answers} == {(401, answers[0][2])}
    assert json.loads(answers[0][2]) == {
        "type": "urn:esb:problem:unauthorized", "title": "Unauthorized", "status": 401, "code": "unauthorized",
    }  # fmt: skip

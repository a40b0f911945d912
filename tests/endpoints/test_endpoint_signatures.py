import pytest
from hypothesis import given
from hypothesis import strategies as st

from esb.endpoints.http_in.signatures import Signing, verify
from esb.errors import SecurityError

NOW = 1_767_225_600.0
PLAIN = Signing(header="X-Signature", keys=(b"secret",), prefix="sha256=")
STAMPED = Signing(header="X-Signature", keys=(b"old", b"new"), encoding="base64", timestamp="X-Time")
STANDARD = Signing(
    header="webhook-signature",
    keys=(b"k" * 24,),
    encoding="base64",
    prefix="v1,",
    timestamp="webhook-timestamp",
    identity="webhook-id",
)


def standard_headers(body, stamp=int(NOW), identity="msg_1"):
    text = STANDARD.sign(STANDARD.keys[0], b"%b.%d.%b" % (identity.encode(), stamp, body))
    return {"webhook-id": identity, "webhook-timestamp": str(stamp), "webhook-signature": text}


def refusal(signing, headers, body, now=NOW):
    """Return why it is refused, or nothing if it is right."""
    try:
        verify(signing, headers, body, now)
    except SecurityError as error:
        return str(error)
    return ""


def test_a_published_example_of_standard_webhooks_is_right():
    signing = Signing("s", (bytes.fromhex("31c2d2e1"),), encoding="base64", prefix="v1,", timestamp="t", identity="i")
    content = b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{}"
    headers = {"i": "msg_p5jXN8AQM9LWM0D4loKWxJek", "t": "1614265330", "s": signing.sign(signing.keys[0], content)}

    assert refusal(signing, headers, b"{}", 1614265330.0) == ""


@given(st.binary(min_size=1, max_size=200), st.data())
def test_any_changed_byte_of_the_body_is_refused(body, data):
    headers = {"x-signature": PLAIN.sign(b"secret", body)}
    at = data.draw(st.integers(0, len(body) - 1))
    other = bytes([*body[:at], body[at] ^ data.draw(st.integers(1, 255)), *body[at + 1 :]])

    assert refusal(PLAIN, headers, body) == ""
    assert refusal(PLAIN, headers, other) == "no signature is right"


@given(st.binary(max_size=50), st.data())
def test_any_changed_character_of_the_signature_is_refused(body, data):
    headers = standard_headers(body)
    text = headers["webhook-signature"]
    at = data.draw(st.integers(3, len(text) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda each: each != text[at]))

    assert "signature" in refusal(STANDARD, {**headers, "webhook-signature": text[:at] + other + text[at + 1 :]}, body)


@given(st.binary(max_size=50))
def test_a_signature_of_another_secret_or_none_is_refused(body):
    assert refusal(PLAIN, {"x-signature": PLAIN.sign(b"other", body)}, body) == "no signature is right"
    assert refusal(PLAIN, {"x-signature": "sha256="}, body) == "no signature is right"
    assert refusal(PLAIN, {"x-signature": ""}, body) == "no signature in the header X-Signature"
    assert refusal(PLAIN, {}, body) == "no signature in the header X-Signature"


def test_each_of_several_secrets_will_do():
    signatures = {key: STAMPED.sign(key, b"%d.body" % NOW) for key in (*STAMPED.keys, b"neither")}

    said = {
        key: refusal(STAMPED, {"x-time": str(int(NOW)), "x-signature": text}, b"body")
        for key, text in signatures.items()
    }

    assert said == {b"old": "", b"new": "", b"neither": "no signature is right"}


def test_one_right_signature_among_several_will_do():
    headers = standard_headers(b"{}")
    headers["webhook-signature"] = "v1a,ZZZZ v1,AAAA " + headers["webhook-signature"]

    assert refusal(STANDARD, headers, b"{}") == ""


def test_a_flood_of_signatures_is_refused():
    headers = standard_headers(b"{}")
    headers["webhook-signature"] = "v1,AAAA " * 20 + headers["webhook-signature"]

    assert refusal(STANDARD, headers, b"{}") == "more than 16 signatures"


@pytest.mark.parametrize("off", [-301, 301, 86_400, -86_400])
def test_a_replayed_or_future_timestamp_is_refused(off):
    said = refusal(STANDARD, standard_headers(b"{}", int(NOW) + off), b"{}")

    how = f"{-off} s old" if off < 0 else f"{off} s ahead of our clock"
    assert said == f"the timestamp is {how}, more than the tolerance (clock or replay)"


@pytest.mark.parametrize("off", [-299, 0, 299])
def test_a_timestamp_within_the_tolerance_is_taken(off):
    assert refusal(STANDARD, standard_headers(b"{}", int(NOW) + off), b"{}") == ""


@pytest.mark.parametrize("stamp", ["", "abc", "-5", "1e9", "1767225600.0", "9" * 40, "١٧٦٧٢٢٥٦٠٠"])
def test_a_timestamp_that_is_no_number_is_refused(stamp):
    said = refusal(STANDARD, {**standard_headers(b"{}"), "webhook-timestamp": stamp}, b"{}")

    assert said == "the timestamp is missing or not in seconds since 1970"


@pytest.mark.parametrize("identity", ["", "a.b", "a\nb", "x" * 300])
def test_an_id_that_could_be_read_as_another_one_is_refused(identity):
    said = refusal(STANDARD, standard_headers(b"{}", identity=identity), b"{}")

    assert said == "the message id is missing or malformed"


def test_hexadecimal_may_be_written_in_capitals():
    capitals = "sha256=" + PLAIN.sign(b"secret", b"x")[7:].upper()

    assert refusal(PLAIN, {"x-signature": capitals}, b"x") == ""


@given(st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text(max_size=80)))
def test_no_headers_make_anything_but_a_refusal(headers):
    assert refusal(STANDARD, headers, b"{}") != ""

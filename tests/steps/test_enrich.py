from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError as SpecError

from esb.errors import (
    BusyError,
    EndpointError,
    RejectedError,
    StoreError,
    UnknownOutcomeError,
    ValidationError,
)
from esb.message import Ask, Message, Note

GET = {"ask": "erp", "get": "/customers/{{ body.code }}", "into": "$.customer"}
NOT_FOUND = RejectedError("erp: GET /customers/c7: 404 Not Found")


def enrich(**more: Any) -> dict[str, Any]:
    return {"enrich": {**GET, **more}}


def test_the_endpoint_is_asked_and_the_answer_goes_into_the_body(bench: Any):
    body = bench.body(enrich(cache="10m"), bench.message({"code": "c7"}), {"name": "Ann"})

    assert bench.asked == [Ask("http", "erp", {"method": "GET", "path": "/customers/c7"}, cache=600.0)]
    assert body == {"code": "c7", "customer": {"name": "Ann"}}


def test_by_default_a_customer_who_is_not_there_fails_the_message(bench: Any):
    with pytest.raises(RejectedError):
        bench.outputs(enrich(), bench.message({"code": "c7"}), NOT_FOUND)


@pytest.mark.parametrize("answer", [NOT_FOUND, RejectedError("answered 410 Gone: it was 400 once"), None])
def test_missing_keep_goes_on_without_and_says_so(bench: Any, answer: Any):
    order = bench.message({"code": "c7"})

    note, goes_on = bench.outputs(enrich(missing="keep"), order, answer)

    assert isinstance(note, Note)
    assert note.level == "warning"
    assert goes_on is order


def test_missing_default_puts_the_default(bench: Any):
    written = enrich(missing="default", default="{{ {'code': body.code} }}")

    assert bench.body(written, bench.message({"code": "c7"}), NOT_FOUND)["customer"] == {"code": "c7"}


@pytest.mark.parametrize(
    "error",
    [
        RejectedError("erp: GET /customers/404: 403 Forbidden"),
        RejectedError("erp: GET /customers?id=404: 400 Bad Request"),
        RejectedError("answered 400 Bad Request: no, not 404"),
        EndpointError("erp: connection refused"),
    ],
)
def test_missing_means_only_that_it_is_not_there(bench: Any, error: Exception):
    with pytest.raises(type(error)):
        bench.outputs(enrich(missing="keep"), bench.message({"code": "404"}), error)


@pytest.mark.parametrize("error", [RejectedError("403"), EndpointError("refused"), NOT_FOUND])
def test_an_optional_answer_may_fail_for_any_reason(bench: Any, error: Exception):
    order = bench.message({"code": "c7"})

    assert bench.outputs(enrich(optional="true"), order, error)[-1] is order


def test_an_optional_answer_takes_the_default_too(bench: Any):
    written = enrich(optional="true", missing="default", default="unknown")

    assert bench.body(written, bench.message({"code": "c7"}), EndpointError("refused"))["customer"] == "unknown"


@pytest.mark.parametrize("error", [BusyError("twin"), StoreError("down")])
def test_troubles_of_the_bus_are_never_taken_for_an_answer(bench: Any, error: Exception):
    with pytest.raises(type(error)):
        bench.outputs(enrich(optional="true"), bench.message({"code": "c7"}), error)


@pytest.mark.parametrize("code", ["../orders", "a/b", "x?all=1", "x&all=1", "x#y", "x\\y", "x\r\nHost: evil", ".."])
def test_a_value_cannot_ask_for_something_else_than_was_written(bench: Any, code: str):
    with pytest.raises(ValidationError, match="enrich asks for"):
        bench.outputs(enrich(), bench.message({"code": code}))


@pytest.mark.parametrize(("code", "path"), [("ä 1", "/customers/%C3%A4%201"), ("a%2Fb", "/customers/a%2Fb")])
def test_the_path_is_percent_encoded(bench: Any, code: str, path: str):
    bench.outputs(enrich(), bench.message({"code": code}), {})

    assert bench.asked[0].request["path"] == path


def test_a_whole_path_may_come_from_the_message(bench: Any):
    bench.outputs(enrich(get="$.link"), bench.message({"link": "/a/b?c=d&e=f"}), {})

    assert bench.asked[0].request["path"] == "/a/b?c=d&e=f"


@pytest.mark.parametrize("link", ["http://evil.example/", "//evil.example/", "", 7, "/" + "x" * 2000])
def test_what_is_no_path_is_an_error(bench: Any, link: Any):
    with pytest.raises(ValidationError, match="enrich asks for"):
        bench.outputs(enrich(get="$.link"), bench.message({"link": link}))


def test_default_without_missing_default_is_refused(bench: Any):
    with pytest.raises(SpecError, match="belong together"):
        bench.spec(enrich(default="x"))


def test_the_message_keeps_its_id(bench: Any):
    (goes_on,) = bench.outputs(enrich(), bench.message({"code": "c7"}), {"name": "Ann"})

    assert isinstance(goes_on, Message)
    assert goes_on.id == "m1"


POST = {"enrich": {"ask": "erp", "post": "/orders", "into": "$.erp"}}


def told(**more: Any) -> dict[str, Any]:
    return {"enrich": {**POST["enrich"], **more}}


def test_a_call_by_post_sends_the_body_and_puts_the_answer_into_it(bench: Any):
    body = bench.body(told(), bench.message({"number": "PO-7"}), {"id": 12})

    assert bench.asked == [Ask("http", "erp", {"method": "POST", "path": "/orders", "body": {"number": "PO-7"}})]
    assert body == {"number": "PO-7", "erp": {"id": 12}}


@pytest.mark.parametrize("method", ["post", "put", "patch"])
def test_what_is_sent_and_its_key_may_be_written(bench: Any, method: str):
    written = {"enrich": {"ask": "erp", method: "/orders/{{ body.number }}", "into": "$.erp"}}
    written["enrich"] |= {"body": "{{ {'ref': body.number} }}", "key": "order-{{ body.number }}"}

    body = bench.body(written, bench.message({"number": "PO-7"}), None)

    assert bench.asked[0].request == {
        "method": method.upper(),
        "path": "/orders/PO-7",
        "body": {"ref": "PO-7"},
        "key": "order-PO-7",
    }
    assert body["erp"] is None


@pytest.mark.parametrize("number", ["", "a\nb", "ä", "x" * 256, None])
def test_a_key_that_no_header_can_hold_is_an_error(bench: Any, number: Any):
    with pytest.raises(ValidationError, match="enrich: the key is"):
        bench.outputs(told(key="$.number"), bench.message({"number": number}))


def test_what_may_have_been_applied_is_not_left_out(bench: Any):
    with pytest.raises(UnknownOutcomeError):
        bench.outputs(told(optional="true"), bench.message({}), UnknownOutcomeError("cut"))


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"ask": "erp", "into": "$.x"}, "makes one call, here is none"),
        ({**GET, "post": "/x"}, "here is get and post"),
        ({**GET, "body": "x"}, "body has no meaning with get"),
        ({**GET, "key": "x"}, "key has no meaning with get"),
        ({**POST["enrich"], "cache": "1m"}, "cache has no meaning with post"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(bench: Any, written: dict[str, Any], says: str):
    with pytest.raises(SpecError, match=says):
        bench.spec({"enrich": written})

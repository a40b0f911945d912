"""CloudEvents, batches, parameters, characters: what a request holds, and what it is refused for."""

import base64
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).parent))
from http_in_kit import shop

from esb.endpoints.http_in import HttpIn
from esb.endpoints.http_in.cloudevents import events
from esb.endpoints.http_in.negotiation import choose
from esb.endpoints.http_in.parameters import Parameter, Parameters
from esb.endpoints.http_in.problems import Refusal
from esb.formats import Json

STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
EVENT = {
    "specversion": "1.0", "id": "A-1", "source": "/shops/north", "type": "order.placed",
    "time": "2026-03-02T10:00:00Z", "ordernumber": 7, "gift": True, "data": {"total": 12.5},
}  # fmt: skip


def structured(event, kind=STRUCTURED):
    return events({"content-type": kind}, json.dumps(event).encode())


# -- CloudEvents


async def test_one_event_sent_in_all_three_ways_is_one_message(tmp_path):
    binary = {
        "ce-specversion": "1.0", "ce-id": "A-1", "ce-source": "/shops/north", "ce-type": "order.placed",
        "ce-time": "2026-03-02T10:00:00Z", "ce-ordernumber": "7", "ce-gift": "true",
    }  # fmt: skip
    async with shop(tmp_path, cloudevents=True) as made:
        answers = [
            await made.call("POST", "/in/orders", body, headers)
            for body, headers in [
                (json.dumps(EVENT).encode(), {"Content-Type": STRUCTURED}),
                (b'{"total":12.5}', binary),
                (json.dumps([EVENT]).encode(), {"Content-Type": f"{BATCH}; charset=UTF-8"}),
            ]
        ]

    assert [(status, headers.get("Idempotent-Replayed")) for status, headers, _ in answers] == [
        (202, None), (202, "true"), (202, "true"),
    ]  # fmt: skip
    (taken,) = made.intake.taken
    assert (taken.key, taken.body) == ("/shops/north#A-1", b'{"total":12.5}')
    assert taken.receipt.headers["ce-type"] == "order.placed"
    assert (taken.receipt.headers["ce-ordernumber"], taken.receipt.headers["ce-gift"]) == ("7", "true")


async def test_a_batch_of_events_is_as_many_messages_and_those_that_came_before_are_told(tmp_path):
    batch = [{**EVENT, "id": f"A-{number}", "data": number} for number in range(100)]
    async with shop(tmp_path, cloudevents=True) as made:
        first = await made.post(json.dumps(batch[:3]).encode(), Content_Type=BATCH)
        all_of_them = await made.post(json.dumps(batch).encode(), Content_Type=BATCH)

    assert [told["repeated"] for told in first[2]["events"]] == [False] * 3
    assert [told["repeated"] for told in all_of_them[2]["events"]] == [True] * 3 + [False] * 97
    assert all_of_them[2]["events"][:3] == [{**told, "repeated": True} for told in first[2]["events"]]
    assert sorted(int(taken.body) for taken in made.intake.taken) == list(range(100))


async def test_a_batch_that_is_cut_short_is_taken_whole_when_it_comes_again(tmp_path):
    from esb.errors import ChannelError

    batch = [{**EVENT, "id": f"A-{number}"} for number in range(5)]
    async with shop(tmp_path, cloudevents=True) as made:

        def fail(receipt):
            if receipt.key.endswith("A-3"):
                raise ChannelError("down")

        made.intake.failing = fail
        cut = await made.post(json.dumps(batch).encode(), Content_Type=BATCH)
        made.intake.failing = lambda receipt: None
        again = await made.post(json.dumps(batch).encode(), Content_Type=BATCH)

    assert (cut[0], again[0]) == (503, 202)
    assert len(made.intake.taken) == len({taken.key for taken in made.intake.taken}) == 5


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({"data": {"n": 12.5}}, b'{"n":12.5}'),
        ({"data": "a text"}, b'"a text"'),
        ({"data": "a;b", "datacontenttype": "text/csv"}, b"a;b"),
        ({"data": "a", "datacontenttype": "application/vnd.x+json; charset=utf-8"}, b'"a"'),
        ({"data": None}, b"null"),
        ({"data_base64": base64.b64encode(b"\x00\xff").decode()}, b"\x00\xff"),
    ],
)
def test_data_is_the_bytes_that_it_would_be_in_binary_mode(change, body):
    event = {name: value for name, value in EVENT.items() if name != "data"} | change

    assert structured(event)[0].body == body


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""}, {"id": None}, {"source": None}, {"type": None}, {"specversion": "0.3"}, {"data_base64": "AA=="},
        {"data": None, "data_base64": "?"}, {"camelCase": "x"}, {"n" * 21: "x"}, {"extension": {"a": 1}},
        {"extension": "a\nb"}, {"extension": "x" * 3000}, {f"e{number}": 1 for number in range(60)},
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused_with_what_is_wrong(change):
    event = EVENT | change
    if "data_base64" in change and "data" in change:
        del event["data"]

    with pytest.raises(Refusal) as told:
        structured(event)
    assert (told.value.status, told.value.code) == (400, "not-a-cloudevent")


def test_a_batch_says_which_event_is_bad_and_is_bounded():
    with pytest.raises(Refusal, match=r"event 2"):
        structured([EVENT, {**EVENT, "id": None}], BATCH)
    with pytest.raises(Refusal) as told:
        structured([EVENT] * 1001, BATCH)
    assert told.value.status == 413


@given(
    st.dictionaries(
        st.text(max_size=8), st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.lists(st.none()))
    )
)
def test_whatever_comes_is_an_event_or_a_refusal(given_event):
    for body, kind in [(given_event, STRUCTURED), ([EVENT | given_event, given_event], BATCH)]:
        try:
            found = structured(body, kind)
        except Refusal as refused:
            assert refused.status == 400
        else:
            assert all(event.key.isascii() and len(event.key) <= 255 for event in found)


def test_different_events_have_different_keys():
    pairs = [("/a", "b#c"), ("/a#b", "c"), ("/a", "b"), ("/" + "a" * 300, "b"), ("/" + "a" * 301, "b"), ("/å", "b")]

    keys = [structured({**EVENT, "source": source, "id": identity})[0].key for source, identity in pairs]

    assert len(set(keys)) == len(pairs)


# -- batches of documents


async def test_a_line_that_is_bad_has_its_position_and_its_neighbours_go_on(tmp_path):
    made_format = Json(type="json", lines=True).build({})
    mounting = {"reader": lambda: made_format.reader(None)}
    async with shop(tmp_path, mounting=mounting, format={"type": "json", "lines": True}) as made:
        mixed = await made.post(b'{"a":1}\n{"a":}\n{"a":3}\n', Content_Type="application/x-ndjson")
        none = await made.post(b'{"a":\n}}\n', Content_Type="application/x-ndjson")
    async with shop(tmp_path, mounting=mounting, on_invalid="refuse", format={"type": "json", "lines": True}) as made:
        strict = await made.post(b'{"a":1}\n{"a":}\n', Content_Type="application/x-ndjson")

    assert mixed[0] == 202
    assert (none[0], [error["line"] for error in none[2]["errors"]]) == (400, [1, 2])
    assert (strict[0], strict[2]["errors"][0]["line"]) == (400, 2)


async def test_every_document_of_a_batch_must_keep_the_contract_and_the_answer_says_which_does_not(tmp_path):
    from esb.contracts import compile_contract

    contract = compile_contract("n@1.json", b'{"type": "object", "required": ["n"]}', "json-schema")
    made_format = Json(type="json").build({})
    mounting = {"reader": lambda: made_format.reader("$[*]"), "contract": contract}
    async with shop(tmp_path, mounting=mounting) as made:
        good = await made.post(b'[{"n": 1}, {"n": 2}]')
        status, _, problem = await made.post(b'[{"n": 1}, {"m": 2}, {}]')

    assert good[0] == 202
    assert (status, problem["code"]) == (422, "contract")
    assert [error["document"] for error in problem["errors"]] == [2, 3]


# -- parameters


@given(st.text(max_size=40), st.text(max_size=40))
def test_parameters_are_the_text_that_was_sent_or_a_refusal(name, value):
    from urllib.parse import quote

    declared = Parameters.of({"q": Parameter(), "r": Parameter(pattern="[a-z]*")}, "/x/{name}")
    try:
        found = declared.read({"name": name}, f"q={quote(value)}&other=1&r=abc".encode())
    except Refusal as refused:
        assert not (name.isprintable() and value.isprintable()) or "\ufffd" in name + value
        assert refused.status == 400
    else:
        assert found == {"name": name, "q": value, "r": "abc"}


@pytest.mark.parametrize("query", [b"q=%ff", b"q=\xff", b"q=" + b"x" * 501, b"q=1&q=2", b"&".join([b"a=1"] * 101)])
def test_a_query_that_cannot_be_read_is_refused(query):
    with pytest.raises(Refusal) as told:
        Parameters.of({"q": Parameter()}, "").read({}, query)
    assert told.value.status == 400


async def test_the_same_body_for_another_article_is_another_message(tmp_path):
    from esb.edge import Accepted

    class Keys:
        def __init__(self):
            self.seen = []

        async def take(self, receipt):
            self.seen.append((receipt.key, receipt.digest))
            return Accepted("0" * 32, 1)

    intake = Keys()
    async with shop(tmp_path, intake=intake, path="/stock/{sku}", methods=["PUT", "POST"]) as made:
        for method, sku in [("PUT", "1"), ("PUT", "2"), ("POST", "1"), ("PUT", "1")]:
            assert (await made.call(method, f"/api/stock/{sku}", b"{}"))[0] == 202

    assert len(set(intake.seen)) == 3


async def test_a_key_can_be_required_or_stand_in_the_body(tmp_path):
    async with shop(tmp_path, without_key="refuse", key=["X-Order", "$.order.number"]) as made:
        none = await made.post(b'{"order": {}}')
        body = await made.post(b'{"order": {"number": 7}}')
        header = await made.post(b'{"order": {"number": 8}}', X_Order="9")

    assert (none[0], none[2]["code"]) == (400, "key-required")
    assert (body[0], header[0]) == (202, 202)
    assert [taken.key for taken in made.intake.taken] == ["7", "9"]


# -- characters and negotiation


@pytest.mark.parametrize(
    ("charset", "status"), [("utf-8", 202), ('"UTF-8"', 202), ("us-ascii", 202), ("iso-8859-1", 415), ("utf-7", 415)]
)
async def test_json_is_utf_8_and_nothing_else(tmp_path, charset, status):
    async with shop(tmp_path) as made:
        answered, _, problem = await made.post(Content_Type=f"application/json; v=1; charset={charset}")

    assert answered == status
    if status == 415:
        assert problem["code"] == "charset"


async def test_the_characters_of_a_text_are_those_of_its_format(tmp_path):
    async with shop(tmp_path, format={"type": "csv", "encoding": "latin-1"}) as made:
        answered = [
            (await made.post(b"a;b\n", Content_Type=f"text/csv; charset={name}"))[0]
            for name in ("iso-8859-1", "latin-1", "utf-8")
        ]

    assert answered == [202, 202, 415]


OFFER = ["application/json", "application/xml", "text/csv"]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*;q=0.5, text/csv;q=0.4", "application/json"),
        ("text/*", "text/csv"),
        ("application/xml, application/json;q=0.9", "application/xml"),
        ("*/*;q=0.1, text/csv", "text/csv"),
        ("application/json;q=0, */*", "application/xml"),
        ("image/png", None),
        ("application/json;q=0", None),
        ("nonsense", "application/json"),
        ("application/json;q=x, text/csv", "text/csv"),
        ("TEXT/CSV", "text/csv"),
        ("application/problem+json", None),
    ],
)
def test_the_answer_is_what_the_caller_likes_best(accept, chosen):
    assert choose(accept, OFFER) == chosen


@given(st.text(max_size=200))
def test_no_accept_header_breaks_the_choice(accept):
    assert choose(accept, OFFER) in {*OFFER, None}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"path": "no-slash"}, "not a path"),
        ({"path": "/a/{x}/{x}"}, "twice"),
        ({"path": "/a/../b"}, "not a path|Value error"),
        ({"methods": "GET"}, "reply: sync"),
        ({"methods": "DELETE", "format": "csv"}, "no body"),
        ({"cloudevents": True, "reply": "sync"}, "not answered"),
        ({"answers": ["json"]}, "reply: sync"),
        ({"key": ["$.a["]}, "key"),
        ({"parameters": {"a": {"pattern": "(["}}}, "I-Regexp"),
        ({"auth": {"github": "secret://env/A"}, "headers": ["X-Hub-Signature-256"]}, "never copied"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(options, says):
    with pytest.raises(ValidationError, match=says):
        HttpIn.model_validate({"type": "http_in", "auth": "none", **options})

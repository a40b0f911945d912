from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from esb.endpoints.http_out.answers import LONGEST_WAIT, Answered, Reading, excerpt, outcome, retry_after
from esb.endpoints.http_out.urls import join, url_fault
from esb.errors import EndpointError, RejectedError, ThrottledError, UnknownOutcomeError

NOW = 1_767_225_600.0
BASE = URL("https://erp.example:8443/api/v2?tenant=7")


# -- Retry-After


def test_seconds_and_dates_are_read():
    table = {
        "0": 0.0,
        "120": 120.0,
        " 5 ": 5.0,
        "2.5": 2.5,
        "999999999": LONGEST_WAIT,
        formatdate(NOW + 90, usegmt=True): 90.0,
        formatdate(NOW - 90, usegmt=True): 0.0,
        "Thursday, 01-Jan-26 00:01:30 GMT": 90.0,
        "Thu Jan  1 00:01:30 2026": 90.0,
    }

    assert {text: retry_after(text, NOW) for text in table} == table


@pytest.mark.parametrize(
    "text", [None, "", "soon", "-5", "1e5", "١٢", "5 s", "Thu, 99 Foo 2026 00:00:00 GMT", "inf", "nan"]
)
def test_what_is_neither_seconds_nor_a_date_is_no_advice(text):
    assert retry_after(text, NOW) is None


@given(st.text(max_size=60))
def test_no_text_makes_anything_but_a_time_up_to_a_day(text):
    wait = retry_after(text, NOW)

    assert wait is None or 0 <= wait <= LONGEST_WAIT


@given(st.integers(0, 10**9), st.booleans())
def test_a_wait_survives_its_way_through_the_header(seconds, as_date):
    text = formatdate(NOW + seconds, usegmt=True) if as_date else str(seconds)

    assert retry_after(text, NOW) == min(seconds, LONGEST_WAIT)


# -- statuses


@pytest.mark.parametrize(
    ("status", "headers", "error", "wait"),
    [
        (301, {"Location": "http://elsewhere/"}, RejectedError, None),
        (304, {}, RejectedError, None),
        (400, {}, RejectedError, None),
        (401, {}, RejectedError, None),
        (404, {}, RejectedError, None),
        (408, {}, EndpointError, None),
        (409, {}, RejectedError, None),
        (409, {"Retry-After": "3"}, EndpointError, 3.0),
        (422, {}, RejectedError, None),
        (425, {"Retry-After": "1"}, EndpointError, 1.0),
        (429, {}, ThrottledError, None),
        (429, {"Retry-After": "7"}, ThrottledError, 7.0),
        (500, {}, EndpointError, None),
        (502, {}, UnknownOutcomeError, None),
        (503, {}, EndpointError, None),
        (503, {"Retry-After": "7"}, ThrottledError, 7.0),
        (504, {}, UnknownOutcomeError, None),
        (599, {}, EndpointError, None),
    ],
)
def test_each_status_has_its_class(status, headers, error, wait):
    with pytest.raises(EndpointError if error is not RejectedError else RejectedError) as caught:
        outcome(Answered(status, headers), Reading(), NOW)

    assert type(caught.value) is error
    assert getattr(caught.value, "retry_after", None) == wait
    assert str(status) in str(caught.value)


def test_any_2xx_is_delivered_unless_others_are_expected():
    assert outcome(Answered(201, {}, b"{}"), Reading(), NOW).detail == "201 Created"
    assert outcome(Answered(299, {}), Reading(), NOW).detail == "299"
    assert outcome(Answered(303, {}), Reading(frozenset({303})), NOW).detail == "303 See Other"
    with pytest.raises(RejectedError, match="expected 201"):
        outcome(Answered(200, {}), Reading(frozenset({201})), NOW)


def test_a_conflict_may_mean_that_the_receiver_has_it_already():
    assert "already" in outcome(Answered(409, {}), Reading(conflict="done"), NOW).detail


def test_a_cut_question_is_no_unknown_outcome():
    with pytest.raises(EndpointError) as caught:
        outcome(Answered(504, {}), Reading(safe=True), NOW)

    assert type(caught.value) is EndpointError


def test_what_is_quoted_is_short_printable_and_without_our_secrets():
    body = b"no\x00\x1b[31m customer s3cr3t\n\n" + b"x" * 5000

    text = excerpt(Answered(400, {}, body), ("s3cr3t",))

    assert "no" in text
    assert "customer ***" in text
    assert "s3cr3t" not in text
    assert text.isprintable()
    assert len(text) < 220


@given(st.binary(max_size=3000), st.text(min_size=4, max_size=12))
def test_no_body_leaks_a_secret_or_breaks_a_line(body, secret):
    text = excerpt(Answered(400, {}, body + secret.encode("utf-8", "replace") + body), (secret,))

    assert text.isprintable()
    assert len(text) <= 204


# -- addresses


def test_paths_join_below_the_base_and_keep_its_query():
    table = {
        "/customers/C1": "https://erp.example:8443/api/v2/customers/C1?tenant=7",
        "/customers?ref=a%26b": "https://erp.example:8443/api/v2/customers?ref=a%26b&tenant=7",
        "/kunden/Jürgen": "https://erp.example:8443/api/v2/kunden/J%C3%BCrgen?tenant=7",
        "/a:80@b/": "https://erp.example:8443/api/v2/a:80@b/?tenant=7",
        "/a%2Fb": "https://erp.example:8443/api/v2/a%2Fb?tenant=7",
    }

    assert {path: str(join(BASE, path)) for path in table} == table


@pytest.mark.parametrize(
    "path",
    [
        "",
        "customers",
        "//evil.example/x",
        "https://evil.example/x",
        "/\\evil.example",
        "/a/../../admin",
        "/a/%2e%2e/%2e%2e/admin",
        "/a/..%2f..%2fadmin",
        "/a/.",
        "/a#b",
        "/a b",
        "/a\r\nHost: evil",
        "/a\x00",
        "/" + "a" * 9000,
    ],
)
def test_paths_that_would_leave_the_base_are_refused(path):
    with pytest.raises(RejectedError, match="cannot be used"):
        join(BASE, path)


@given(st.text(max_size=60))
def test_no_path_reaches_another_host_or_leaves_the_base(path):
    try:
        joined = join(BASE, f"/{path}")
    except RejectedError:
        return

    assert joined.origin() == BASE.origin()
    assert joined.raw_path.startswith("/api/v2/")
    assert ".." not in joined.path.split("/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "erp.example/api",
        "ftp://erp.example",
        "https://",
        "https://user:pw@erp.example/",
        "https://erp.example/#x",
        "https://erp.example/#",
        "https://erp.example:99999/",
        "https://[::1/",
        "https://erp.example/a b",
        "https://erp.example/\n",
    ],
)
def test_addresses_that_are_none_are_named_so(url):
    assert url_fault(url)


@pytest.mark.parametrize("url", ["https://erp.example/api", "http://127.0.0.1:8080", "https://[::1]:8443/x?y=1"])
def test_addresses_are_taken(url):
    assert url_fault(url) == ""

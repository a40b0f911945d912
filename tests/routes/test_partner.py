"""A partner's file: what their endpoints inherit, when they work, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from esb.calendar import Calendar
from esb.message import Filing
from esb.plan import DeadLetter, Failure, RetryAfter
from esb.routes import compile_plan, lint, load
from esb.routes.partner import CalendarSpec, PartnerSpec

ENDPOINT = "type: http_out\npartner: acme\nurl: https://acme.example/\n"
INVOICES = "type: file\npartner: acme\ndirectory: out\nformat: { type: x12, guide: x12/810 }\n"
PROJECT = {
    "esb.yaml": (
        "defaults: { owner: house, retry: quick }\n"
        "policies: { nightly: { transient: { retry: { delays: [1s], attempts: 2 } } } }\n"
    ),
    "routes/a.yaml": "from: { endpoint: in }\nsteps: [{ id: a, to: acme }, { id: b, to: invoices }]\n",
    "endpoints/in.yaml": "type: timer\nevery: 1h\n",
    "endpoints/acme.yaml": ENDPOINT,
    "endpoints/invoices.yaml": INVOICES,
}
PARTNER = """\
owner: key-account
retry: nightly
expect: { ack: 9h }
calendar: { hours: 08:00-17:00, timezone: Europe/Berlin, holidays: [2026-12-24, 12-25] }
"""


def plan(**files: str) -> Any:
    given = PROJECT | {name.replace("__", "/") + ".yaml": text for name, text in files.items()}
    return compile_plan(load({name: text.encode() for name, text in given.items()}))


def test_an_endpoint_without_owner_and_policy_has_those_of_its_partner():
    delivery = plan(schemas__partners__acme=PARTNER).deliveries["acme"]

    verdicts = [delivery.policy(Failure("transient", "503", attempt)) for attempt in (1, 2)]

    assert delivery.owner == "key-account"
    assert [type(verdict) for verdict in verdicts] == [RetryAfter, DeadLetter]  # `nightly` tries twice


def test_what_an_endpoint_says_itself_wins():
    deliveries = plan(schemas__partners__acme=PARTNER, endpoints__acme=ENDPOINT + "owner: erp-team\n").deliveries

    assert deliveries["acme"].owner == "erp-team"


def test_without_a_word_of_the_partner_the_project_s_defaults_hold():
    deliveries = plan(schemas__partners__acme="description: ACME\n").deliveries

    assert deliveries["acme"].owner == "house"


def test_a_calendar_is_read():
    spec = PartnerSpec.model_validate(
        {"calendar": {"days": ["mon", "sat"], "hours": "08:30-24:00", "holidays": ["2026-12-24", "02-29"]}}
    )

    assert spec.calendar is not None
    assert spec.calendar.build() == Calendar(
        frozenset({0, 5}), 30_600, 86_400, "UTC", frozenset({date(2026, 12, 24)}), frozenset({(2, 29)})
    )


def test_an_answer_is_due_by_the_partner_s_working_time():
    sent = datetime(2026, 12, 23, 15, 0, tzinfo=UTC).timestamp()  # a Wednesday, 16:00 in Berlin
    calendar = CalendarSpec(hours="08:00-17:00", timezone="Europe/Berlin", holidays=("2026-12-24", "12-25")).build()

    due = Filing((), 9 * 3600.0, calendar).due(sent)

    assert due == datetime(2026, 12, 28, 15, 0, tzinfo=UTC).timestamp()  # Monday, 16:00
    assert Filing((), 9 * 3600.0).due(sent) == sent + 9 * 3600
    assert Filing((), 0.0, calendar).due(sent) is None


@pytest.mark.parametrize(
    ("calendar", "hint"),
    [
        ({"hours": "17:00-08:00"}, "08:00-17:00"),
        ({"hours": "8-17"}, "08:00-17:00"),
        ({"hours": "08:00-24:30"}, "08:00-17:00"),
        ({"timezone": "Mars/Base"}, "IANA"),
        ({"holidays": ["2026-02-30"]}, "is no date"),
        ({"holidays": ["13-01"]}, "is no date"),
        ({"holidays": ["Christmas"]}, "pattern"),
        ({"days": []}, "at least 1"),
        ({"days": ["monday"]}, "mon"),
    ],
)
def test_a_calendar_that_makes_no_sense_is_refused(calendar: dict[str, Any], hint: str):
    with pytest.raises(ValidationError, match=hint):
        PartnerSpec.model_validate({"calendar": calendar})


def test_names_in_a_partner_s_file_must_exist():
    files = PROJECT | {"schemas/partners/acme.yaml": "retry: nihgtly\nacknowledge_to: acmee\n"}

    found = lint(load({name: text.encode() for name, text in files.items()}))

    texts = [f"{each.place.file}: {each.text}" for each in found if each.severity == "error"]
    assert any("acme.yaml" in text and "nihgtly" in text for text in texts)
    assert any("acme.yaml" in text and "acmee" in text for text in texts)


def test_ids_are_one_or_several():
    spec = PartnerSpec(ids={"isa": ["01/123456789", "ZZ/ACME"], "gs": "ACME"}, edi={"receiver": {"isa": "ZZ/HOUSE"}})

    assert spec.ids["isa"] == ["01/123456789", "ZZ/ACME"]


@pytest.mark.parametrize("ids", [{"isa": ""}, {"gs": []}, {"unb": ["1", " "]}, {"isa": "01/1234567890123456"}])
def test_ids_that_no_envelope_can_hold_are_refused(ids: Any):
    with pytest.raises(ValidationError, match="write identifiers of 1 to"):
        PartnerSpec(ids=ids)

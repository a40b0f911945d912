"""Dates, times and periods are what their format says: in the accept path and the diagnosis alike, and in answers."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from esb.errors import FormatError
from esb.formats import Edifact
from esb.formats.edi.diagnosis import flaws
from esb.formats.edi.moments import FORMATS
from esb.formats.edi.patterns import RELEASED, Marks, acceptor
from esb.formats.edifact.library import dictionary
from esb.testing.edifact_kit import answers, codes, documents, interchange, order, read

MARKS = Marks("+", ":", "", "'", "?", ".", wide=True, reserved=True)
DTM = dictionary("D96A").segment("DTM")
ACCEPT = acceptor(DTM, MARKS)

RIGHT = [
    ("2", "311226"), ("2", "290224"), ("3", "123126"), ("4", "31122026"), ("5", "311220262359"),
    ("101", "261231"), ("101", "000229"), ("102", "20261231"), ("102", "20240229"), ("102", "99991231"),
    ("103", "26531"), ("105", "26365"), ("105", "24366"), ("106", "0229"), ("107", "366"), ("108", "53"),
    ("109", "12"), ("110", "31"), ("201", "2612312359"), ("202", "261231235959"), ("203", "202612310000"),
    ("203", "202612312400"), ("204", "20261231235959"), ("205", "202612312359+0530"), ("205", "202612312359-0800"),
    ("301", "2612312359UTC"), ("302", "261231235959EST"), ("303", "202612312359CET"), ("303", "202612312359+01"),
    ("304", "20261231235959-05"), ("305", "12312359"), ("306", "312359"), ("401", "2359"), ("402", "235959"),
    ("404", "235959UTC"), ("501", "08001700"), ("502", "080000170000"), ("503", "080000UTC170000UTC"),
    ("602", "2026"), ("609", "2612"), ("610", "202612"), ("615", "2653"), ("616", "202653"), ("702", "20262027"),
    ("710", "202601202612"), ("713", "26010100002612312359"), ("715", "26012653"), ("716", "202601202653"),
    ("717", "260101261231"), ("718", "2026010120261231"), ("718", "20260101-20261231"), ("718", "2024022920280229"),
    ("719", "202601010000202612312359"), ("719", "202601010000-202612312359"),
    ("801", "3"), ("804", "x"), ("999", "20261320"), ("XYZ", "20261320"), ("", "20261320"),
]  # fmt: skip
"""What a value may be; formats that are not known are not looked at."""

WRONG = [
    ("2", "320126", "day"), ("2", "261331", "day"), ("2", "20261231", "is not DDMMYY"), ("2", "290225", "day"),
    ("3", "311226", "day"), ("101", "261320", "day"), ("101", "20261231", "is not YYMMDD"), ("102", "20261320", "day"),
    ("102", "20260229", "day"), ("102", "21000229", "day"), ("102", "00000101", "day"), ("102", "261231", "CCYYMMDD"),
    ("102", "2026-12-31", "CCYYMMDD"), ("102", "2026123x", "CCYYMMDD"), ("102", "202612311200", "CCYYMMDD"),
    ("102", "٢٠٢٦١٢٣١", "CCYYMMDD"), ("103", "26541", "day"), ("103", "26018", "day"),
    ("105", "26366", "day"), ("105", "26000", "day"), ("107", "367", "day"), ("108", "54", "day"), ("108", "00", "day"),
    ("109", "13", "day"), ("110", "32", "day"), ("110", "00", "day"), ("201", "2612312460", "time"),
    ("202", "261231235960", "time"), ("203", "202612312401", "time"), ("203", "202613011200", "day"),
    ("203", "20261231", "is not CCYYMMDDHHMM, format 203"), ("204", "202612312359", "is not CCYYMMDDHHMMSS"),
    ("205", "202612312359", "is not CCYYMMDDHHMMZHHMM"), ("205", "202612312359+1500", "is not"),
    ("303", "202612312359", "is not"), ("303", "202612312359+1", "is not"), ("303", "202602302359UTC", "day"),
    ("304", "202612312359UTC", "is not"), ("602", "26", "is not CCYY"),
    ("602", "0000", "day"), ("609", "2613", "day"), ("609", "202612", "is not YYMM"), ("610", "202613", "day"),
    ("610", "2612", "is not CCYYMM"), ("616", "202654", "day"), ("716", "202601202654", "day"),
    ("717", "260101261301", "day"), ("718", "20260101", "is not CCYYMMDD-CCYYMMDD"), ("718", "2026010120260230", "day"),
    ("718", "2026010120261231-", "is not"), ("719", "202601010000202612312360", "time"),
    ("713", "26010100002612322359", "day"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "value"), RIGHT)
def test_a_right_value_has_no_flaw(code: str, value: str):
    released = value.replace("+", chr(RELEASED + ord("+")))

    assert list(flaws(DTM, [f"137:{released}:{code}"], MARKS)) == []


@pytest.mark.parametrize(("code", "value", "said"), WRONG)
def test_a_wrong_value_is_told_with_its_place(code: str, value: str, said: str):
    released = value.replace("+", chr(RELEASED + ord("+")))

    assert not ACCEPT(f"DTM+137:{released}:{code}")
    (flaw,) = flaws(DTM, [f"137:{released}:{code}"], MARKS)

    assert (flaw.code, flaw.element, flaw.component, flaw.id, flaw.value) == ("el.date", 1, 2, "2380", value)
    assert said in flaw.text and f"format {code}" in flaw.text


@pytest.mark.parametrize(("code", "value"), [("401", "2460"), ("401", "235"), ("402", "235960"), ("501", "08002500")])
def test_a_clock_time_that_is_none_is_a_fault_of_time(code: str, value: str):
    (flaw,) = flaws(DTM, [f"137:{value}:{code}"], MARKS)

    assert (flaw.code, flaw.component) == ("el.time", 2)


_DIGITS = st.text("0123456789", min_size=1, max_size=28)
_NEAR = st.one_of(
    _DIGITS,
    st.text("0123-+UTC", min_size=1, max_size=20),
    st.datetimes(datetime(1900, 1, 1), datetime(9999, 12, 30)).flatmap(
        lambda moment: st.sampled_from(
            [moment.strftime(shape) for shape in ("%Y%m%d", "%y%m%d", "%d%m%y", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%Y%m",
             "%Y%m%d%H%M+0100", "%Y%m%d%H%MUTC", "%Y%m%d%Y%m%d", "%H%M", "%y%j", "%G%V", "%Y%m%d%H%M%Y%m%d%H%M")]
        )
    ),
)  # fmt: skip


@given(value=_NEAR, code=st.sampled_from([*FORMATS, "801", "", "10"]), more=st.sampled_from(["", ":", "+", ":+:"]))
@example(value="20261121", code="10\ue032", more="")
@example(value="\ue0320261121", code="102", more="")
def test_what_is_accepted_has_no_flaw(value: str, code: str, more: str):
    value = value.replace("+", chr(RELEASED + ord("+")))
    text = f"137:{value}:{code}{more}"

    accepted = ACCEPT(f"DTM+{text}")
    found = list(flaws(DTM, text.split("+"), MARKS))

    assert not (accepted and found)


@given(st.datetimes(datetime(1000, 1, 1), datetime(9990, 12, 31)), st.integers(0, 3000))
def test_every_day_and_minute_is_right_in_its_formats(moment: datetime, days: int):
    end = moment + timedelta(days=days)
    leap = "0229" in (f"{moment:%m%d}", f"{end:%m%d}")
    year = f"{moment.year:04d}"
    said = {
        "102": f"{year}{moment:%m%d}", "203": f"{year}{moment:%m%d%H%M}", "204": f"{year}{moment:%m%d%H%M%S}",
        "4": f"{moment:%d%m}{year}", "106": f"{moment:%m%d}", "401": f"{moment:%H%M}", "610": f"{year}{moment:%m}",
        "718": f"{year}{moment:%m%d}{end.year:04d}{end:%m%d}",
    }  # fmt: skip

    for code, value in said.items():
        assert list(flaws(DTM, [f"137:{value}:{code}"], MARKS)) == []
        assert leap or ACCEPT(f"DTM+137:{value}:{code}"), (code, value)


@given(_DIGITS.filter(lambda text: len(text) == 8))
def test_eight_digits_are_a_date_if_the_calendar_says_so(value: str):
    try:
        datetime.combine(datetime(int(value[:4]), int(value[4:6]), int(value[6:])), time())
        right = True
    except ValueError:
        right = False

    assert (list(flaws(DTM, [f"137:{value}:102"], MARKS)) == []) is right


def test_a_sign_that_separates_is_no_sign():
    marks = Marks("+", ":", "", "'", "", ".", wide=True, reserved=True)

    assert not acceptor(DTM, marks)("DTM+137:202612312359+01:303")
    assert acceptor(DTM, marks)("DTM+137:202612312359-01:303")


def test_a_date_that_is_none_refuses_its_message_and_is_answered():
    parts = read(interchange(order("1", ("20261121:102", "20261320:102")), order("2")))

    refused = parts[0]
    (finding,) = refused.findings
    assert finding.code == "el.date"
    assert "DTM01-2" in refused.error and "'20261320' is not a day of the calendar" in refused.error
    assert [document["order"]["number"] for document in documents(parts)] == ["PO2"]
    (contrl,) = answers(parts)
    assert contrl[contrl.index("UCS+3") + 1] == "UCD+12+2:2"


def test_a_released_sign_of_a_time_zone_is_read():
    parts = read(interchange(order("1", ("20261121:102", "202611210930?+01:303"))))

    (document,) = documents(parts)
    assert document["dates"]["document"] == {"value": "202611210930+01", "format": "303"}


def test_a_partner_with_wrong_dates_can_be_tolerated():
    parts = read(interchange(order("1", ("20261121:102", "20261320:102"))), tolerate=["el.date"])

    assert len(documents(parts)) == 1
    assert codes(parts) == ["el.date"]


def test_a_wrong_date_is_not_written():
    made = Edifact(guide="edifact/ORDERS", envelope={"sender": {"id": "1"}, "receiver": {"id": "2"}}).build({})
    (document,) = documents(read(interchange(order("1"))))
    document["dates"]["document"]["value"] = "20261320"

    with pytest.raises(FormatError, match="is not a day of the calendar"):
        made.render(document)


@pytest.mark.parametrize(
    ("value", "code", "day"),
    [
        ("20240229", "102", b"+240229:"), ("202612310930", "203", b"+261231:"), ("20261231", None, b"+261231:"),
        ("31122026", "4", b"+000101:"), ("12311200", "305", b"+000101:"), ("20261320", None, b"+000101:"),
        ("202612312027", "999", b"+000101:"),
    ],
)  # fmt: skip
def test_an_interchange_is_dated_by_a_day_only(value: str, code: str | None, day: bytes):
    made = Edifact(guide="edifact/ORDERS", envelope={"sender": {"id": "1"}, "receiver": {"id": "2"}}).build({})
    (document,) = documents(read(interchange(order("1"))))
    document["dates"]["document"] = {"value": value} | ({"format": code} if code else {})

    assert day in made.render(document).partition(b"UNH")[0]

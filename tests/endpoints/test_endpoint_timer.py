import asyncio
import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from esb.endpoints.gcra import Gcra
from esb.endpoints.schedule import Cron, Every, due, next_time
from esb.endpoints.timer import Timer
from esb.errors import FormatError, StoreError
from esb.message import derive
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, raised, until


def at(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def texts(times, zone="UTC"):
    return [datetime.fromtimestamp(time, ZoneInfo(zone)).strftime("%d %H:%M") for time in times]


# -- schedules


@given(st.sampled_from([0.1, 0.25, 1.0, 60.0, 900.0, 86400.0]), st.floats(0, 4e9), st.floats(0, 4e9))
def test_a_period_gives_the_same_times_wherever_it_is_begun(period, first, second):
    every = Every(period)
    early, late = min(first, second), max(first, second)

    following = next_time(every, late)

    assert late < following <= late + period + 0.001
    assert every.latest(following) == following
    assert next_time(every, early) <= following
    assert every.latest(late) <= late < next_time(every, late)


CRONS = ["*/15 * * * *", "0 6 * * MON-FRI", "30 2 * * *", "0 0 1 * *", "5 0 * * SUN#1", "0 12 L * *"]


@given(
    st.sampled_from(CRONS),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    st.integers(1_700_000_000, 1_900_000_000),
)
def test_the_latest_time_is_the_one_before_the_next(expression, zone, moment):
    cron = Cron(expression, zone)
    latest = cron.latest(moment)

    assert latest <= moment < next_time(cron, latest)
    assert cron.latest(latest) == latest


def test_a_daily_time_in_a_zone_follows_the_clock_on_the_wall():
    cron = Cron("0 6 * * *", "Europe/Berlin")
    start = at("2026-03-28 12:00", "Europe/Berlin")

    times = [next(cron.after(start))]
    times.append(next(cron.after(times[-1])))

    assert texts(times) == ["29 04:00", "30 04:00"]
    assert texts(times, "Europe/Berlin") == ["29 06:00", "30 06:00"]


def test_a_time_that_a_clock_change_skips_or_doubles_comes_once():
    cron = Cron("30 2 * * *", "Europe/Berlin")
    spring, autumn = at("2026-03-28 12:00", "Europe/Berlin"), at("2026-10-24 12:00", "Europe/Berlin")

    def three(start):
        times = []
        for _ in range(3):
            times.append(next(cron.after(times[-1] if times else start)))
        return texts(times, "Europe/Berlin")

    assert three(spring) == ["29 03:00", "30 02:30", "31 02:30"]
    assert three(autumn) == ["25 02:30", "26 02:30", "27 02:30"]


@pytest.mark.parametrize(
    ("missed", "now", "expected"),
    [
        ("run_once", 3605, [3600]),
        ("run_once", 7 * 3600 + 600, [7 * 3600]),
        ("skip", 3605, [3600]),
        ("skip", 3 * 3600 + 5, [3 * 3600]),
        ("skip", 3 * 3600 + 600, []),
        ("run_all", 3 * 3600 + 600, [3600, 7200, 10800]),
        ("run_once", 10, []),
    ],
)
def test_missed_times_are_dealt_with_as_the_endpoint_says(missed, now, expected):
    times, settled = due(Every(3600.0), 0.0, now, missed)

    assert times == expected
    assert settled == (now // 3600) * 3600


def test_very_many_missed_times_come_in_portions_and_none_is_lost():
    settled, count = 0.0, 0
    while True:
        times, settled = due(Every(1.0), settled, 25_000.0, "run_all")
        if not times:
            break
        count += len(times)

    assert count == 25_000


# -- the source


def timer(folder, intake=None, **options):
    world = TestWorld(folder)
    given = {"type": "timer", **(options or {"every": "1h"})}
    return Timer.model_validate(given).source("nightly", world), world, intake or RecordingIntake()


async def test_the_first_start_fires_nothing_of_the_past(tmp_path):
    source, _, intake = timer(tmp_path)

    await source.run(intake, once=True)

    assert intake.taken == []


async def test_a_running_timer_fires_each_time_once_with_that_time_as_its_key(tmp_path):
    source, world, intake = timer(tmp_path)
    world.clock.time += 60

    run = asyncio.ensure_future(source.run(intake, once=False))
    await until(lambda: len(intake.taken) >= 3)
    run.cancel()
    await asyncio.wait([run])

    assert [taken.key for taken in intake.taken[:3]] == [f"2026-01-01T0{hour}:00:00+00:00" for hour in (1, 2, 3)]
    document = json.loads(intake.taken[0].body)
    assert document == {"scheduled_at": "2026-01-01T01:00:00+00:00", "name": "nightly"}
    assert intake.repeated == []


async def test_a_restart_repeats_nothing_and_catches_up_what_it_missed(tmp_path):
    intake = RecordingIntake()
    source, _, _ = timer(tmp_path)
    await source.run(intake, once=True)
    for hours in (2, 2, 5):
        source, world, _ = timer(tmp_path)
        world.clock.time += hours * 3600 + 30
        await source.run(intake, once=True)

    assert [taken.key[11:13] for taken in intake.taken] == ["02", "05"]
    assert intake.repeated == []


async def test_a_crash_between_taking_and_noting_repeats_the_same_key(tmp_path):
    intake = RecordingIntake()
    source, _, _ = timer(tmp_path)
    await source.run(intake, once=True)
    note = (tmp_path / ".state/timers/nightly.json").read_text()
    for _ in range(2):
        source, world, _ = timer(tmp_path)
        world.clock.time += 3600
        await source.run(intake, once=True)
        (tmp_path / ".state/timers/nightly.json").write_text(note)

    assert len(intake.taken) == 1
    assert len(intake.repeated) == 1


async def test_every_missed_time_runs_in_order_when_all_are_wanted(tmp_path):
    source, world, intake = timer(tmp_path, every="1h", missed="run_all")
    await source.run(intake, once=True)
    world.clock.time += 3 * 3600

    await source.run(intake, once=True)

    assert [taken.key[11:13] for taken in intake.taken] == ["01", "02", "03"]


async def test_a_bus_out_of_reach_is_waited_for_and_the_time_is_not_lost(tmp_path):
    source, world, intake = timer(tmp_path)
    world.clock.time += 60
    failures = []

    def down(receipt):
        failures.append(receipt.key)
        if len(failures) < 4:
            raise StoreError("down")

    intake.failing = down
    run = asyncio.ensure_future(source.run(intake, once=False))
    await until(lambda: bool(intake.taken))
    run.cancel()
    await asyncio.wait([run])

    assert set(failures[:4]) == {"2026-01-01T01:00:00+00:00"}
    assert intake.taken[0].key == failures[0]


async def test_a_single_run_tells_that_the_bus_is_out_of_reach(tmp_path):
    source, world, intake = timer(tmp_path)
    await source.run(intake, once=True)
    world.clock.time += 3600

    def down(receipt):
        raise StoreError("down")

    intake.failing = down
    error = await raised(source.run(intake, once=True), StoreError)

    assert str(error) == "down"
    assert intake.taken == []


async def test_a_time_that_can_never_be_taken_does_not_stop_the_next(tmp_path):
    source, world, intake = timer(tmp_path, every="1h", missed="run_all")
    await source.run(intake, once=True)
    world.clock.time += 2 * 3600

    def refuse(receipt):
        if "T01" in receipt.key:
            raise FormatError("no")

    intake.failing = refuse
    await source.run(intake, once=True)

    assert [taken.key[11:13] for taken in intake.taken] == ["02"]
    assert "timer.refused" in world.log.events()


async def test_a_time_that_comes_while_the_last_one_is_under_way_is_skipped_if_asked_for(tmp_path):
    intake, told = RecordingIntake(), []
    for hours, moving in enumerate((False, False, True, True, False)):
        source, world, _ = timer(tmp_path, every="1h", overlap="forbid")
        world.clock.time += hours * 3600 + 30
        if moving:
            first = intake.taken[0]
            world.moving.add(derive("intake", "nightly", first.key, first.digest))
        await source.run(intake, once=True)
        told += [event for event in world.log.events() if event.startswith("timer.")]

    assert [taken.key[11:13] for taken in intake.taken] == ["01", "04"]
    assert told == ["timer.fired", "timer.skipped", "timer.skipped", "timer.fired"]


async def test_a_broken_note_is_a_first_start(tmp_path):
    (tmp_path / ".state/timers").mkdir(parents=True)
    (tmp_path / ".state/timers/nightly.json").write_text("{")
    source, _, intake = timer(tmp_path)

    await source.run(intake, once=True)

    assert intake.taken == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "either every or cron"),
        ({"every": "1h", "cron": "* * * * *"}, "either every or cron"),
        ({"every": "0s"}, "greater"),
        ({"cron": "61 * * * *"}, "minute hour day month weekday"),
        ({"cron": "hourly"}, "minute hour day month weekday"),
        ({"cron": "0 0 30 2 *"}, "minute hour day|never comes"),
        ({"cron": "* * * * *", "timezone": "Europe/Berln"}, "time zone"),
    ],
)
def test_schedules_that_cannot_be_are_refused(options, says):
    with pytest.raises(ValidationError, match=says):
        Timer.model_validate({"type": "timer", **options})


# -- the rate limit of http_in


@given(st.integers(1, 50), st.floats(0.5, 3600.0), st.lists(st.floats(0, 100.0), max_size=200))
def test_never_more_than_the_rate_and_never_less_for_who_waits(calls, seconds, gaps):
    rate, now, taken = Gcra(calls, seconds), 1e9, []
    for gap in gaps:
        now += gap
        wait = rate.wait(now)
        if not wait:
            taken.append(now)
        else:
            assert 0 < wait <= seconds
            assert rate.wait(now + wait + 1e-3) == 0.0
            now += wait + 1e-3
            taken.append(now)

    for number, moment in enumerate(taken):
        # In any window there is the burst, and what trickles in while the window lasts.
        inside = [other for other in taken[number:] if other <= moment + seconds * 0.999]
        assert len(inside) <= 2 * calls


def test_a_burst_of_the_whole_rate_is_allowed_and_the_next_call_waits():
    rate = Gcra(5, 10)

    assert [rate.wait(1e9) for _ in range(5)] == [0.0] * 5
    assert rate.wait(1e9) == pytest.approx(2.0)


def test_a_clock_that_was_set_back_locks_nobody_out():
    rate = Gcra(5, 10)
    for _ in range(5):
        rate.wait(1e9)

    assert rate.wait(1e9 - 86400) <= 10.0

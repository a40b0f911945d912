from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from esb.envelope import ChannelSpec
from esb.errors import DefinitionError
from esb.message import BusinessKey, Message, Park
from esb.pipeline import StepFailure, run
from esb.plan import DeadLetter, Failure, RetryAfter
from esb.routes import check, compile_plan, lint, load, release_of

FILES = {
    "esb.yaml": "defaults: { owner: desk, retry: quick }\n",
    "endpoints/inbox.yaml": "type: file\ndirectory: in\npartner: acme\nformat: json\nmax_size: 5MB\nduplicates: 1d\n",
    "endpoints/erp.yaml": (
        "type: http_out\nurl: https://erp.example/orders\nowner: it\nlimit: 50/s\nconcurrency: 4\n"
        'effect: { probe: { get: "/orders?ref={{ body.number }}" } }\n'
    ),
    "endpoints/mail.yaml": "type: http_out\nurl: https://mail.example/\neffect: { never_repeat: true }\n",
    "endpoints/out.yaml": "type: file\ndirectory: out\nordered: true\nretry: patient\n",
    "schemas/partners/acme.yaml": "description: Acme\n",
    "transforms/order.yaml": 'type: mapping\nset: { number: "$.no", house: "$.ref" }\n',
    "routes/orders.yaml": """
from: { endpoint: inbox, each: "$[*]" }
key: { order: $.number, ticket: { value: $.house, scope: house } }
order_by: $.no
steps:
  - transform: order
  - call: route-it
  - publish: order.taken
""",
    "routes/route-it.yaml": """
steps:
  - choose:
      - when: "{{ body.number == '1' }}"
        steps:
          - hold: { queue: desk, reason: look }
          - to: erp
      - otherwise:
        to: [out, mail]
  - log: on the way
""",
    "routes/news.yaml": """
from: { event: "order.*" }
owner: web
on_error: { invalid: { hold: news } }
steps:
  - to: mail
""",
}
WHEN = datetime(2026, 3, 2, tzinfo=UTC)


def project(**changes):
    return load({name: text.encode() for name, text in {**FILES, **changes}.items()})


@pytest.fixture(scope="module")
def plan():
    found = project()
    check(found)
    return compile_plan(found)


def message(number):
    return Message(id="m", body={"no": number, "ref": "R7"}, received=WHEN, route="orders", partner="acme")


def test_a_route_runs_with_what_it_calls_and_paths_hold_branches_and_call_sites(plan):
    result = run(plan.routes["orders"], message("2"))

    assert [(send.to, send.step) for send in result.sends] == [
        ("delivery/out", "call/choose/otherwise/to"),
        ("delivery/mail", "call/choose/otherwise/to"),
        ("event/order.taken", "publish"),
    ]
    assert [note.step for note in result.notes] == ["call/choose", "call/log"]


def test_a_transform_that_fails_names_its_file(plan):
    message = Message(id="m1", body={"ref": "h"}, received=WHEN, partner="acme", route="orders")

    with pytest.raises(StepFailure) as failed:
        run(plan.routes["orders"], message)

    assert str(failed.value.cause).startswith("transforms/order.yaml: number: $.no: ")


def test_a_released_message_goes_on_behind_the_hold_then_behind_the_branch_and_the_call(plan):
    route = plan.routes["orders"]
    held = run(route, message("1"))
    (park,) = held.parks

    released = run(route, park.message, at=park.step)

    assert isinstance(park, Park)
    assert (park.place, park.step, held.sends) == ("desk", "call/choose/when-1/hold", [])
    assert [(send.to, send.step) for send in released.sends] == [
        ("delivery/erp", "call/choose/when-1/to"),
        ("event/order.taken", "publish"),
    ]
    assert [note.step for note in released.notes] == ["call/log"]


def test_every_place_where_a_message_can_wait_is_an_entry(plan):
    assert set(plan.routes["orders"].entries) == {"call/choose/when-1/hold"}
    assert set(plan.routes["route-it"].entries) == {"choose/when-1/hold"}
    with pytest.raises(StepFailure, match="has no waiting step 'transform'"):
        run(plan.routes["orders"], message("1"), at="transform")


def test_the_same_message_gives_the_same_sends_again(plan):
    first, second = (run(plan.routes["orders"], message("2")) for _ in range(2))

    assert [send.message.id for send in first.sends] == [send.message.id for send in second.sends]
    assert len({send.message.id for send in first.sends}) == 3


def test_business_keys_are_read_again_behind_a_transform_with_the_scope_of_their_owner(plan):
    result = run(plan.routes["orders"], message("2"))

    assert result.sends[0].message.keys == (BusinessKey("order", "2", "acme"), BusinessKey("ticket", "R7", "house"))


def test_keys_that_a_body_does_not_show_are_missing_and_no_error(plan):
    intake = plan.intakes["inbox"]

    seen = intake.keys(replace(message("2"), body={"number": 17, "house": ["a"]}))

    assert seen.keys == (BusinessKey("order", "17", "acme"),)
    assert intake.keys(message("2")).keys == ()


def test_the_order_key_is_a_text_and_empty_where_the_body_shows_none(plan):
    order_key = plan.routes["orders"].order_key

    assert (order_key(message("2")), order_key(replace(message("2"), body={}))) == ("2", "")
    assert plan.ordered_routes == {"orders"}


def test_bodies_leave_in_the_format_of_their_endpoint(plan):
    result = run(plan.routes["orders"], message("2"))

    assert result.sends[0].message.body == b'{"number":"2","house":"R7"}'
    assert result.sends[2].message.body == {"number": "2", "house": "R7"}


def test_a_text_leaves_as_it_is_where_the_endpoint_names_no_format():
    changes = {
        "transforms/order.yaml": 'type: template\ntext: "Order {{ body.no }}"\n',
        "routes/orders.yaml": "from: { endpoint: inbox }\nsteps:\n  - transform: order\n  - to: mail\n",
    }
    (send,) = run(compile_plan(project(**changes)).routes["orders"], message("2")).sends

    assert (send.message.body, send.message.format) == (b"Order 2", "text")


def test_an_intake_cuts_as_the_route_says_within_the_limits_of_the_endpoint(plan):
    intake = plan.intakes["inbox"]
    reader = intake.reader()
    parts = [*reader.feed(b'[{"no": "1"}, {"no": "2"}]'), *reader.end()]

    assert [part.body for part in parts] == [{"no": "1"}, {"no": "2"}]
    assert (intake.route, intake.format, intake.partner, intake.release) == ("orders", "json", "acme", "set")
    assert (intake.max_bytes, intake.window, intake.acknowledge) == (5_000_000, 86400.0, "")


def test_acknowledgments_go_where_the_partner_or_the_route_says():
    origin = "from: {{ endpoint: inbox, acknowledge: {} }}\nsteps:\n  - to: out\n"
    changes = {
        "endpoints/inbox.yaml": "type: file\ndirectory: in\npartner: acme\nformat: x12\n",
        "schemas/partners/acme.yaml": "acknowledge_to: out\n",
    }
    by_partner = compile_plan(project(**changes, **{"routes/orders.yaml": origin.format("997")}))
    by_route = compile_plan(project(**changes, **{"routes/orders.yaml": origin.format("{ kind: 999, to: mail }")}))

    assert by_partner.intakes["inbox"].acknowledge == "out"
    assert by_route.intakes["inbox"].acknowledge == "mail"


def test_deliveries_follow_their_endpoint_and_the_defaults_of_the_project(plan):
    erp, out = plan.deliveries["erp"], plan.deliveries["out"]

    assert (erp.effect, erp.concurrency, erp.rate, erp.owner, erp.ordered) == ("probe", 4, (50.0, 1.0), "it", False)
    assert (out.effect, out.concurrency, out.owner, out.ordered) == ("idempotency_key", 1, "desk", True)
    assert erp.policy(Failure("transient", "down", 3)) == DeadLetter("transient, gave up after 3 attempts: down")
    assert out.policy(Failure("transient", "down", 3)) == RetryAfter(60.0)


def test_unknown_outcomes_wait_for_a_person_where_nothing_may_happen_twice(plan):
    changes = {"endpoints/mail.yaml": "type: http_out\nurl: https://mail.example/\n"}
    silent = compile_plan(project(**changes)).deliveries["mail"]

    for delivery in (plan.deliveries["mail"], silent):
        assert delivery.effect == "never_repeat"
        assert isinstance(delivery.policy(Failure("unknown", "cut", 1)), DeadLetter)
        assert isinstance(delivery.policy(Failure("transient", "down", 1)), RetryAfter)


def test_what_has_messages_of_its_own_has_a_channel(plan):
    assert plan.topology.channels == (
        ChannelSpec("route/news", False),
        ChannelSpec("route/orders", True),
        ChannelSpec("delivery/erp", False),
        ChannelSpec("delivery/mail", False),
        ChannelSpec("delivery/out", True),
    )
    assert plan.topology.subscriptions == (("order.*", "route/news"),)


def test_owners_and_policies_of_routes_are_their_own_or_the_defaults(plan):
    assert (plan.routes["orders"].owner, plan.routes["news"].owner) == ("desk", "web")
    assert plan.policies["news"](Failure("invalid", "no", 1)).place == "news"
    assert isinstance(plan.policies["orders"](Failure("invalid", "no", 1)), DeadLetter)


def test_a_release_is_named_by_its_files_and_the_engine(plan):
    files = {name: text.encode() for name, text in FILES.items()}

    assert plan.release == release_of(files) == release_of(dict(reversed(files.items())))
    assert plan.release != release_of({**files, "esb.yaml": b"x"})
    assert plan.release != release_of(files, engine="0.0.0")
    assert release_of({"a": b"bc"}) != release_of({"ab": b"c"})
    assert compile_plan(project(), release="older").release == "older"


def test_a_project_with_errors_is_refused_with_all_of_them():
    broken = project(**{"routes/news.yaml": "form: x\nsteps:\n  - too: mail\n"})

    with pytest.raises(DefinitionError, match=r"routes/news.yaml:1:1: error\[E203\].*did you mean") as caught:
        check(broken)

    assert [finding.code for finding in caught.value.diagnostics if finding.severity == "error"] == ["E203", "E202"]
    with pytest.raises(DefinitionError):
        compile_plan(broken)


def test_routes_that_call_each_other_are_refused_by_the_compiler_too():
    looping = project(**{"routes/route-it.yaml": "steps:\n  - call: route-it\n"})

    assert {finding.code for finding in lint(looping)} >= {"E701"}
    with pytest.raises(DefinitionError, match="call each other without end"):
        compile_plan(looping)

import pytest

from esb.routes import load
from esb.routes.show import policies, show
from esb.routes.starting import starter

PROJECT = load(starter("hub"))


def test_a_route_is_told_in_sentences():
    assert show(PROJECT, "orders") == (
        "route orders: Orders of the shop become order@1 and go to the warehouse\n"
        "  owner   order-desk\n"
        "  from    endpoint inbox (file)\n"
        "  key     order = {{ body.number | default(body.order_no) }} (of the partner)\n"
        "  steps\n"
        "    1. transform    turns the body into what the transform order makes of it\n"
        "    2. validate     checks that the body keeps the contract order@1\n"
        "    3. deduplicate  ends what came before with the same key {{ body.number }}\n"
        "    4. hold         holds it in large-orders if {{ body.total > 10000 }}, until a person releases it\n"
        "    5. to           sends it to warehouse\n"
        "    6. publish      publishes the event order.accepted\n"
        "  if a step fails: policy standard\n"
        "    invalid, rejected: dead letter\n"
        "    throttled, transient, unknown: 6 attempts, gives up after 1h 11m, then dead letter\n"
        "    bug: 3 attempts, gives up after 11s, then dead letter\n"
        "  to warehouse (file), policy warehouse; an unknown outcome: a repeat is recognised by its key\n"
        "    invalid, rejected: dead letter\n"
        "    throttled, unknown: 6 attempts, gives up after 1h 11m, then dead letter\n"
        "    transient: 38 attempts, gives up after 5h 51m, then dead letter\n"
        "    bug: 3 attempts, gives up after 11s, then dead letter\n"
    )


def test_branches_are_told_with_their_conditions():
    files = {
        "routes/a.yaml": (
            b"from: { event: order.taken }\norder_by: $.number\nkey: { order: { value: $.number, scope: house } }\n"
            b"on_error: { invalid: { hold: desk } }\nsteps:\n  - id: pick\n    description: by country\n    choose:\n"
            b"      - when: \"{{ body.country == 'CA' }}\"\n        to: wms-ca\n"
            b"      - otherwise:\n        steps:\n          - to: wms\n"
        )
    }

    told = show(load(files), "a")

    assert told.split("  if a step fails")[0] == (
        "route a\n"
        "  owner   nobody\n"
        "  from    the event order.taken\n"
        "  key     order = $.number (ours)\n"
        "  order   messages with the same $.number keep their order\n"
        "  steps\n"
        "    1. pick  takes the first of 2 branches that matches  (by country)\n"
        "       when-1: {{ body.country == 'CA' }}\n"
        "          1. to  sends it to wms-ca\n"
        "       otherwise\n"
        "          1. to  sends it to wms\n"
    )
    assert "its own policy\n    invalid: held in desk\n" in told


def test_an_unknown_route_is_not_told():
    with pytest.raises(LookupError, match='route "ordres" does not exist; did you mean "orders"'):
        show(PROJECT, "ordres")


def test_policies_in_use_say_how_often_and_how_long_they_try():
    assert policies(PROJECT) == {
        "standard": "6 attempts, gives up after 1h 11m, then dead letter",
        "warehouse": "38 attempts, gives up after 5h 51m, then dead letter",
    }

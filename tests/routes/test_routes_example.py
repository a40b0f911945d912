"""The example of the language: every word of it is understood, and it runs."""

from datetime import UTC, datetime

from esb.message import Message
from esb.pipeline import run
from esb.routes import compile_plan, lint, load

ROUTE = """
# routes/acme-orders.yaml
description: ACME purchase orders (X12 850) become orders in the ERP
owner: order-desk
from:
  endpoint: acme-inbox                   # endpoints/acme-inbox.yaml; its partner's guide says x12/850
  each: transaction                      # one message per document, own fate
  acknowledge: 997
key: { order: $.order.number }           # what people search for; joins the transaction
order_by: $.order.number
steps:
  - transform: x12-850-to-order          # transforms/x12-850-to-order.yaml
  - validate: order@1                    # schemas/order@1.json
  - deduplicate: { key: "{{ partner }}/{{ body.order.number }}", keep: 30d }
  - id: customer
    enrich: { ask: erp, get: "/customers/{{ body.customer.code }}", into: $.customer, cache: 10m }
  - hold: { when: "{{ body.total > body.customer.credit_limit }}", queue: credit-desk, reason: credit limit exceeded }
  - choose:
      - when: "$.lines[?@.ship_from == '3PL']"
        to: north-3pl
      - otherwise:
        to: erp-orders
  - publish: order.accepted              # business event on esb.events
on_error: standard                       # a named policy, or written here per class
"""
ENDPOINT = """
# endpoints/erp-orders.yaml
type: http_out
url: https://erp.example/api/orders
auth: { bearer: secret://env/ERP_TOKEN }
effect: { idempotency_key: "{{ message.effect_key }}", probe: { get: "/orders?ref={{ body.order.number }}" } }
limit: 50/s
timeout: 15s
retry: patient
"""
AROUND = {
    "esb.yaml": "name: example\n",
    "endpoints/acme-inbox.yaml": "type: file\ndirectory: in\npartner: acme\nformat: { type: x12, guide: x12/850 }\n",
    "endpoints/acme-outbox.yaml": "type: file\ndirectory: out\nordered: true\n",
    "endpoints/erp.yaml": "type: http_out\nurl: https://erp.example/api\n",
    "endpoints/north-3pl.yaml": "type: file\ndirectory: 3pl\nordered: true\n",
    "schemas/partners/acme.yaml": "acknowledge_to: acme-outbox\n",
    "schemas/order@1.json": "{}",
    "transforms/x12-850-to-order.yaml": 'type: mapping\nstart: copy\nset: { total: "$.total" }\n',
}
FILES = {**AROUND, "routes/acme-orders.yaml": ROUTE, "endpoints/erp-orders.yaml": ENDPOINT}
ORDER = {"order": {"number": "10045"}, "total": 3, "customer": {"code": "C1"}, "lines": [{"ship_from": "3PL"}]}


def project():
    return load({name: text.encode() for name, text in FILES.items()})


def test_the_example_has_no_error():
    findings = lint(project())

    assert [finding for finding in findings if finding.severity == "error"] == []
    assert [finding.code for finding in findings] == ["W712"]  # the order ends where the ERP is called side by side


def test_the_example_asks_holds_chooses_and_publishes():
    route = compile_plan(project()).routes["acme-orders"]
    message = Message(
        id="m", body=ORDER, received=datetime(2026, 3, 2, tzinfo=UTC), partner="acme", route="acme-orders"
    )

    asking = run(route, message)
    first = next(asking)
    customer = asking.send(b"first")
    try:
        asking.send({"credit_limit": 100})
    except StopIteration as stop:
        result = stop.value

    assert (first.ask.kind, first.ask.request["key"]) == ("keys", "acme/10045")
    assert (customer.ask.target, customer.ask.request["path"]) == ("erp", "/customers/C1")
    assert [send.to for send in result.sends] == ["delivery/north-3pl", "event/order.accepted"]
    assert [(key.kind, key.value, key.scope) for key in result.keys] == [("order", "10045", "acme")]

"""A project of many routes, each as rich as a real one: a transform, a contract, a table, branches, policies."""

from __future__ import annotations

from pathlib import Path

PARTNERS = 30
TYPO_ROUTE = "partner-07-orders-005"

_ROUTE = """\
description: Orders of {partner}, stream {number}, become orders in the ERP
owner: order-desk
from: {{ endpoint: in-{name} }}
key: {{ order: $.number }}
steps:
  - transform: {name}-to-order
  - validate: order@1
  - deduplicate: {{ key: "{{{{ partner }}}}/{{{{ body.number }}}}", keep: 30d }}
  - id: customer
    enrich: {{ ask: erp, get: "/customers/{{{{ body.customer.code }}}}", into: $.customer, cache: 10m }}
  - set: {{ body: {{ $.total: "{{{{ body.lines | sum(attribute='amount') }}}}" }} }}
  - hold:
      when: "{{{{ body.total > body.customer.credit_limit }}}}"
      queue: credit-desk
      reason: "credit limit exceeded by {{{{ body.number }}}}"
  - choose:
      - when: "$.lines[?@.sku == '00042']"
        to: out-{partner}
      - when: "{{{{ body.ship_to.country != 'US' }}}}"
        steps:
          - log: "{{{{ body.number }}}} goes abroad"
          - to: [out-{partner}, erp]
      - otherwise:
        to: erp
  - publish: order.accepted.{partner}
"""
_TRANSFORM = """\
type: mapping
description: What {partner} sends becomes an order
set:
  number: $.order.id
  currency: {{ value: $.order.currency, default: USD }}
  customer: {{ set: {{ code: $.order.customer.code }} }}
  ship_to:
    set:
      name: $.order.ship_to.name
      zip: $.order.ship_to.zip
      country: {{ value: $.order.ship_to.country, default: US }}
  reference: "{{{{ body.order.customer.code }}}}/{{{{ body.order.id }}}}"
  lines:
    each: $.order.items
    set:
      sku: $.sku
      quantity: {{ value: $.qty, as: integer }}
      price: $.unit_price
      amount: "{{{{ item.qty * item.unit_price }}}}"
"""
_ORDER = """\
{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["number", "lines"],
 "properties": {"number": {"type": "string"}, "currency": {"type": "string"}, "total": {"type": "number"},
  "reference": {"type": "string"}, "customer": {"type": "object"}, "ship_to": {"type": "object"},
  "lines": {"type": "array", "minItems": 1,
  "items": {"type": "object", "required": ["sku", "quantity", "price", "amount"],
   "properties": {"sku": {"type": "string"}, "quantity": {"type": "integer"}, "price": {"type": "number"},
    "amount": {"type": "number"}}}}}}
"""
_ERP = """\
type: http_out
url: http://127.0.0.1:7101/api
timeout: 10s
effect: { idempotency_key: "{{ message.effect_key }}" }
"""


def lay_out(folder: Path, routes: int) -> None:
    """Write a project of so many routes."""
    files = {
        "esb.yaml": "defaults: { owner: integration }\n",
        "schemas/order@1.json": _ORDER,
        "endpoints/erp.yaml": _ERP,
    }
    for at in range(1, PARTNERS + 1):
        partner = f"partner-{at:02d}"
        files[f"schemas/partners/{partner}.yaml"] = f"description: Partner {at}\nowner: order-desk\n"
        files[f"endpoints/out-{partner}.yaml"] = (
            f"type: file\npartner: {partner}\ndirectory: out/{partner}\nformat: json\n"
        )
    for at in range(routes):
        partner, number = f"partner-{at % PARTNERS + 1:02d}", at // PARTNERS + 1
        name = f"{partner}-orders-{number:03d}"
        files[f"endpoints/in-{name}.yaml"] = f"type: http_in\npartner: {partner}\nauth: none\nformat: json\n"
        files[f"transforms/{name}-to-order.yaml"] = _TRANSFORM.format(partner=partner)
        files[f"routes/{name}.yaml"] = _ROUTE.format(partner=partner, name=name, number=number)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def misspell(folder: Path) -> tuple[str, str]:
    """Misspell a word of one route; return where `esb validate` must point (file:line:column) and the right word."""
    path = folder / "routes" / f"{TYPO_ROUTE}.yaml"
    text = path.read_text().replace("- deduplicate:", "- dedupliccate:")
    path.write_text(text)
    lines = text.splitlines()
    line = next(number for number, words in enumerate(lines, 1) if "dedupliccate" in words)
    column = lines[line - 1].index("dedupliccate") + 1
    return f"routes/{TYPO_ROUTE}.yaml:{line}:{column}", "deduplicate"

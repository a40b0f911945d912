from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from esb.errors import FormatError
from esb.message import Message, Send


def test_the_message_is_sent_rendered_and_goes_on_as_it_was(bench: Any):
    order = bench.message({"qty": 1})

    sent, goes_on = bench.outputs({"to": "erp"}, order)

    assert sent == Send("delivery/erp", order.with_body(b'{"qty":1}', "json"), "to")
    assert goes_on is order


def test_each_of_several_endpoints_gets_a_send_of_its_own(bench: Any):
    outputs = bench.outputs({"to": ["erp", "wms"]}, bench.message({}))

    assert [item.to for item in outputs if isinstance(item, Send)] == ["delivery/erp", "delivery/wms"]
    assert [type(item) for item in outputs].count(Message) == 1


def test_sends_of_one_message_have_ids_of_their_own(bench: Any):
    result = bench.run([{"to": ["erp", "wms"]}, {"id": "again", "to": "erp"}], bench.message({}))

    assert len({send.message.id for send in result.sends}) == 3


def test_a_body_that_cannot_be_rendered_fails_the_step(bench: Any):
    with pytest.raises(FormatError):
        bench.outputs({"to": "erp"}, bench.message("unrenderable"))


def test_lint_learns_the_addresses(bench: Any):
    spec = bench.spec({"to": ["erp", "wms"]})

    assert spec.destinations() == ("delivery/erp", "delivery/wms")
    assert spec.sentence() == "sends it to erp and wms"


def test_an_empty_list_is_refused(bench: Any):
    with pytest.raises(ValidationError):
        bench.spec({"to": []})

"""A fact told as a document and the same fact told as a model end in the same message."""

from collections.abc import Iterator
from typing import Any

import pytest
from crossdock import ContractError, Event, Fact, Raw, Statement
from crossdock.canonical import Exchange, Order, samples
from crossdock.connector import Config, Connector, Context
from crossdock.identity import entity_id
from crossdock_stages.judgement import digest_of
from crossdock_stages.translate import meant, say

DOCUMENT: dict[str, Any] = {
    **samples.build(Order, full=False),
    "customer": {"native_id": "77"},
}


NAMES = {"order": "1", "return_ref": "2", "new_order": "3"}


def spoken(translate: Any) -> Connector:
    def opened(config: Config, context: Context) -> None:
        raise AssertionError("translating opens nothing")

    return Connector(
        name="toy",
        title="",
        config=Config,
        open=opened,  # type: ignore[arg-type]
        translate=translate,
        handles=frozenset(),
        poll_every_s=1,
        sandbox=None,
    )


def as_model(raw: Raw) -> Iterator[Fact]:
    yield Event(type="order.placed", data=Order.model_validate(DOCUMENT), native_id="5", revision=7)


def as_document(raw: Raw) -> Iterator[Fact]:
    yield Statement(type="order.placed", document=DOCUMENT, native_id="5", revision=7)


def test_both_ways_say_the_same_bytes_under_the_same_id() -> None:
    raw = Raw("orders/create", {})
    (model,), (document,) = (
        say("web", spoken(way), raw, source="crossdock://test/web", landing_id="lnd_1")
        for way in (as_model, as_document)
    )
    assert document.body == model.body
    assert document.envelope.id == model.envelope.id
    order = Order.parse(document.body)
    assert order.id == document.envelope.subject == document.envelope.key
    assert order.customer is not None
    assert order.customer.id is not None
    assert order.customer.id.startswith("cus_")
    assert "id" not in DOCUMENT["customer"], "the connector's document is left as it was"


@pytest.mark.parametrize("way", [as_model, as_document])
def test_what_is_meant_is_what_is_said(way: Any) -> None:
    """Comparing knows a record by the same id and content as the line, and never writes it out."""
    raw = Raw("orders/create", {})
    (one,) = meant("web", spoken(way), raw)
    (said,) = say("web", spoken(way), raw, source="crossdock://test/web")
    envelope = said.envelope
    assert (one.subject, one.native, one.revision, one.connection) == (
        envelope.subject,
        envelope.native,
        envelope.revision,
        envelope.connection,
    )
    assert digest_of(one.data) == digest_of(Order.parse(said.body))
    assert one.raw is raw


def test_a_document_that_is_no_order_is_told_with_its_pointer() -> None:
    def wrong(raw: Raw) -> Iterator[Fact]:
        yield Statement(
            type="order.placed", document=DOCUMENT | {"currency": "EURO"}, native_id="5"
        )

    with pytest.raises(ContractError, match=r"toy orders/create: order/currency: .*'EURO'") as told:
        say("web", spoken(wrong), Raw("orders/create", {}), source="crossdock://test/web")
    assert told.value.pointer == "/currency"
    with pytest.raises(ContractError) as compared:
        meant("web", spoken(wrong), Raw("orders/create", {}))
    assert str(compared.value) == str(told.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"type": "order.eaten"}, "no event type 'order.eaten'"),
        ({"native_id": ""}, "native_id has 0 characters"),
        ({"revision": -1}, "revision -1 must be 0 or more"),
    ],
)
def test_a_statement_is_held_to_the_same_bounds_as_an_event(
    changes: dict[str, Any], words: str
) -> None:
    given: dict[str, Any] = {"type": "order.placed", "document": DOCUMENT, "native_id": "5"}
    with pytest.raises(ContractError, match=words):
        Statement(**given | changes)


def test_a_statement_is_read_as_a_model_when_asked() -> None:
    told = Statement(type="order.placed", document=DOCUMENT, native_id="5")
    assert told.data == Order.model_validate(DOCUMENT)
    assert told.kind == "order"


def test_an_exchange_names_its_orders_and_its_return_by_the_sources_own_ids() -> None:
    def exchanged(raw: Raw) -> Iterator[Fact]:
        own = {name: {"native_id": number} for name, number in NAMES.items()}
        data = Exchange.model_validate({**own, "opened_at": "2026-01-02T00:00:00Z"})
        yield Event(type="exchange.opened", data=data, native_id="9")

    (one,) = say("web", spoken(exchanged), Raw("exchanges", {}), source="crossdock://test/web")
    told = Exchange.parse(one.body)
    assert told.new_order is not None
    assert told.order.id == entity_id("web", "order", "1")
    assert told.return_ref.id == entity_id("web", "return", "2")
    assert told.new_order.id == entity_id("web", "order", "3")

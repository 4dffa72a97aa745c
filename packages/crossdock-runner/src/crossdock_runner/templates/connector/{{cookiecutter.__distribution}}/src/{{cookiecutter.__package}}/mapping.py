"""What {{ cookiecutter.title }} says, in canonical events.

Pure: no network, no clock, no chance. A shape names the fields that are read, and what they must
be; whatever else comes is refused with a pointer to the value, or ignored where the vendor added
a field.
"""

from collections.abc import Iterator

import crossdock
{% if cookiecutter.__record == "payment" -%}
from crossdock.canonical import Entity, EntityRef, Money, Payment, Ref, Refund
{%- elif cookiecutter.__record == "order" -%}
from crossdock.canonical import Entity, Money, Order, OrderLine, Totals
{%- elif cookiecutter.__record == "level" -%}
from crossdock.canonical import Entity, InventoryLevel
{%- elif cookiecutter.__record == "parcel" -%}
from crossdock.canonical import Entity, Package, TrackingEvent
{%- else -%}
from crossdock.canonical import Entity, Money, Product
{%- endif %}
from crossdock.jsontext import shorten
from crossdock.reading import {{ "" if cookiecutter.__record == "parcel" else "Amount, " }}Count, Moment, Shape, Text, TypedDict

TOPIC = "{{ cookiecutter.__record }}"
{%- if cookiecutter.__record == "payment" %}
STATES = ("pending", "succeeded", "failed")  # FILL IN: the vendor's words for these
{%- endif %}


class Head(TypedDict):
    """What every record has: whose news it is, and how new. FILL IN: the vendor's names."""

    id: Text
    version: Count
    updated_at: Moment

{% if cookiecutter.__record == "order" %}
class Line(TypedDict):
    """One position."""

    id: Text
    sku: Text
    title: Text
    quantity: Amount
    price: Amount


class Body(Head):
    """One order."""

    number: Text
    status: Text
    placed_at: Moment
    currency: Text
    total: Amount
    lines: list[Line]
{% elif cookiecutter.__record == "level" %}
class Body(Head):
    """The stock of one SKU in one place."""

    sku: Text
    warehouse: Text
    on_hand: Amount
    reserved: Amount
{% elif cookiecutter.__record == "parcel" %}
class Scan(TypedDict):
    """One thing that happened on the way."""

    at: Moment
    status: Text
    place: Text


class Body(Head):
    """One parcel."""

    tracking_number: Text
    carrier: Text
    scans: list[Scan]
{% elif cookiecutter.__record == "payment" %}
class Back(TypedDict):
    """One refund of a payment."""

    id: Text
    reference: Text | None
    status: Text
    amount: Amount
    at: Moment


class Body(Head):
    """One payment."""

    order: Text
    method: Text
    status: Text
    currency: Text
    authorised: Amount
    captured: Amount
    refunds: list[Back]
{% else %}
class Body(Head):
    """One product."""

    sku: Text
    name: Text
    status: Text
    price: Amount
    currency: Text
{% endif %}

HEAD = Shape(Head)
BODY = Shape(Body)


def translate(raw: crossdock.Raw) -> Iterator[crossdock.Event[Entity]]:
    """One event for each record; other topics are ignored with that reason."""
    if raw.topic != TOPIC:
        raise crossdock.Ignore(f"topic {shorten(raw.topic)} is not {TOPIC}")
    body = BODY.read(raw)
    yield crossdock.Event(
        type="{{ cookiecutter.__event }}",
        data=_entity(body),
        native_id=body["id"],
        revision=body["version"],
    )
{%- if cookiecutter.__record == "payment" %}
    for back in body["refunds"]:
        yield _refund(body, back)
{%- endif %}


def _entity(body: Body) -> Entity:
    """FILL IN: every field of the vendor's, or the reason why not (mapping coverage)."""
{%- if cookiecutter.__record == "order" %}
    currency = body["currency"]
    lines = tuple(
        OrderLine(
            line_id=line["id"],
            sku=line["sku"],
            title=line["title"],
            ordered=line["quantity"],
            unit_price=Money(amount=line["price"], currency=currency),
        )
        for line in body["lines"]
    )
    return Order(
        number=body["number"],
        placed_at=body["placed_at"],
        updated_at=body["updated_at"],
        currency=currency,
        lines=lines,
        totals=Totals(total=Money(amount=body["total"], currency=currency)),
        source_status={"order": body["status"]},
    )
{%- elif cookiecutter.__record == "level" %}
    return InventoryLevel(
        sku=body["sku"],
        location=body["warehouse"],
        on_hand=body["on_hand"],
        reserved=body["reserved"],
        as_of=body["updated_at"],
        updated_at=body["updated_at"],
    )
{%- elif cookiecutter.__record == "parcel" %}
    return Package(
        tracking_number=body["tracking_number"],
        carrier=body["carrier"],
        events=tuple(
            TrackingEvent(at=scan["at"], status=scan["status"], place=scan["place"])
            for scan in body["scans"]
        ),
        updated_at=body["updated_at"],
    )
{%- elif cookiecutter.__record == "payment" %}
    currency = body["currency"]
    return Payment(
        # the name that the shop gave with the payment: its id or number of the order
        order=EntityRef(native_id=body["order"]),
        method=body["method"],
        currency=currency,
        authorised=Money(amount=body["authorised"], currency=currency),
        captured=Money(amount=body["captured"], currency=currency),
        source_status=body["status"],
        updated_at=body["updated_at"],
    )


def _refund(body: Body, back: Back) -> crossdock.Event[Refund]:
    """Its order is that of its payment; our reference says which wish it answers."""
    state = back["status"] if back["status"] in STATES else "other"
    ours = back["reference"]
    data = Refund(
        order=EntityRef(),
        payment=EntityRef(native_id=body["id"]),
        refs=(Ref(connection="crossdock", kind="refund", value=ours),) if ours else (),
        state=state,
        amount=Money(amount=back["amount"], currency=body["currency"]),
        requested_at=back["at"],
    )
    type_ = f"refund.{state if state in STATES else 'pending'}"
    return crossdock.Event(type=type_, data=data, native_id=back["id"], revision=body["version"])
{%- else %}
    return Product(
        sku=body["sku"],
        name=body["name"],
        status=body["status"],
        list_price=Money(amount=body["price"], currency=body["currency"]),
        updated_at=body["updated_at"],
    )
{%- endif %}

"""What Shopify says of customers. Pure."""

from collections.abc import Iterator
from typing import NoReturn

from crossdock import Event, Ignore, Raw, RejectedError, revision_of
from crossdock.canonical import Customer, EntityRef
from crossdock.canonical.customer import Consent
from crossdock.canonical.entity import Entity

from crossdock_shopify import topics
from crossdock_shopify.mapping_goods import triggered_at
from crossdock_shopify.order_parts import address, full_name
from crossdock_shopify.reading import Obj

_GRANTED = {"subscribed": True, "unsubscribed": False, "not_subscribed": False, "redacted": False}


def customer_events(body: Obj, raw: Raw) -> Iterator[Event[Entity]]:
    """`customer.changed`."""
    updated_at = body.need_moment("updated_at")
    first = body.object("default_address")
    others = [
        item
        for item in body.objects("addresses")
        if first is None or item.data.get("id") != first.data.get("id")
    ]
    addresses = [address(item) for item in ([first] if first else []) + others]
    data = Customer(
        name=full_name(body) or (first.text("name") if first else None),
        email=body.text("email"),
        phone=body.text("phone"),
        company=first.text("company") if first else None,
        tax_exempt=body.flag("tax_exempt"),
        addresses=tuple(item for item in addresses if item is not None),
        note=body.text("note"),
        tags=body.tags(),
        updated_at=updated_at,
    )
    yield Event(
        type="customer.changed",
        data=data,
        native_id=body.need_id(),
        revision=revision_of(updated_at),
        occurred_at=updated_at,
    )


def merged_events(body: Obj, raw: Raw) -> Iterator[Event[Entity]]:
    """`customer.merged`, about the customer that is gone, once Shopify is done."""
    status = body.text("status") or ""
    if status != "completed":
        raise Ignore(f"the merge of two customers is {status or 'without a status'}, not completed")
    kept, gone = (
        body.need_text(f"admin_graphql_api_customer_{which}_id").rpartition("/")[2]
        for which in ("kept", "deleted")
    )
    for number in (kept, gone):
        if not number.isascii() or not number.isdecimal():
            body.fail("admin_graphql_api_customer_kept_id", "an id of a customer", number)
    at = triggered_at(raw)
    yield Event(
        type="customer.merged",
        data=Customer(merged_into=EntityRef(native_id=kept), updated_at=at),
        native_id=gone,
        revision=revision_of(at) if at else None,
        occurred_at=at,
    )


def consent_events(body: Obj, raw: Raw) -> Iterator[Event[Entity]]:
    """`customer.consent_changed`: the consent that changed, and no other part of the customer."""
    for key, purpose in (
        ("email_marketing_consent", "email_marketing"),
        ("sms_marketing_consent", "sms_marketing"),
    ):
        told = body.object(key)
        if told is None:
            continue
        state = told.text("state") or ""
        granted = _GRANTED.get(state)
        if granted is None:
            raise Ignore(f"the customer's answer is {state or 'missing'}: neither yes nor no")
        at = told.moment("consent_updated_at") or body.moment("updated_at")
        if at is None:
            told.fail("consent_updated_at", "a time", None)
        native_id = body.number("customer_id")
        if native_id is None:
            body.fail("customer_id", "a numeric id", None)
        yield Event(
            type="customer.consent_changed",
            data=Customer(
                email=body.text("email_address"),
                phone=body.text("phone"),
                consents=(
                    Consent(
                        purpose=purpose,
                        granted=granted,
                        at=at,
                        source=told.text("opt_in_level"),
                    ),
                ),
            ),
            native_id=native_id,
            revision=revision_of(at),
            occurred_at=at,
        )


def privacy(body: Obj, raw: Raw) -> NoReturn:
    """Always RejectedError: a request that a person must answer goes to the exception desk."""
    code, words = topics.PRIVACY[raw.topic]
    person = body.object("customer")
    told = words.format(
        customer=(person.number("id") if person else None) or "unknown",
        shop=body.text("shop_domain") or "unknown",
    )
    raise RejectedError(f"{raw.topic}: {told}", reason=code)

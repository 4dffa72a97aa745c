# ruff: noqa: N815 - field names are the vendor's
"""Notifications, as the queue brought them. Pure.

Most only name what changed; it is read then, and the notification itself says so in words. Two
say something by themselves: what a listing's own stock has become, and what is wrong with one.
Sources: schemas/notifications of amzn/selling-partner-api-models; field names are PascalCase in
the older families and camelCase in the newer.
"""

from dataclasses import dataclass
from typing import Any, NoReturn

import crossdock
from crossdock import jsontext
from crossdock.identity import fingerprint
from crossdock.reading import Moment, Required, Shape, Text, TypedDict, fault

PREFIX = "notification/"
UNREADABLE = "notification/unreadable"
Word = Text | None


class Payload(TypedDict, total=False):
    OrderChangeNotification: Any
    SellerId: Word
    Sku: Word
    SKU: Word


class Metadata(TypedDict, total=False):
    NotificationId: Word


class Newer(TypedDict, total=False):
    notificationId: Word


class Envelope(TypedDict, total=False):
    """What all have in common, in both spellings."""

    NotificationType: Word
    notificationType: Word
    EventTime: Moment | None
    eventTime: Moment | None
    NotificationMetadata: Metadata | None
    notificationMetadata: Newer | None
    Payload: Any
    payload: Any


class OrderChange(TypedDict, total=False):
    SellerId: Word
    AmazonOrderId: Required[Text]
    OrderChangeType: Word


class OrderPayload(TypedDict):
    OrderChangeNotification: OrderChange


class OrderEnvelope(TypedDict):
    Payload: OrderPayload


class StockPayload(TypedDict, total=False):
    SellerId: Word
    SKU: Required[Text]


class StockEnvelope(TypedDict):
    Payload: StockPayload


class IssuesPayload(TypedDict, total=False):
    SellerId: Word
    MarketplaceId: Word
    Asin: Word
    Sku: Required[Text]
    Severities: list[Text] | None
    EnforcementActions: list[Text] | None


class IssuesEnvelope(TypedDict):
    Payload: IssuesPayload


class FeePayload(TypedDict, total=False):
    SellerId: Word
    Sku: Required[Text]
    FulfillmentChannelCode: Required[Text]


class QuantityEnvelope(TypedDict):
    Payload: FeePayload


ENVELOPE = Shape(Envelope)
_ORDER = Shape(OrderEnvelope)
_STOCK = Shape(StockEnvelope)
_ISSUES = Shape(IssuesEnvelope)
_QUANTITY = Shape(QuantityEnvelope)


@dataclass(frozen=True)
class Wanted:
    """What a notification asks to be read."""

    kind: str
    """`order`, `inventory`, `listing`, `finances`; empty: nothing."""
    id: str = ""


def record(body: str, message_id: str) -> tuple[crossdock.Raw, Wanted]:
    """One message as a record, and what to read for it. What cannot be read is a record too: it
    lands whole, and translate refuses it, so that a person sees it and nothing else is held up."""
    data = body.encode("utf-8", "surrogatepass")
    unreadable = crossdock.Raw(
        UNREADABLE,
        data=data,
        key=f"notification:{message_id}"[:180],
        delivery_id=f"{UNREADABLE}:{message_id}"[:255],
    )
    try:
        raw = crossdock.Raw(UNREADABLE, data=data)
        told = ENVELOPE.read(raw)
        kind = told.get("NotificationType") or told.get("notificationType")
        if not kind:
            return unreadable, Wanted("")
        raw.topic = f"{PREFIX}{kind}"[:128]
        wanted = wanted_of(raw)
    except crossdock.ContractError:
        return unreadable, Wanted("")
    older = (told.get("NotificationMetadata") or {}).get("NotificationId")
    newer = (told.get("notificationMetadata") or {}).get("notificationId")
    # Amazon may deliver twice; its own id says so, and the content where it names none
    raw.delivery_id = f"{raw.topic}:{older or newer or fingerprint(data)}"[:255]
    # it says nothing by itself, so it need not stand in the sequence of what it names
    raw.key = f"{raw.topic}:{wanted.id}"[:180]
    return raw, wanted


def wanted_of(raw: crossdock.Raw) -> Wanted:
    """What to read. ContractError: its payload does not say of what it is."""
    match raw.topic.removeprefix(PREFIX):
        case "ORDER_CHANGE":
            order_id = _ORDER.read(raw)["Payload"]["OrderChangeNotification"]["AmazonOrderId"]
            if not order_id:
                at = "/Payload/OrderChangeNotification/AmazonOrderId"
                raise fault(raw.topic, at, "an order's id", order_id)
            return Wanted("order", order_id)
        case "FBA_INVENTORY_AVAILABILITY_CHANGES":
            return Wanted("inventory", _STOCK.read(raw)["Payload"]["SKU"])
        case "LISTINGS_ITEM_MFN_QUANTITY_CHANGE":
            return Wanted("listing", _QUANTITY.read(raw)["Payload"]["Sku"])
        case "TRANSACTION_UPDATE":
            return Wanted("finances")
    return Wanted("")


def translate(raw: crossdock.Raw) -> NoReturn:
    """Nothing but a reason, or a case for a person."""
    if raw.topic == UNREADABLE:
        _refuse(raw)
    kind = raw.topic.removeprefix(PREFIX)
    ENVELOPE.read(raw)
    if kind == "LISTINGS_ITEM_ISSUES_CHANGE":
        _complain(raw)
    wanted = wanted_of(raw)
    if wanted.kind:
        named = f" {wanted.id[:80]}" if wanted.id else ""
        raise crossdock.Ignore(f"{kind} only names what changed: {wanted.kind}{named} is read")
    raise crossdock.Ignore(f"nothing follows from a notification {kind[:60]}")


def _refuse(raw: crossdock.Raw) -> NoReturn:
    """A dead letter that names what is wrong."""
    told = ENVELOPE.read(raw)
    kind = told.get("NotificationType") or told.get("notificationType")
    if not kind:
        raise fault("notification", "/NotificationType", "a notification's type", kind)
    wanted_of(crossdock.Raw(f"{PREFIX}{kind}"[:128], data=raw.data))
    raise crossdock.ContractError(
        f"a notification {jsontext.shorten(kind)} could not be read when it came; replay it"
    )


def _complain(raw: crossdock.Raw) -> None:
    """A listing that Amazon has taken off, or will: only a person can mend it."""
    payload = _ISSUES.read(raw)["Payload"]
    if "ERROR" not in (payload.get("Severities") or ()):
        return
    actions = ", ".join(payload.get("EnforcementActions") or ()) or "none yet"
    raise crossdock.RejectedError(
        f"the listing {payload['Sku'][:80]} (ASIN {payload.get('Asin')}) in marketplace "
        f"{payload.get('MarketplaceId')} has errors; Amazon's actions: {actions[:200]}. Mend it in "
        "Seller Central",
        reason="listing_issues",
    )

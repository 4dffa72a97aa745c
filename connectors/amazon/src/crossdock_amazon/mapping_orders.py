# ruff: noqa: N815 - field names are the vendor's
"""An order of API 2026-01-01 in canonical events. Pure.

Not paid for yet (PENDING): nothing is said, for it is no sale. Fulfilled by Amazon: nothing is
said until it is shipped or cancelled, then the order and one shipment by the marketplace, so that
the ERP has it as shipped and nobody sets stock aside for it.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn

import crossdock
from crossdock import jsontext
from crossdock.canonical import Address, Entity, EntityRef, Money, Order, OrderLine, Totals
from crossdock.canonical import Cancellation as CancellationEntity
from crossdock.canonical.changes import CancellationLine
from crossdock.canonical.fulfillment import Promise
from crossdock.canonical.order import PaymentSummary
from crossdock.events import revision_of
from crossdock.identity import fingerprint
from crossdock.reading import Shape, Text, TypedDict, fault

from crossdock_amazon import mapping_money, mapping_packages, shapes
from crossdock_amazon.mapping_money import ZERO, Parts
from crossdock_amazon.marketplaces import CURRENCIES
from crossdock_amazon.moments import in_utc, moment

TOPIC = "order"
MISSING = "order/missing"
"""A record of our own: a notification named an order that Amazon does not give us."""
WAITING = frozenset({"PENDING", "PENDING_AVAILABILITY"})
OVER = frozenset({"SHIPPED", "CANCELLED"})
EXTENSION = "com.amazon"


def events(
    raw: crossdock.Raw, order: shapes.Order, fba_location: str
) -> Iterator[crossdock.Event[Entity]]:
    """What one order says. Ignore: it is not for anybody yet."""
    status = order["fulfillment"]["fulfillmentStatus"]
    by_amazon = is_by_amazon(order)
    if status in WAITING:
        raise crossdock.Ignore(
            f"order {order['orderId'][:40]} is {status}: not paid for yet, so no sale yet"
        )
    if by_amazon and status not in OVER:
        raise crossdock.Ignore(
            f"order {order['orderId'][:40]} is shipped by Amazon and {status[:40]}: it is told "
            "when it has left"
        )
    updated = moment(raw.topic, "/lastUpdatedTime", order["lastUpdatedTime"])
    revision = revision_of(updated)
    entity = entity_of(raw.topic, order, updated, fba_location if by_amazon else None)

    def event(type_: str, data: Entity, native: str) -> crossdock.Event[Entity]:
        return crossdock.Event(
            type=type_, data=data, native_id=native, revision=revision, occurred_at=updated
        )

    yield event(_event_type(status, entity), entity, order["orderId"])
    asked = request_of(order, updated)
    if asked is not None and status not in OVER:
        yield event("cancellation.requested", asked, f"{order['orderId']}:buyer")
    promised = promise_of(raw.topic, order)
    if promised is not None and status not in OVER:
        # no revision: what says the same as before is the same news
        yield crossdock.Event(type="promise.made", data=promised, native_id=order["orderId"])
    for type_, shipment in mapping_packages.shipments(raw.topic, order, updated, fba_location):
        yield event(type_, shipment, f"{order['orderId']}:{shipment.number}")


def _event_type(status: str, entity: Order) -> str:
    if status == "CANCELLED":
        return "order.cancelled"
    if status == "UNSHIPPED" and not any(line.cancelled for line in entity.lines):
        return "order.placed"
    return "order.updated"


def is_by_amazon(order: shapes.Order) -> bool:
    """Whether Amazon's hands ship it (AFN)."""
    return order["fulfillment"].get("fulfilledBy") == "AMAZON"


def entity_of(topic: str, order: shapes.Order, updated: datetime, place: str | None) -> Order:
    """The canonical order; `place` is where Amazon ships it from."""
    currency = _currency(topic, order)
    items = order["orderItems"]
    parts = [mapping_money.parts_of(item) for item in items]
    included = mapping_money.tax_included(order, parts)
    shipping = mapping_money.carriage(order, parts, currency, included)
    kinds = [line.line_id or "" for line in shipping]
    cancelled = order["fulfillment"]["fulfillmentStatus"] == "CANCELLED"
    lines = tuple(
        _line(topic, order, at, item, one, currency, included, kinds, place)
        for at, (item, one) in enumerate(zip(items, parts, strict=True))
    )
    buyer = order.get("buyer") or {}
    address = (order.get("recipient") or {}).get("deliveryAddress")
    totals = _totals(order, parts, currency, included)
    status = order["fulfillment"]["fulfillmentStatus"]
    words = {"fulfillment": status}
    if by := order["fulfillment"].get("fulfilledBy"):
        words["fulfilled_by"] = by
    channel = order["salesChannel"]
    return Order(
        number=order["orderId"],
        placed_at=moment(topic, "/createdTime", order["createdTime"]),
        updated_at=updated,
        currency=currency,
        prices_include_tax=included,
        lines=lines,
        shipping=shipping,
        totals=totals,
        payment=_payment(order, totals.total),
        customer_name=buyer.get("buyerName") or None,
        email=buyer.get("buyerEmail") or None,
        phone=(address or {}).get("phone") or None,
        billing_address=_billing(order),
        shipping_address=_address(address),
        cancelled_at=updated if cancelled else None,
        cancel_reason=_cancel_reason(order) if cancelled else None,
        note=_note(order),
        tags=tuple(dict.fromkeys(one for one in order.get("programs") or () if one)),
        sales_channel=channel.get("marketplaceName") or channel.get("channelName") or None,
        source_status=words,
        purchase_order_number=buyer.get("buyerPurchaseOrderNumber") or None,
        extensions=_extension(_order_rest(order)),
    )


def _line(
    topic: str,
    order: shapes.Order,
    number: int,
    item: shapes.Item,
    parts: Parts,
    currency: str,
    included: bool,
    kinds: list[str],
    place: str | None,
) -> OrderLine:
    at = f"/orderItems/{number}"
    product = item["product"]
    shipped, cancelled = _counters(topic, at, order, item)
    off, tax = mapping_money.homeless(parts, kinds)
    rest = _item_rest(item)
    price = mapping_money.unit_price(item, parts, currency, at)
    if parts.item is not None and price.amount * item["quantityOrdered"] != parts.item:
        rest["itemTotal"] = f"{parts.item:f}"
    return OrderLine(
        line_id=item["orderItemId"],
        sku=product.get("sellerSku") or None,
        title=product.get("title") or None,
        fulfilled_by="marketplace" if is_by_amazon(order) else "merchant",
        location=place,
        ordered=Decimal(item["quantityOrdered"]),
        shipped=shipped,
        cancelled=cancelled,
        unit_price=price,
        discounts=mapping_money.discounts(off, item, currency),
        taxes=(mapping_money.tax_line(tax, item, currency, included),) if tax else (),
        extensions=_extension(rest),
    )


def _counters(
    topic: str, at: str, order: shapes.Order, item: shapes.Item
) -> tuple[Decimal, Decimal]:
    """Shipped and cancelled. ContractError: Amazon counts more than it says was ordered."""
    ordered = item["quantityOrdered"]
    told = item.get("fulfillment") or {}
    status = order["fulfillment"]["fulfillmentStatus"]
    shipped = told.get("quantityFulfilled")
    if shipped is None:
        shipped = ordered if status == "SHIPPED" else 0
    open_ = told.get("quantityUnfulfilled")
    if open_ is None:
        open_ = 0 if status in OVER else max(ordered - shipped, 0)
    if status == "CANCELLED":
        open_ = 0
    if shipped + open_ > ordered:
        raise fault(
            topic,
            f"{at}/fulfillment",
            f"no more than the {ordered} ordered to be shipped and open",
            f"{shipped} and {open_}",
        )
    return Decimal(shipped), Decimal(ordered - shipped - open_)


def promise_of(topic: str, order: shapes.Order) -> Promise | None:
    """Until when it must leave and arrive, as Amazon told the buyer.

    Not from when: Amazon's earliest moment is how long carriage takes, not a date that goods come.
    """
    told = order["fulfillment"]
    until = {}
    for field, name in (("ship_by", "shipByWindow"), ("deliver_by", "deliverByWindow")):
        window = told.get(name)
        latest = window.get("latestDateTime") if isinstance(window, dict) else None
        if isinstance(latest, str) and latest:
            until[field] = moment(topic, f"/fulfillment/{name}/latestDateTime", latest)
    if not until:
        return None
    made_at = moment(topic, "/createdTime", order["createdTime"])
    return Promise(order=EntityRef(native_id=order["orderId"]), made_at=made_at, **until)


def request_of(order: shapes.Order, updated: datetime) -> CancellationEntity | None:
    """The buyer's wish to cancel what has not left; asking is not cancelling."""
    lines, reasons = [], []
    for item in order["orderItems"]:
        told = item.get("cancellation") or {}
        request = told.get("cancellationRequest")
        if request is None or told.get("cancellationExecution") is not None:
            continue
        shipped = (item.get("fulfillment") or {}).get("quantityFulfilled") or 0
        open_ = max(item["quantityOrdered"] - shipped, 0)
        lines.append(CancellationLine(line_id=item["orderItemId"], quantity=Decimal(open_)))
        reasons += [
            word for word in (request.get("cancelReason"), request.get("requester")) if word
        ]
    if not lines:
        return None
    return CancellationEntity(
        order=EntityRef(native_id=order["orderId"]),
        lines=tuple(lines),
        reason="customer",
        requested_at=updated,
        requested_by="customer",
        extensions=_extension({"reasons": reasons}),
    )


def _currency(topic: str, order: shapes.Order) -> str:
    grand = (order.get("proceeds") or {}).get("grandTotal")
    if grand is not None:
        return grand["currencyCode"]
    for item in order["orderItems"]:
        total = (item.get("proceeds") or {}).get("proceedsTotal")
        price = (item["product"].get("price") or {}).get("unitPrice")
        found = total or price
        if found is not None:
            return found["currencyCode"]
    marketplace = order["salesChannel"].get("marketplaceId") or ""
    if marketplace not in CURRENCIES:
        raise fault(
            topic,
            "/proceeds/grandTotal",
            "an amount of any kind, or a marketplace whose currency is known",
            marketplace,
        )
    return CURRENCIES[marketplace]


def _totals(order: shapes.Order, parts: list[Parts], currency: str, included: bool) -> Totals:
    def money(amount: Decimal) -> Money:
        return Money(amount=amount, currency=currency)

    grand = (order.get("proceeds") or {}).get("grandTotal")
    stated = [(item.get("proceeds") or {}).get("proceedsTotal") for item in order["orderItems"]]
    tax = sum((one.tax for one in parts), ZERO)
    whole = sum((one.without_tax for one in parts), ZERO) + (ZERO if included else tax)
    if all(one is not None for one in stated) and stated:
        whole = sum((Decimal(one["amount"]) for one in stated if one is not None), ZERO)
    off = sum((amount for one in parts for amount in one.discounts.values()), ZERO)
    shipping = sum((one.charges.get("SHIPPING", ZERO) for one in parts), ZERO)
    shipping -= sum((one.discounts.get("SHIPPING", ZERO) for one in parts), ZERO)
    goods = [one.item for one in parts if one.item is not None]
    own_off = sum((one.discounts.get("ITEM", ZERO) for one in parts), ZERO)
    return Totals(
        subtotal=money(sum(goods, ZERO) - own_off) if goods else None,
        discount=money(off) if off else None,
        shipping=money(shipping) if shipping else None,
        tax=money(tax) if tax else None,
        total=money(Decimal(grand["amount"]) if grand is not None else whole),
    )


def _payment(order: shapes.Order, total: Money) -> PaymentSummary:
    """Past PENDING the buyer's payment is authorised; Amazon takes it when all has left."""
    executions = (order.get("payment") or {}).get("paymentExecutions") or ()
    named = [one.get("paymentMethod") or one.get("cardBrand") for one in executions]
    brands = [one.get("cardBrand") for one in executions]
    status = order["fulfillment"]["fulfillmentStatus"]
    return PaymentSummary(
        authorised=None if status == "CANCELLED" else total,
        captured=total if status == "SHIPPED" else None,
        methods=tuple(dict.fromkeys(word for word in (*named, *brands) if word)),
    )


def _address(told: shapes.Address | None) -> Address | None:
    if not told:
        return None
    lines = [told.get(f"addressLine{number}") for number in (1, 2, 3)]
    area = [told.get("districtOrCounty"), told.get("municipality")]
    country = told.get("countryCode") or None
    return Address(
        full_name=told.get("name") or None,
        company=told.get("companyName") or None,
        lines=tuple(line for line in (*lines, *area) if line),
        postal_code=told.get("postalCode") or None,
        locality=told.get("city") or None,
        region=told.get("stateOrRegion") or None,
        country=country,
        phone=told.get("phone") or None,
    )


def _billing(order: shapes.Order) -> Address | None:
    """Where a business buyer is registered for tax."""
    for one in (order.get("tax") or {}).get("taxRegistrations") or ():
        if one.get("entityType") == "BUYER" and one.get("taxRegistrationAddress"):
            return _address(one.get("taxRegistrationAddress"))
    return None


def _note(order: shapes.Order) -> str | None:
    wish = (order.get("recipient") or {}).get("deliveryPreference") or {}
    said = [wish.get("dropOffLocation"), wish.get("addressInstruction")]
    return "; ".join(word for word in said if word) or None


def _cancel_reason(order: shapes.Order) -> str | None:
    for item in order["orderItems"]:
        told = (item.get("cancellation") or {}).get("cancellationExecution") or {}
        said = [told.get("cancelledBy"), told.get("cancelReason")]
        if any(said):
            return ": ".join(word for word in said if word)
    return None


def _order_rest(order: Mapping[str, Any]) -> dict[str, Any]:
    """What has no canonical place and is worth keeping at hand."""
    fulfillment = order["fulfillment"]
    recipient = order.get("recipient") or {}
    preference = recipient.get("deliveryPreference") or {}
    buyer = order.get("buyer") or {}
    tax = order.get("tax") or {}
    return {
        "marketplaceId": order["salesChannel"].get("marketplaceId"),
        "orderAliases": order.get("orderAliases"),
        "associatedOrders": order.get("associatedOrders"),
        "serviceLevel": fulfillment.get("fulfillmentServiceLevel"),
        "shipByWindow": fulfillment.get("shipByWindow"),
        "deliverByWindow": fulfillment.get("deliverByWindow"),
        "labelPrintingWindow": fulfillment.get("labelPrintingWindow"),
        "deliveryTime": preference.get("deliveryTime"),
        "deliveryCapabilities": preference.get("deliveryCapabilities"),
        "buyerCompanyName": buyer.get("buyerCompanyName"),
        "taxRegistrations": [
            {key: value for key, value in one.items() if key != "taxRegistrationAddress"}
            for one in tax.get("taxRegistrations") or ()
        ],
        "taxInvoicing": tax.get("taxInvoicing"),
    }


def _item_rest(item: Mapping[str, Any]) -> dict[str, Any]:
    product, told = item["product"], item.get("fulfillment") or {}
    price = product.get("price") or {}
    cancellation = item.get("cancellation") or {}
    return {
        "asin": product.get("asin"),
        "condition": product.get("condition"),
        "unitPrice": (price.get("unitPrice") or {}).get("amount"),
        "priceDesignation": price.get("priceDesignation"),
        "serialNumbers": product.get("serialNumbers"),
        "customization": product.get("customization"),
        "measurement": item.get("measurement"),
        "programs": item.get("programs"),
        "associatedOrderItems": item.get("associatedOrderItems"),
        "expense": item.get("expense"),
        "promotions": (item.get("promotion") or {}).get("breakdowns"),
        "cancellation": {**cancellation},
        "picking": told.get("picking"),
        "packing": told.get("packing"),
        "shipping": told.get("shipping"),
        "taxCollections": (item.get("tax") or {}).get("taxCollections"),
        "taxCalculationBreakdowns": (item.get("tax") or {}).get("taxCalculationBreakdowns"),
    }


def _extension(rest: Mapping[str, Any]) -> dict[str, Any]:
    """Under our reverse-domain key; what is empty is left out."""
    kept = {key: in_utc(value) for key, value in rest.items() if value not in (None, "", [], {})}
    return {EXTENSION: kept} if kept else {}


def key_of(order_id: str) -> str:
    """By what all news of one order is kept in sequence."""
    return f"{TOPIC}:{order_id}"


def record(body: Any, *, topic: str = TOPIC, place: str = "") -> crossdock.Raw:
    """An order as Amazon answered it, as a record; `place` is the name of Amazon's stock.

    One that does not even say which it is lands too, for translate to refuse.
    """
    raw = crossdock.Raw(topic, data=jsontext.dump(body))
    try:
        head = shapes.HEAD.read(raw)
    except crossdock.ContractError:
        head = shapes.Head(orderId="unreadable", lastUpdatedTime="")
    raw.key = key_of(head["orderId"])[:180]
    # with the content: Amazon takes names and addresses out of old orders without a new time
    mark = fingerprint(raw.data)[:16]
    raw.delivery_id = f"{TOPIC}:{head['orderId']}:{head['lastUpdatedTime']}:{mark}"[:255]
    raw.headers = {"x-fba-location": place} if place else {}
    return raw


class _Missing(TypedDict):
    """Which order, and Amazon's words."""

    orderId: Text
    error: Text


_MISSING = Shape(_Missing)


def missing(order_id: str, error: crossdock.CrossdockError) -> crossdock.Raw:
    """What is landed instead of an order that cannot be had."""
    body = {"orderId": order_id, "error": error.message}
    raw = crossdock.Raw(MISSING, body, key=key_of(order_id)[:180])
    raw.delivery_id = f"{MISSING}:{order_id}:{fingerprint(raw.data)[:16]}"[:255]
    return raw


def refuse_missing(raw: crossdock.Raw) -> NoReturn:
    """A case for a person; the other orders go on."""
    told = _MISSING.read(raw)
    raise crossdock.RejectedError(
        f"Amazon told of order {told['orderId'][:60]} and does not give it: {told['error'][:300]}. "
        "Look for it in Seller Central; replay this when it is there",
        reason="order_missing",
    )

"""What a Shopify webhook says, in canonical events. Pure: no I/O, no clock, no connection.

Bodies are REST-shaped (snake_case, numeric ids beside a gid), as published for API version 2026-07:
https://shopify.dev/docs/api/webhooks. Every native id is the numeric text, taken from the gid where
there is one.
"""

from collections.abc import Callable, Iterator

from crossdock import ContractError, Event, Ignore, Raw, revision_of
from crossdock.canonical import (
    Customer,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    Product,
    Tracking,
    Variant,
)
from crossdock.canonical.entity import Entity, contract_error
from pydantic import ValidationError

from crossdock_shopify.mapping_orders import EXTENSION, NOT_SHIPPED, address, full_name, order
from crossdock_shopify.reading import Obj

_MAX_DESCRIPTION = 10_000

_IGNORED: dict[str, str] = {
    "orders/edited": "names only the lines that changed; orders/updated brings the whole order",
    "orders/delete": "tells only the id; a deleted order was cancelled or archived before",
    "products/delete": "tells only the id, and an event carries the whole product",
    "inventory_levels/update": "counts stock by inventory item id, without SKU and our location",
    "inventory_levels/connect": "counts stock by inventory item id, without SKU and our location",
    "inventory_levels/disconnect": "tells of an inventory item id, without its SKU",
    "refunds/create": "refunds are not translated yet; orders/updated brings their effect",
    "customers/delete": "tells only the id",
    "customers/data_request": "a privacy request: a person must answer it within 30 days",
    "customers/redact": "a privacy request: a person must erase this customer's data",
    "shop/redact": "a privacy request: a person must erase this shop's data",
}
_IGNORED_FAMILIES: dict[str, str] = {
    "returns": "returns are not translated yet",
    "reverse_deliveries": "returns are not translated yet",
    "reverse_fulfillment_orders": "returns are not translated yet",
    "inventory_items": "an inventory item's costs and customs data have no canonical place yet",
    "inventory_transfers": "transfers have no canonical place yet",
    "inventory_shipments": "transfers have no canonical place yet",
    "fulfillment_orders": "a plan to ship; fulfillments tell what was shipped",
    "fulfillment_holds": "a plan to ship; fulfillments tell what was shipped",
    "fulfillment_events": "parcel tracking has no canonical place yet",
    "order_transactions": "orders/paid and orders/updated bring the amounts",
    "tender_transactions": "orders/paid and orders/updated bring the amounts",
    "customers": "consent and segments have no canonical place yet",
    "customer": "consent and segments have no canonical place yet",
    "orders": "orders/updated brings the order when it changed",
    "products": "products/update brings the product when it changed",
    "variants": "products/update brings the variants",
    "draft_orders": "no confirmed purchase",
    "checkouts": "no confirmed purchase",
    "carts": "no confirmed purchase",
    "locations": "places are named in the deployment",
    "disputes": "disputes have no canonical place yet",
    "app": "about the app, not about goods",
    "shop": "about the shop, not about goods",
    "bulk_operations": "about a job of the app, not about goods",
}


def translate(raw: Raw) -> Iterator[Event[Entity]]:
    """Say what one webhook means.

    ContractError names topic, JSON pointer and value. Ignore tells why a topic has no event.
    """
    reader = _READERS.get(raw.topic)
    if reader is None:
        raise Ignore(_why_ignored(raw.topic))
    try:
        yield reader(Obj(raw.topic, _unwrapped(raw)))
    except ValidationError as error:  # a fault that no reader foresaw is still the sender's
        raise contract_error(raw.topic, error) from None


def _unwrapped(raw: Raw) -> object:
    """The body; of a sample as Shopify publishes them for a topic, the part that is the body.

    Its topic index wraps each sample as `{"name": "orders/create", …, "response": {…}}`.
    """
    body = raw.body
    if isinstance(body, dict) and body.get("name") == raw.topic and "response" in body:
        return body["response"]
    return body


def _why_ignored(topic: str) -> str:
    reason = _IGNORED.get(topic) or _IGNORED_FAMILIES.get(topic.replace(".", "/").partition("/")[0])
    if reason is None:
        return f"{topic[:100]!r} is a topic this connector does not know"
    return f"{topic}: {reason}"


def entity_key(topic: str, body: object) -> str:
    """Whose sequence a webhook belongs to: `order:123`. A fulfilment or refund joins its order's.

    A body whose ids are none gets its family alone as key: it is kept, and `translate` says what
    is wrong with it. ContractError: the body is no object at all.
    """
    read = Obj(topic, body)
    family = topic.replace(".", "/").partition("/")[0]
    kind = _KINDS.get(family, family)
    try:
        native_id = _native_key(topic, family, read)
    except ContractError:
        native_id = None
    return f"{kind}:{native_id}" if native_id else kind


_KINDS = {
    "orders": "order",
    "fulfillments": "order",
    "fulfillment_events": "order",
    "refunds": "order",
    "order_transactions": "order",
    "products": "product",
    "customers": "customer",
    "inventory_levels": "inventory",
}


def _native_key(topic: str, family: str, body: Obj) -> str | None:
    if topic == "orders/edited":
        return body.need_object("order_edit").number("order_id")
    if family == "inventory_levels":
        item, location = body.number("inventory_item_id"), body.number("location_id")
        return f"{item}:{location}" if item and location else None
    if family != "orders" and _KINDS.get(family) == "order":
        return body.number("order_id")
    return body.id()


def _order_event(type_: str) -> Callable[[Obj], Event[Entity]]:
    def read(body: Obj) -> Event[Entity]:
        data = order(body)
        updated_at = body.need_moment("updated_at")
        moment = {
            "order.placed": data.placed_at,
            "order.cancelled": data.cancelled_at or updated_at,
        }.get(type_, updated_at)
        return Event(
            type=type_,
            data=data,
            native_id=body.need_id(),
            revision=revision_of(updated_at),
            occurred_at=moment,
        )

    return read


def _fulfillment_event(fact: str) -> Callable[[Obj], Event[Entity]]:
    def read(body: Obj) -> Event[Entity]:
        updated_at = body.need_moment("updated_at")
        status = body.text("status")
        order_id, location = body.number("order_id"), body.number("location_id")
        if order_id is None:
            body.fail("order_id", "a numeric id", None)
        body.need("line_items", "a list")
        data = Fulfillment(
            order=EntityRef(native_id=order_id),
            number=body.text("name"),
            updated_at=updated_at,
            lines=tuple(_fulfillment_line(line) for line in body.objects("line_items")),
            tracking=_tracking(body),
            shipped_at=body.moment("created_at"),
            cancelled_at=updated_at if status == "cancelled" else None,
            source_status=status,
            extensions={EXTENSION: {"location_id": location}} if location else {},
        )
        return Event(
            type="fulfillment.cancelled" if status in NOT_SHIPPED else f"fulfillment.{fact}",
            data=data,
            native_id=body.need_id(),
            revision=revision_of(updated_at),
            occurred_at=updated_at,
        )

    return read


def _fulfillment_line(line: Obj) -> FulfillmentLine:
    return FulfillmentLine(
        line_id=line.need_id(), sku=line.text("sku"), quantity=line.count("quantity")
    )


def _tracking(body: Obj) -> tuple[Tracking, ...]:
    numbers = body.texts("tracking_numbers")
    urls = body.texts("tracking_urls")
    if not numbers and (single := body.text("tracking_number")):
        numbers = (single,)
    if not urls and (single := body.text("tracking_url")):
        urls = (single,)
    carrier = body.text("tracking_company")
    return tuple(
        Tracking(
            number=numbers[i] if i < len(numbers) else None,
            carrier=carrier,
            url=urls[i] if i < len(urls) else None,
        )
        for i in range(max(len(numbers), len(urls)))
    )


def _customer_event(body: Obj) -> Event[Entity]:
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
    return Event(
        type="customer.changed",
        data=data,
        native_id=body.need_id(),
        revision=revision_of(updated_at),
        occurred_at=updated_at,
    )


def _product_event(body: Obj) -> Event[Entity]:
    """Prices have no currency here: it is the shop's own, which the payload does not tell.

    So they are kept as text in the extensions and not as Money. Variants beyond the first 100
    are named in `variant_gids` alone (real/README.md, 15c); their number is told in the extensions.
    """
    updated_at = body.need_moment("updated_at")
    description = body.data.get("body_html")
    if description is not None and not isinstance(description, str):
        body.fail("body_html", "text", description)
    options = [item.text("name") for item in body.objects("options")]
    variants = tuple(_variant(item, options) for item in body.objects("variants"))
    extensions: dict[str, object] = {}
    if (handle := body.text("handle")) is not None:
        extensions["handle"] = handle
    if description and len(description) > _MAX_DESCRIPTION:
        extensions["description_cut_from"] = len(description)
    if (unseen := len(body.array("variant_gids")) - len(variants)) > 0:
        extensions["variants_not_in_payload"] = unseen
    data = Product(
        name=body.need_text("title"),
        description=description[:_MAX_DESCRIPTION] if description else None,
        brand=body.text("vendor"),
        category=body.text("product_type"),
        status=body.text("status") or "active",
        tags=body.tags(),
        variants=variants,
        updated_at=updated_at,
        extensions={EXTENSION: extensions} if extensions else {},
    )
    return Event(
        type="product.changed",
        data=data,
        native_id=body.need_id(),
        revision=revision_of(updated_at),
        occurred_at=updated_at,
    )


def _variant(item: Obj, options: list[str | None]) -> Variant:
    names = [options[i] if i < len(options) else None for i in range(3)]
    chosen = {
        name or f"option{i + 1}": value
        for i, name in enumerate(names)
        if (value := item.text(f"option{i + 1}")) is not None
    }
    prices = {
        key: format(amount, "f")
        for key in ("price", "compare_at_price")
        if (amount := item.amount(key)) is not None
    }
    if (stocked := item.number("inventory_item_id")) is not None:
        prices["inventory_item_id"] = stocked
    return Variant(
        variant_id=item.need_id(),
        sku=item.text("sku"),
        barcode=item.text("barcode"),
        title=item.text("title"),
        options=chosen,
        extensions={EXTENSION: prices} if prices else {},
    )


_READERS: dict[str, Callable[[Obj], Event[Entity]]] = {
    "orders/create": _order_event("order.placed"),
    "orders/updated": _order_event("order.updated"),
    "orders/paid": _order_event("order.paid"),
    "orders/cancelled": _order_event("order.cancelled"),
    "orders/fulfilled": _order_event("order.updated"),
    "orders/partially_fulfilled": _order_event("order.updated"),
    "fulfillments/create": _fulfillment_event("shipped"),
    "fulfillments/update": _fulfillment_event("updated"),
    "customers/create": _customer_event,
    "customers/update": _customer_event,
    "customers/enable": _customer_event,
    "customers/disable": _customer_event,
    "products/create": _product_event,
    "products/update": _product_event,
}

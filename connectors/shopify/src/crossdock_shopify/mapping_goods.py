"""What Shopify says of products. Pure.

A product payload names no currency: prices are the shop's own. `webhooks` and `details` note it
beside the record once it is known (`CURRENCY_HEADER`), and prices are then Money; without it they
stay text under the extensions. Variants beyond the first 100 of a webhook are named in
`variant_gids` alone (real/README.md, 15c); their number is told in the extensions.
"""

import re
from collections.abc import Iterator
from datetime import datetime

from crossdock import ContractError, Event, Raw, revision_of
from crossdock.canonical import Money, Product, Variant
from crossdock.canonical.entity import Entity

from crossdock_shopify.order_parts import EXTENSION
from crossdock_shopify.reading import Obj

CURRENCY_HEADER = "x-crossdock-currency"
_MAX_DESCRIPTION = 10_000


def product_events(body: Obj, raw: Raw) -> Iterator[Event[Entity]]:
    """`product.changed`."""
    updated_at = body.need_moment("updated_at")
    description = body.data.get("body_html")
    if description is not None and not isinstance(description, str):
        body.fail("body_html", "text", description)
    options = [item.text("name") for item in body.objects("options")]
    currency = raw.headers.get(CURRENCY_HEADER, "")
    if not re.fullmatch("[A-Z]{3}", currency):
        currency = ""
    variants = tuple(_variant(item, options, currency) for item in body.objects("variants"))
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
    yield Event(
        type="product.changed",
        data=data,
        native_id=body.need_id(),
        revision=revision_of(updated_at),
        occurred_at=updated_at,
    )


def removed_events(body: Obj, raw: Raw) -> Iterator[Event[Entity]]:
    """`product.removed`: the payload has the id alone, which stands for the name too."""
    native_id = body.need_id()
    at = triggered_at(raw)
    yield Event(
        type="product.removed",
        data=Product(name=native_id, status="archived", updated_at=at),
        native_id=native_id,
        revision=revision_of(at) if at else None,
        occurred_at=at,
    )


def triggered_at(raw: Raw) -> datetime | None:
    """When Shopify sent it, for payloads that tell no time of change; None when it did not say."""
    try:
        return Obj(raw.topic, {"at": raw.headers.get("x-shopify-triggered-at")}).moment("at")
    except ContractError:
        return None


def _variant(item: Obj, options: list[str | None], currency: str) -> Variant:
    names = [options[i] if i < len(options) else None for i in range(3)]
    chosen = {
        name or f"option{i + 1}": value
        for i, name in enumerate(names)
        if (value := item.text(f"option{i + 1}")) is not None
    }
    amounts = {
        key: amount
        for key in ("price", "compare_at_price")
        if (amount := item.amount(key)) is not None
    }
    kept = {} if currency else {key: format(amount, "f") for key, amount in amounts.items()}
    if (stocked := item.number("inventory_item_id")) is not None:
        kept["inventory_item_id"] = stocked
    moneys = (
        {key: Money(amount=amount, currency=currency) for key, amount in amounts.items()}
        if currency
        else {}
    )
    return Variant(
        variant_id=item.need_id(),
        sku=item.text("sku"),
        barcode=item.text("barcode"),
        title=item.text("title"),
        options=chosen,
        list_price=moneys.get("price"),
        compare_at_price=moneys.get("compare_at_price"),
        extensions={EXTENSION: kept} if kept else {},
    )

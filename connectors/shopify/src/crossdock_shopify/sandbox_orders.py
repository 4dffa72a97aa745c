"""Orders that a pretended shop sells: Shopify's own sample body, with other figures that add up.

Money is counted in minor units (all currencies here have two), so every total is exact.
"""

import copy
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from crossdock.testing.catalog import CATALOG, Item

from crossdock_shopify.sandbox_shop import LOCATION, Line, Shop, ShopOrder, gid

_RATES = {"USD": (100, 825, False), "EUR": (92, 1900, True), "GBP": (79, 2000, True)}
"""Currency: price of a dollar in hundredths, tax in ten-thousandths, whether prices include it."""
_PLACES: dict[str, list[tuple[str, str, str, str, str]]] = {
    "USD": [
        ("US", "United States", "KY", "Shippington", "40003"),
        ("US", "United States", "CA", "Los Angeles", "90012"),
        ("CA", "Canada", "ON", "Ottawa", "K2H 7A8"),
    ],
    "EUR": [
        ("DE", "Germany", "", "Köln", "50667"),
        ("FR", "France", "", "Nîmes", "30000"),
        ("NL", "Netherlands", "", "’s-Hertogenbosch", "5211 AX"),
    ],
    "GBP": [("GB", "United Kingdom", "ENG", "Leeds", "LS1 4DY")],
}
_PEOPLE = [
    ("Ada", "Lovelace"),
    ("Zoë", "O’Hara"),
    ("José", "Muñoz"),
    ("Łukasz", "Żak"),
    ("美咲", "田中"),
    ("Anne-Marie", "Dupont"),
    ("Steve", "Shipper"),
    ("Grace", "Hopper"),
]
_DOLLARS_OFF_EVERY = 4
_SHIPPING = (0, 490, 990)
_SHOP_ZONE = timezone(timedelta(hours=-5))


@cache
def sample(name: str) -> Any:
    """The `response` of one of Shopify's samples."""
    text = (files("crossdock_shopify") / "samples" / f"{name}.json").read_text("utf-8")
    return json.loads(text)["response"]


@dataclass(frozen=True)
class _Figures:
    """One line's money, in minor units."""

    item: Item
    quantity: int
    price: int
    discount: int
    tax: int


def make_order(shop: Shop, chance: random.Random, number: int) -> ShopOrder:
    """One paid order, entered into the shop; its goods leave what is available."""
    currency = chance.choices(("USD", "EUR", "GBP"), (5, 4, 1))[0]
    rate, tax_rate, included = _RATES[currency]
    items = chance.sample(CATALOG, chance.randint(1, 5))
    percent = 10 if number % _DOLLARS_OFF_EVERY == 0 else 0
    figures = [
        _line_figures(item, chance.randint(1, 3), rate, percent, tax_rate, included)
        for item in items
    ]
    shipping = chance.choice(_SHIPPING)
    shipping_tax = _tax(shipping, tax_rate, included)
    subtotal = sum(f.price * f.quantity - f.discount for f in figures)
    tax = sum(f.tax for f in figures) + shipping_tax
    total = subtotal + shipping + (0 if included else tax)
    order_id = next(shop.ids) * 1000
    lines = [
        Line(
            id=order_id + 100 + index,
            fo_line_id=order_id + 200 + index,
            sku=f.item.sku,
            title=f.item.name,
            quantity=f.quantity,
            price=Decimal(f.price) / 100,
            remaining=f.quantity,
            data={"discount": f.discount, "tax": f.tax, "price": f.price},
        )
        for index, f in enumerate(figures)
    ]
    order = ShopOrder(
        id=order_id,
        name=f"#{1000 + number}",
        currency=currency,
        total=_text(total),
        lines=lines,
        facts={
            "number": number,
            "subtotal": subtotal,
            "shipping": shipping,
            "shipping_tax": shipping_tax,
            "tax": tax,
            "tax_rate": tax_rate,
            "included": included,
            "percent": percent,
            "placed": datetime.now(UTC).replace(microsecond=0),
            "person": chance.randrange(len(_PEOPLE)),
            "place": chance.randrange(len(_PLACES[currency])),
        },
    )
    shop.orders[order_id] = order
    for line in lines:
        shop.stock[shop.variants[line.sku]["item"]] -= line.quantity
    return order


def _line_figures(
    item: Item, quantity: int, rate: int, percent: int, tax_rate: int, included: bool
) -> _Figures:
    price = int(item.price * rate)
    discount = price * quantity * percent // 100
    tax = _tax(price * quantity - discount, tax_rate, included)
    return _Figures(item, quantity, price, discount, tax)


def _tax(amount: int, rate: int, included: bool) -> int:
    """Half up, in minor units."""
    return (2 * amount * rate + (base := 10_000 + rate if included else 10_000)) // (2 * base)


def _text(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def _set(minor: int, currency: str) -> dict[str, Any]:
    money = {"amount": _text(minor), "currency_code": currency}
    return {"shop_money": money, "presentment_money": dict(money)}


def order_body(shop: Shop, order: ShopOrder, stage: int = 0) -> dict[str, Any]:
    """The webhook body. `stage` counts what happened since: each is a second newer."""
    body: dict[str, Any] = copy.copy(sample("orders.create"))
    facts, currency = order.facts, order.currency
    placed: datetime = facts["placed"]
    included: bool = facts["included"]
    discount = sum(line.data["discount"] for line in order.lines)
    gross = sum(line.data["price"] * line.quantity for line in order.lines)
    total = facts["subtotal"] + facts["shipping"] + (0 if included else facts["tax"])
    body |= {
        "id": order.id,
        "admin_graphql_api_id": gid("Order", order.id),
        "name": order.name,
        "number": facts["number"],
        "order_number": 1000 + facts["number"],
        "cancel_reason": None,
        "cancelled_at": None,
        "confirmed": True,
        "created_at": _offset(placed),
        "processed_at": _offset(placed),
        "updated_at": _offset(placed + timedelta(seconds=stage)),
        "currency": currency,
        "presentment_currency": currency,
        "financial_status": "paid",
        "fulfillment_status": None,
        "taxes_included": included,
        "test": False,
        "total_outstanding": "0.00",
        "tags": "demo" if stage < 2 else "demo, reviewed",
        "discount_codes": _codes(facts["percent"], discount),
        "discount_applications": _applications(facts["percent"]),
        "line_items": [_line_body(shop, order, line) for line in order.lines],
        "shipping_lines": [_shipping_body(order)],
        "tax_lines": [_tax_line(facts["tax"], facts["tax_rate"], currency)],
    }
    for keys, minor in (
        (("total_price", "current_total_price"), total),
        (("subtotal_price", "current_subtotal_price"), facts["subtotal"]),
        (("total_tax", "current_total_tax"), facts["tax"]),
        (("total_discounts", "current_total_discounts"), discount),
        (("total_line_items_price",), gross),
    ):
        for key in keys:
            body[key] = _text(minor)
            body[f"{key}_set"] = _set(minor, currency)
    for key in ("total_shipping_price_set", "current_shipping_price_set"):
        body[key] = _set(facts["shipping"], currency)
    return body | _people(order)


def _offset(moment: datetime) -> str:
    """Shopify writes times with the shop's offset."""
    return moment.astimezone(_SHOP_ZONE).isoformat()


def _codes(percent: int, discount: int) -> list[dict[str, str]]:
    return [{"code": "TENOFF", "amount": _text(discount), "type": "percentage"}] if percent else []


def _applications(percent: int) -> list[dict[str, Any]]:
    if not percent:
        return []
    return [
        {
            "target_type": "line_item",
            "type": "discount_code",
            "value": f"{percent}.0",
            "value_type": "percentage",
            "allocation_method": "across",
            "target_selection": "all",
            "code": "TENOFF",
        }
    ]


def _tax_line(minor: int, rate: int, currency: str) -> dict[str, Any]:
    return {
        "channel_liable": False,
        "price": _text(minor),
        "price_set": _set(minor, currency),
        "rate": rate / 10_000,
        "title": "Sales tax" if currency == "USD" else "VAT",
    }


def _line_body(shop: Shop, order: ShopOrder, line: Line) -> dict[str, Any]:
    row, data, currency = shop.variants[line.sku], line.data, order.currency
    allocations = [
        {
            "amount": _text(data["discount"]),
            "amount_set": _set(data["discount"], currency),
            "discount_application_index": 0,
        }
    ]
    return {
        **sample("orders.create")["line_items"][0],
        "id": line.id,
        "admin_graphql_api_id": gid("LineItem", line.id),
        "attributed_staffs": [],
        "current_quantity": line.quantity,
        "fulfillable_quantity": line.remaining,
        "grams": 100,
        "name": line.title,
        "title": line.title,
        "price": _text(data["price"]),
        "price_set": _set(data["price"], currency),
        "product_id": row["product"],
        "variant_id": row["variant"],
        "quantity": line.quantity,
        "sku": line.sku,
        "tax_lines": [_tax_line(data["tax"], order.facts["tax_rate"], currency)],
        "discount_allocations": allocations if data["discount"] else [],
    }


def _shipping_body(order: ShopOrder) -> dict[str, Any]:
    minor, currency = order.facts["shipping"], order.currency
    tax = _tax_line(order.facts["shipping_tax"], order.facts["tax_rate"], currency)
    return {
        **sample("orders.create")["shipping_lines"][0],
        "id": order.id + 300,
        "code": "STANDARD",
        "title": "Standard",
        "price": _text(minor),
        "price_set": _set(minor, currency),
        "discounted_price": _text(minor),
        "discounted_price_set": _set(minor, currency),
        "current_discounted_price_set": _set(minor, currency),
        "tax_lines": [tax] if minor else [],
    }


def _people(order: ShopOrder) -> dict[str, Any]:
    first, last = _PEOPLE[order.facts["person"]]
    code, country, province, city, postal = _PLACES[order.currency][order.facts["place"]]
    address = {
        **sample("orders.create")["shipping_address"],
        "first_name": first,
        "last_name": last,
        "name": f"{first} {last}",
        "company": None,
        "city": city,
        "zip": postal,
        "province": province or None,
        "province_code": province or None,
        "country": country,
        "country_code": code,
    }
    person = order.facts["person"]
    email = f"person{person}@example.com"
    customer = {
        **sample("orders.create")["customer"],
        "id": 6_000_000_000_000 + person,
        "admin_graphql_api_id": gid("Customer", 6_000_000_000_000 + person),
        "first_name": first,
        "last_name": last,
        "email": email,
    }
    return {
        "email": email,
        "contact_email": email,
        "customer": customer,
        "billing_address": address,
        "shipping_address": dict(address),
    }


def fulfillment_body(shop: Shop, order: ShopOrder, row: dict[str, Any]) -> dict[str, Any]:
    """The body of fulfillments/create."""
    by_id = {line.id: line for line in order.lines}
    return {
        **sample("fulfillments.create"),
        "id": row["id"],
        "admin_graphql_api_id": gid("Fulfillment", row["id"]),
        "order_id": order.id,
        "status": row["status"].lower(),
        "created_at": row["created_at"],
        "updated_at": row["created_at"],
        "name": row["name"],
        "location_id": LOCATION,
        "tracking_company": row["company"],
        "tracking_number": row["tracking"][0] if row["tracking"] else None,
        "tracking_numbers": row["tracking"],
        "tracking_url": row["urls"][0] if row["urls"] else None,
        "tracking_urls": row["urls"],
        "line_items": [
            _line_body(shop, order, by_id[line_id]) | {"quantity": quantity}
            for line_id, quantity in row["lines"].items()
        ],
    }


def level_body(item: int, available: int, updated_at: str) -> dict[str, Any]:
    """The body of inventory_levels/update."""
    return {
        "inventory_item_id": item,
        "location_id": LOCATION,
        "available": available,
        "updated_at": updated_at,
        "admin_graphql_api_id": f"{gid('InventoryLevel', LOCATION)}?inventory_item_id={item}",
    }

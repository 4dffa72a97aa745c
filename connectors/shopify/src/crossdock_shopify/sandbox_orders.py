"""Orders that a pretended shop sells: Shopify's own sample body, with other figures that add up.

Money is counted in minor units (all currencies here have two), so every total is exact.
"""

import copy
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from crossdock.testing.catalog import CATALOG, Item

from crossdock_shopify.sandbox_shop import Line, Shop, ShopOrder, gid, now

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
            sku=f.item.sku,
            title=f.item.name,
            quantity=f.quantity,
            price=Decimal(f.price) / 100,
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
            "placed": now(),
            "person": chance.randrange(len(_PEOPLE)),
            "place": chance.randrange(len(_PLACES[currency])),
        },
    )
    return _placed(shop, order)


def plain_order(
    shop: Shop, goods: Mapping[str, int], places: Mapping[int, int] | None = None
) -> ShopOrder:
    """A paid order of so much of these SKUs, without taxes and carriage, in the shop's currency.

    `places`: number of the line (from 0) to the location that shall ship it.
    """
    order_id = next(shop.ids) * 1000
    lines = []
    for index, (sku, quantity) in enumerate(goods.items()):
        price = Decimal(shop.variants[sku]["price"])
        minor = int(price * 100)
        data = {"discount": 0, "tax": 0, "price": minor}
        lines.append(Line(order_id + 100 + index, sku, sku, quantity, price, data))
    subtotal = sum(line.data["price"] * line.quantity for line in lines)
    facts = {
        "number": order_id % 1_000_000,
        "subtotal": subtotal,
        "shipping": 0,
        "shipping_tax": 0,
        "tax": 0,
        "tax_rate": 0,
        "included": False,
        "percent": 0,
        "placed": now(),
        "person": 0,
        "place": 0,
    }
    order = ShopOrder(order_id, f"#{order_id}", shop.currency, _text(subtotal), lines, facts)
    return _placed(shop, order, {order_id + 100 + i: place for i, place in (places or {}).items()})


def _placed(shop: Shop, order: ShopOrder, places: dict[int, int] | None = None) -> ShopOrder:
    """Enter it: planned, paid, and its goods no longer available."""
    order.updated = order.facts["placed"]
    _met(shop, order)
    shop.plan(order, places)
    order.transactions.append(
        {
            "id": order.id + 400,
            "kind": "SALE",
            "status": "SUCCESS",
            "gateway": "bogus",
            "amount": order.total,
            "parent": None,
            "created": order.facts["placed"],
        }
    )
    shop.orders[order.id] = order
    for one in order.fulfillment_orders:
        for line in one.lines:
            item = shop.variants[line.line.sku]["item"]
            shop.set_stock(item, one.location, shop.stock.get((item, one.location), 0) - line.total)
    return order


def _met(shop: Shop, order: ShopOrder) -> None:
    """Whoever buys is a customer of the shop from then on."""
    people = _people(order)
    person = people["customer"]
    shop.customers.setdefault(
        person["id"],
        {
            **{key: person[key] for key in ("id", "first_name", "last_name", "email")},
            "phone": None,
            "note": None,
            "tags": [],
            "tax_exempt": False,
            "updated": order.updated,
            "addresses": [people["shipping_address"] | {"id": person["id"] + 1}],
        },
    )


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
    return f"{'-' * (minor < 0)}{abs(minor) // 100}.{abs(minor) % 100:02d}"


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
        "cancel_reason": order.cancel_reason,
        "cancelled_at": order.cancelled_at,
        "confirmed": True,
        "created_at": shop_time(placed),
        "processed_at": shop_time(placed),
        "updated_at": shop_time(max(placed + timedelta(seconds=stage), order.updated)),
        "currency": currency,
        "presentment_currency": currency,
        "financial_status": _financial_status(order),
        "fulfillment_status": _fulfillment_status(order),
        "fulfillments": [fulfillment_body(shop, order, row) for row in order.fulfillments],
        "refunds": [refund_body(order, row) for row in order.refunds],
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
    left = total - sum(line.data["price"] * line.removed for line in order.lines)
    body["current_total_price"] = _text(left)
    body["current_total_price_set"] = _set(left, currency)
    # Shopify's own balance: what the order costs now, less what was taken and not given back
    body["total_outstanding"] = _text(left - (total - _refunded(order)))
    return body | _people(order) | order.reach


def _refunded(order: ShopOrder) -> int:
    return sum(int(Decimal(row["amount"]) * 100) for row in order.refunds)


def _financial_status(order: ShopOrder) -> str:
    given = _refunded(order)
    if not given:
        return "paid"
    return "refunded" if given >= int(Decimal(order.total) * 100) else "partially_refunded"


def _fulfillment_status(order: ShopOrder) -> str | None:
    shipped = sum(order.fulfilled(line.id) for line in order.lines)
    if not shipped:
        return None
    wanted = sum(line.quantity - line.removed for line in order.lines)
    return "fulfilled" if shipped >= wanted else "partial"


def refund_body(order: ShopOrder, row: dict[str, Any]) -> dict[str, Any]:
    """The body of refunds/create."""
    by_id = {line.id: line for line in order.lines}
    currency = order.currency
    return {
        **sample("refunds.create"),
        "id": row["id"],
        "admin_graphql_api_id": gid("Refund", row["id"]),
        "order_id": order.id,
        "created_at": shop_time(row["created"]),
        "processed_at": shop_time(row["created"]),
        "note": row["note"],
        "refund_shipping_lines": [],
        "order_adjustments": [],
        "refund_line_items": [
            {
                "id": row["id"] + index,
                "quantity": quantity,
                "line_item_id": int(line),
                "location_id": None,
                "restock_type": row["restock"].lower(),
                "subtotal_set": _set(by_id[int(line)].data["price"] * quantity, currency),
                "total_tax_set": _set(0, currency),
                "line_item": {
                    "id": int(line),
                    "admin_graphql_api_id": gid("LineItem", int(line)),
                    "sku": by_id[int(line)].sku,
                },
            }
            for index, (line, quantity) in enumerate(row["quantities"].items(), 1)
        ],
        "transactions": [
            {
                "id": item["id"],
                "admin_graphql_api_id": gid("OrderTransaction", item["id"]),
                "order_id": order.id,
                "kind": "refund",
                "status": item["status"].lower(),
                "gateway": item["gateway"],
                "created_at": shop_time(item["created"]),
                "amount": item["amount"],
                "currency": currency,
            }
            for item in row["transactions"]
        ],
    }


def shop_time(moment: datetime) -> str:
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
        "current_quantity": line.quantity - line.removed,
        "fulfillable_quantity": max(line.quantity - line.removed - order.fulfilled(line.id), 0),
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
        "updated_at": row["updated_at"],
        "name": row["name"],
        "location_id": row["location"],
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

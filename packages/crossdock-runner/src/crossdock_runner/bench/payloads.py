"""What is sent in the measurements: an invented order in the shape of a Shopify webhook."""

import random
from typing import Any

from crossdock import jsontext

BODY_BYTES = 7 * 1024


def vendor_order(number: int = 1, lines: int = 5) -> dict[str, Any]:
    """About 7 KB of compact JSON with five lines; the same number gives the same order."""
    chance = random.Random(number)  # noqa: S311 - repeatable, not secret

    def money(amount: float) -> dict[str, Any]:
        text = f"{amount:.2f}"
        return {
            "shop_money": {"amount": text, "currency_code": "EUR"},
            "presentment_money": {"amount": text, "currency_code": "EUR"},
        }

    def address() -> dict[str, Any]:
        return {
            "first_name": "Zoë",
            "last_name": f"Müller-{number % 997}",
            "company": None,
            "address1": "Hauptstraße 12",
            "address2": "3. Etage",
            "city": "Köln",
            "zip": f"{50000 + number % 999}",
            "province": None,
            "country": "Germany",
            "country_code": "DE",
            "province_code": None,
            "phone": "+49 221 5550100",
            "latitude": 50.9375,
            "longitude": 6.9603,
            "name": f"Zoë Müller-{number % 997}",
        }

    items: list[dict[str, Any]] = []
    for position in range(lines):
        price, size = chance.randrange(499, 19999) / 100, "SML"[position % 3]
        items.append(
            {
                "id": 9_000_000_000_000 + number * 1000 + position,
                "current_quantity": 1 + position % 3,
                "fulfillable_quantity": 1 + position % 3,
                "fulfillment_service": "manual",
                "fulfillment_status": None,
                "gift_card": False,
                "grams": 320 + position,
                "name": f"Merino crew sweater - Navy / {size}",
                "price": f"{price:.2f}",
                "product_exists": True,
                "product_id": 7_700_000_000_000 + position,
                "properties": [],
                "quantity": 1 + position % 3,
                "requires_shipping": True,
                "sku": f"MER-CRW-{position:03d}-{size}",
                "taxable": True,
                "title": "Merino crew sweater",
                "total_discount": "0.00",
                "variant_id": 4_400_000_000_000 + position,
                "variant_inventory_management": "shopify",
                "variant_title": f"Navy / {size}",
                "vendor": "Northwind Knitwear",
                "tax_lines": [_tax(price * 0.19)],
                "duties": [],
                "discount_allocations": [],
            }
        )
    net = sum(float(item["price"]) * item["quantity"] for item in items)
    order: dict[str, Any] = {
        "id": 5_500_000_000_000 + number,
        "admin_graphql_api_id": f"gid://shopify/Order/{5_500_000_000_000 + number}",
        "app_id": 580111,
        "browser_ip": "203.0.113.7",
        "buyer_accepts_marketing": False,
        "cancel_reason": None,
        "cancelled_at": None,
        "cart_token": f"c1-{_token(number)}",
        "checkout_id": 3_300_000_000_000 + number,
        "confirmed": True,
        "contact_email": f"zoe.{number}@example.com",
        "created_at": "2026-11-21T14:03:22+01:00",
        "currency": "EUR",
        "customer_locale": "de-DE",
        "email": f"zoe.{number}@example.com",
        "estimated_taxes": False,
        "financial_status": "paid",
        "fulfillment_status": None,
        "landing_site": "/collections/new?utm_source=mail",
        "name": f"#{10000 + number}",
        "note": "Bitte klingeln — danke!",
        "note_attributes": [],
        "number": 9000 + number,
        "order_number": 10000 + number,
        "payment_gateway_names": ["shopify_payments"],
        "phone": None,
        "presentment_currency": "EUR",
        "processed_at": "2026-11-21T14:03:21+01:00",
        "reference": None,
        "referring_site": "",
        "source_name": "web",
        "tags": "vip, repeat",
        "taxes_included": True,
        "test": False,
        "token": _token(number),
        "total_line_items_price": f"{net:.2f}",
        "total_weight": 1604,
        "updated_at": "2026-11-21T14:03:23+01:00",
        "user_id": None,
        "billing_address": address(),
        "shipping_address": address(),
        "customer": {
            "id": 6_600_000_000_000 + number % 4000,
            "email": f"zoe.{number % 4000}@example.com",
            "created_at": "2025-02-01T09:00:00+01:00",
            "state": "enabled",
            "first_name": "Zoë",
            "last_name": f"Müller-{number % 997}",
            "verified_email": True,
            "tags": "vip",
            "currency": "EUR",
            "phone": None,
            "default_address": address(),
        },
        "discount_codes": [],
        "discount_applications": [],
        "fulfillments": [],
        "refunds": [],
        "line_items": items,
        "shipping_lines": [
            {
                "id": 1_100_000_000_000 + number,
                "code": "DHL",
                "price": "4.90",
                "price_set": money(4.9),
                "title": "DHL Paket",
                "source": "shopify",
                "tax_lines": [],
                "discount_allocations": [],
            }
        ],
        "tax_lines": [_tax(net * 0.19) | {"price_set": money(net * 0.19)}],
    }
    for name, amount in (
        ("subtotal_price", net),
        ("total_price", net + 4.9),
        ("total_tax", net * 0.19),
        ("total_discounts", 0.0),
    ):
        for prefix in ("", "current_"):
            order[f"{prefix}{name}"] = f"{amount:.2f}"
            order[f"{prefix}{name}_set"] = money(amount)
    order["total_shipping_price_set"] = money(4.9)
    return order


def _token(number: int) -> str:
    return random.Random(-number).randbytes(16).hex()  # noqa: S311 - repeatable, not secret


def _tax(amount: float) -> dict[str, Any]:
    return {"channel_liable": False, "price": f"{amount:.2f}", "rate": 0.19, "title": "DE MwSt"}


def vendor_bytes(number: int = 1, lines: int = 5) -> bytes:
    """The same as it arrives."""
    return jsontext.dump(vendor_order(number, lines))


def body(size: int = BODY_BYTES) -> bytes:
    """That many bytes of such JSON, for rows that never parse it."""
    base = vendor_bytes(7)
    return (base * (size // len(base) + 1))[:size]


def canonical(number: int = 1, lines: int = 5) -> "tuple[Any, bytes]":
    """Envelope and body of the canonical order that the Shopify connector reads from it."""
    from crossdock import plugins
    from crossdock.events import Raw
    from crossdock_stages.translate import say

    connector = plugins.load(["shopify"])["shopify"]
    raw = Raw("orders/create", data=vendor_bytes(number, lines))
    (said,) = say("web", connector, raw, source="crossdock://bench/web", landing_id="lnd_bench")
    return said.envelope, said.body

"""Examples: valid ones made from the models by name of field, and invalid ones made from those.

An invalid example is wrong in exactly one way. `Wrong.keyword` and `Wrong.pointer` are what a
validator of JSON Schema reports for it; a `rule` instead of a keyword means that the document fits
the schema and Crossdock refuses it all the same, for no schema can say why.
"""

import copy
import types
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Union, get_args, get_origin

from crossdock import jsontext
from crossdock.canonical.entity import Entity
from crossdock.canonical.values import Limit, Model, check_digit

Json = dict[str, Any]

MOMENT = "2026-01-31T12:00:00Z"

_NAMED: dict[str, Any] = {
    "id": "ord_0123456789abcdefghjkmnpqrs",
    "number": "#1001",
    "sku": "TEE-M",
    "title": "T-shirt, M",
    "name": "T-shirt",
    "brand": "Acme",
    "barcode": "4000000000082",
    "gtin": "4000000000082",
    "gln": "4000000000006",
    "sscc": "340000000000000007",
    "location": "WH",
    "from_location": "WH",
    "to_location": "STORE-2",
    "ship_to": "WH",
    "return_to": "WH",
    "code": "WH",
    "channel": "web",
    "channels": ["web", "amazon"],
    "connection": "web",
    "connector": "shopify",
    "authority": "dc1",
    "native_id": "820982911946154508",
    "line_id": "L1",
    "variant_id": "V1",
    "order_line_id": "L1",
    "purchase_line_id": "P1",
    "line_ids": ["L1"],
    "email": "jo@example.com",
    "phone": "+15025550100",
    "full_name": "Jo Bloggs",
    "customer_name": "Jo Bloggs",
    "company": "Acme Ltd",
    "lines": ["1 High Street"],
    "postal_code": "40202",
    "locality": "Louisville",
    "region": "KY",
    "country": "US",
    "origin": "PT",
    "countries": ["US", "CA"],
    "language": "en-US",
    "tags": ["summer"],
    "note": "Please ring twice.",
    "reason": None,
    "by": "jo",
    "url": "https://example.com/42",
    "webhook_url": "https://example.com/hooks/crossdock",
    "hs_code": "6109.10",
    "tax_code": "P0000000",
    "timezone": "America/Kentucky/Louisville",
    "carrier": "UPS",
    "service": "ground",
    "tracking_number": "1Z999AA10123456784",
    "tax_number": "DE123456789",
    "content_type": "image/png",
    "options": {"Size": "M"},
    "sub_buckets": {"researching": "1"},
    "schema_majors": {"order": 1},
    "source_status": "open",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "version": "1.0",
    "pointer": "/lines/0/shipped",
    "reconcile": "*/30 * * * *",
    "entity": "order",
    "entity_kind": "product",
    "subject_kind": "order",
    "may_send": ["order.placed"],
    "may_read": ["inventory.level_changed"],
    "publish_to": ["web", "amazon"],
    "capture": ["web", "amazon"],
    "owner": "erp",
    "left": "erp",
    "right": "web",
    "key": "web-1001",
    "rate": "0.06",
    "percentage": "0.10",
    "confidence": 100,
    "extensions": {"com.acme.loyalty": {"points": 12}},
    "payment_terms": "net 30",
    "incoterm": "DAP",
    "label": "Visa •••• 4242",
    "provider": "stripe",
    "roles": ["customer"],
    "jurisdiction": "US-KY",
    "taxonomy": "google_product_taxonomy",
    "carrier_code": "ups",
}
_BY_CLASS: dict[str, Any] = {
    "Order.source_status": {"payment": "paid"},
    "Ref.kind": "order",
    "Ref.value": "5001",
    "TaxLine.title": "KY State Tax",
    "ShippingLine.title": "Standard",
    "ShippingLine.code": "standard",
    "Discount.title": "Summer",
    "Discount.code": "SUMMER10",
    "Customer.name": "Jo Bloggs",
    "Organization.name": "Acme",
    "Location.name": "Main warehouse",
    "Channel.name": "Web shop",
    "Connection.name": "web",
    "Category.name": "T-shirts",
    "PriceList.name": "Retail",
    "Promotion.name": "Summer sale",
    "Partner.name": "Acme Logistics",
    "CutoverCheck.name": "differences",
    "Lot.number": "L2026-014",
    "Drift.pointer": "/line_items/*/gift",
    "Drift.topic": "orders/create",
    "Drift.payload": "lnd_0190f3b6c1d200112233445566778899",
    "Drift.sample": "true",
    "Drift.type": "boolean",
    "SchemaRelease.entity": "order",
    "SchemaRelease.url": "https://schemas.crossdock.dev/order/v1/schema.json",
    "ExceptionCase.code": "unknown_sku",
    "ExceptionCase.owner": "jo",
    "InventoryLevel.owner": {"id": "org_0123456789abcdefghjkmnpqrs"},
    "FulfillmentOrder.ship_to": {"full_name": "Jo Bloggs", "lines": ["1 High Street"]},
    "Exchange.return_ref": {"id": "ret_0123456789abcdefghjkmnpqrs"},
}
_COUNTS = {
    "ordered": "3",
    "requested": "3",
    "quantity": "3",
    "received": "3",
    "counted": "3",
    "min_quantity": "1",
    "shipped": "2",
    "on_hand": "10",
    "reserved": "2",
    "available": "2",
    "safety": "2",
    "committed": "1",
    "quality_control": "1",
    "damaged": "2",
}

VARIANTS: dict[str, dict[str, Json]] = {
    "order": {
        "bundle": {
            "lines": [
                {
                    "line_id": "L1",
                    "sku": "GIFT-SET",
                    "ordered": "1",
                    "unit_price": {"amount": "39.00", "currency": "EUR"},
                    "components": [
                        {"sku": "MUG-BLUE", "quantity": "2"},
                        {"sku": "TOTE", "quantity": "1"},
                    ],
                }
            ]
        },
        "gift-card-sold": {
            "lines": [
                {
                    "line_id": "L1",
                    "title": "Gift card",
                    "nature": "gift_card",
                    "requires_shipping": False,
                    "ordered": "1",
                    "unit_price": {"amount": "50.00", "currency": "EUR"},
                }
            ]
        },
        "marketplace-fulfilled": {
            "lines": [
                {
                    "line_id": "L1",
                    "sku": "TEE-M",
                    "fulfilled_by": "marketplace",
                    "ordered": "1",
                    "shipped": "1",
                    "unit_price": {"amount": "18.50", "currency": "EUR"},
                    "taxes": [
                        {
                            "title": "VAT",
                            "rate": "0.19",
                            "amount": {"amount": "2.95", "currency": "EUR"},
                            "included": True,
                            "remitted_by": "marketplace",
                        }
                    ],
                }
            ]
        },
        "partly-cancelled-and-returned": {
            "lines": [
                {
                    "line_id": "L1",
                    "sku": "TEE-M",
                    "ordered": "5",
                    "cancelled": "1",
                    "shipped": "4",
                    "delivered": "4",
                    "return_requested": "2",
                    "return_received": "2",
                    "restocked": "1",
                    "written_off": "1",
                    "refunded": {"amount": "37.00", "currency": "EUR"},
                    "unit_price": {"amount": "18.50", "currency": "EUR"},
                }
            ]
        },
        "sold-by-weight": {
            "lines": [
                {
                    "line_id": "L1",
                    "sku": "COFFEE-BULK",
                    "unit": "KGM",
                    "ordered": "1.250",
                    "unit_price": {"amount": "23.4500", "currency": "EUR"},
                }
            ]
        },
    },
    "inventory": {
        "oversold": {"on_hand": "-2", "available": "-2"},
        "marketplace-buckets": {
            "location": "FBA-US",
            "on_hand": "12",
            "available": "7",
            "reserved": "2",
            "quality_control": "1",
            "damaged": "2",
            "sub_buckets": {"researching": "1", "customer_damaged": "2"},
        },
    },
    "refund": {
        "pending": {"state": "pending"},
        "succeeded": {"state": "succeeded", "settled_at": MOMENT},
        "failed": {"state": "failed", "settled_at": MOMENT, "failure": "account closed"},
    },
    "payment": {
        "gift-card": {
            "method": "gift_card",
            "captured": {"amount": "20.00", "currency": "EUR"},
            "gift_card": {"native_id": "77"},
        }
    },
    "location": {"marketplace": {"code": "FBA-US", "type": "marketplace", "multi_channel": False}},
}
"""Examples that show one thing each: changes to the smallest document of a kind."""


@dataclass(frozen=True)
class Wrong:
    """An invalid example and what is to be said of it."""

    name: str
    document: Json
    reason: str
    pointer: str
    keyword: str = ""
    rule: str = ""


def valid(model: type[Entity]) -> dict[str, Json]:
    """Name to document: the smallest, the fullest, and what shows one thing each."""
    smallest, fullest = build(model, full=False), build(model, full=True)
    found = {"minimal": smallest, "full": fullest}
    if model.major == 1 or model.kind not in VARIANTS:
        for name, changes in VARIANTS.get(model.kind, {}).items():
            found[name] = {**copy.deepcopy(smallest), **copy.deepcopy(changes)}
    return found


def build(model: type[Model], *, full: bool) -> Json:
    """One document of `model`, with every field or with the required ones alone."""
    made: Json = {}
    for name, field in model.model_fields.items():
        if full or field.is_required():
            value = _value(model.__name__, name, field.annotation, field.metadata, full)
            if value is not None:
                made[name] = value
    keep_limits(model, made)
    if full and model.__name__ == "InventoryLevel":
        made["available"] = "2"
    return made


def keep_limits(model: type[Model], document: Json) -> None:
    """Cut counters down to what `limits` allow, from the first to the last."""
    limits: tuple[Limit, ...] = getattr(model, "limits", ())
    for limit in limits:
        if all(part not in document for part in limit.parts):
            continue
        left = sum((Decimal(document.get(name, "0")) for name in limit.wholes), Decimal(0))
        for part in limit.parts:
            if part in document:
                given = min(Decimal(document[part]), left)
                left -= given
                document[part] = format(given, "f")


def _value(owner: str, name: str, annotation: Any, metadata: Any, full: bool) -> Any:
    if f"{owner}.{name}" in _BY_CLASS:
        return copy.deepcopy(_BY_CLASS[f"{owner}.{name}"])
    kind = next((type(one).__name__ for one in metadata), "")
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [one for one in get_args(annotation) if one is not type(None)]
        annotation = inner[0]
    if hasattr(annotation, "__metadata__"):
        metadata = annotation.__metadata__
        annotation = annotation.__origin__
        kind = next((type(one).__name__ for one in metadata), kind)
    marks = {type(one).__name__: one for one in metadata}
    if "Vocabulary" in marks:
        return marks["Vocabulary"].values[0]
    if "_DecimalText" in marks:
        if name in _NAMED:
            return _NAMED[name]
        return "10.00" if marks["_DecimalText"].name == "Amount" else _COUNTS.get(name, "1")
    if "_TimeText" in marks:
        return MOMENT if marks["_TimeText"].name == "Instant" else "2026-01-31"
    if "_CodeText" in marks:
        return "EUR" if marks["_CodeText"].name == "Currency" else _NAMED.get(name, "US")
    if get_origin(annotation) is tuple:
        item = get_args(annotation)[0]
        if isinstance(item, type) and issubclass(item, Model):
            return [build(item, full=full)]
        if isinstance(_NAMED.get(name), list):
            return copy.deepcopy(_NAMED[name])
        return [_value(owner, f"{name}[]", item, (), full)]
    if isinstance(annotation, type) and issubclass(annotation, Model):
        if annotation.__name__ == "EntityRef":
            return {"id": f"{_prefix(name)}_0123456789abcdefghjkmnpqrs", "native_id": "5001"}
        return build(annotation, full=full)
    if name in _NAMED and _NAMED[name] is not None:
        return copy.deepcopy(_NAMED[name])
    if annotation is bool:
        return True
    if annotation is int:
        return 1
    return {"unit": "EA"}.get(name, name.removesuffix("[]").replace("_", " "))


def _prefix(name: str) -> str:
    from crossdock.identity import PREFIXES

    return PREFIXES.get(name.removesuffix("_ref"), name[:3])


def wrong(model: type[Entity], schema: Json) -> list[Wrong]:
    """Every way in which a document of this kind is typically wrong, each once."""
    found: dict[str, Wrong] = {}
    fullest = build(model, full=True)
    smallest = build(model, full=False)

    def note(name: str, document: Json, reason: str, **more: str) -> None:
        found.setdefault(name, Wrong(name, document, reason, **more))

    for name in schema.get("required", ()):
        document = copy.deepcopy(smallest)
        del document[name]
        note(f"missing-{name}", document, f"{name} is missing", pointer="", keyword="required")
    note(
        "unknown-field",
        {**smallest, "colour_of_box": "red"},
        "a field that does not exist; data of one's own goes under extensions",
        pointer="",
        keyword="additionalProperties",
    )
    for path, node in sites(schema, fullest):
        pointer = jsontext.pointer(*path)
        for name, value, reason, keyword in _slips(node, at(fullest, path)):
            document = copy.deepcopy(fullest)
            at(document, path[:-1])[path[-1]] = value
            note(
                f"{name}-{path[-1]}" if isinstance(path[-1], str) else name,
                document,
                reason,
                pointer=pointer,
                keyword=keyword,
            )
    kept: dict[str, Wrong] = {}
    for name, one in found.items():  # one of each slip is enough
        slip = name if one.keyword == "required" else f"{_slip_of(name)}"
        kept.setdefault(slip, one)
    return [*kept.values(), *_refused(model, schema, fullest)]


Slip = tuple[str, tuple[str | int, ...], Any, str, str]


def wrong_places(schema: Json, document: Json) -> list[Slip]:
    """Every slip that could be made in a document: name, path, value, reason, keyword."""
    found: list[Slip] = [
        ("unknown-field", ("colour_of_box",), "red", "a field that does not exist", "")
    ]
    for path, node in sites(schema, document):
        if path:
            found += [
                (name, path, value, reason, keyword)
                for name, value, reason, keyword in _slips(node, at(document, path))
            ]
    return found


def replaced(name: str, document: Json, path: Any, value: Any, reason: str, keyword: str) -> Wrong:
    """The document with one value put in."""
    spoilt = copy.deepcopy(document)
    at(spoilt, path[:-1])[path[-1]] = value
    if not keyword:
        return Wrong(name, spoilt, reason, "", keyword="additionalProperties")
    return Wrong(name, spoilt, reason, jsontext.pointer(*path), keyword=keyword)


_SLIPS = (
    "too-many-digits",
    "exponent",
    "nan",
    "number-instead-of-text",
    "negative-count",
    "naive-time",
    "no-rfc3339-time",
    "no-date",
    "unknown-currency",
    "country-uk",
    "unknown-word",
    "letters-in-gs1-key",
    "empty-id",
    "empty-list",
    "object-instead-of-list",
    "null",
    "text-instead-of-boolean",
    "below-minimum",
    "above-maximum",
    "bare-extension-key",
    "lower-case-unit",
)


def _slip_of(name: str) -> str:
    return next((slip for slip in _SLIPS if name.startswith(slip)), name)


def _slips(node: Json, value: Any) -> Iterator[tuple[str, Any, str, str]]:
    """What people write here instead: name, value, reason, the keyword that catches it."""
    shared = node.get("x-shared")
    if shared in {"Amount", "Rate"}:
        yield "too-many-digits", "12.3456789012345", "too many digits after the point", "pattern"
        yield "exponent", "1E+3", "an exponent: write 1000", "pattern"
        yield "nan", "NaN", "no number: leave the field out", "pattern"
        yield "number-instead-of-text", 12.3, 'a JSON number: write "12.30"', "type"
    elif shared == "Count":
        yield "negative-count", "-1", "this count cannot be negative", "pattern"
    elif shared == "Instant":
        yield "naive-time", "2026-01-31T12:00:00", "a time without a zone: add Z", "pattern"
        yield "no-rfc3339-time", "31.01.2026 12:00", "no RFC 3339 time", "pattern"
    elif shared == "Day":
        yield "no-date", "31.01.2026", "no date of RFC 3339: write 2026-01-31", "pattern"
    elif shared == "Currency":
        yield "unknown-currency", "EURO", "no code of ISO 4217: write EUR", "enum"
    elif shared == "Country":
        yield "country-uk", "UK", "no code of ISO 3166-1: write GB", "enum"
    elif shared in {"GTIN", "GLN", "SSCC"}:
        yield "letters-in-gs1-key", "40O0000000082", "letters in a number", "pattern"
    elif shared == "Extensions":
        yield "bare-extension-key", {"loyalty": 1}, "no reverse-domain key", "pattern"
    elif "enum" in node:
        yield "unknown-word", "no_such_word", "a word not in the vocabulary", "enum"
    elif node.get("minLength") == 1:
        yield "empty-id", "", "an empty name", "minLength"
    elif node.get("pattern") == r"^[A-Z0-9]{2,3}$":
        yield "lower-case-unit", "kg", "no code of UN/ECE Rec 20: write KGM", "pattern"
    elif node.get("type") == "array":
        if node.get("minItems"):
            yield "empty-list", [], "at least one is needed", "minItems"
        yield "object-instead-of-list", {}, "an object where a list belongs", "type"
    elif node.get("type") == "boolean":
        yield "text-instead-of-boolean", "true", "text where true or false belongs", "type"
    elif node.get("type") == "integer":
        if "minimum" in node:
            yield "below-minimum", node["minimum"] - 1, "too small", "minimum"
        if "maximum" in node:
            yield "above-maximum", node["maximum"] + 1, "too large", "maximum"
    elif node.get("type") == "string":
        yield "null", None, "null: leave the field out", "type"


def _refused(model: type[Entity], schema: Json, fullest: Json) -> Iterator[Wrong]:
    """What fits the schema and is refused all the same."""
    done = set()
    for path, node in sites(schema, fullest):
        shared = node.get("x-shared")
        if shared in {"GTIN", "GLN", "SSCC"} and shared not in done:
            done.add(shared)
            document = copy.deepcopy(fullest)
            good = at(document, path)
            at(document, path[:-1])[path[-1]] = good[:-1] + str((int(good[-1]) + 1) % 10)
            yield Wrong(
                f"wrong-check-digit-{shared.lower()}",
                document,
                f"the check digit must be {check_digit(good[:-1])}",
                jsontext.pointer(*path),
                rule="gs1-check-digit",
            )
        if shared == "Instant" and shared not in done:
            done.add(shared)
            document = copy.deepcopy(fullest)
            at(document, path[:-1])[path[-1]] = "2026-02-30T12:00:00Z"
            yield Wrong(
                "no-such-day",
                document,
                "February has no 30th",
                jsontext.pointer(*path),
                rule="calendar",
            )
        for rule in node.get("x-invariants", ()):
            parts, wholes = (side.split(" + ") for side in rule.split(" ≤ "))
            document = copy.deepcopy(fullest)
            place = at(document, path)
            place[parts[0]] = "999"
            others = [name for name in wholes if name in place]
            if rule in done or any(Decimal(place[name]) >= 999 for name in others):
                continue
            done.add(rule)
            name = "-and-".join(parts) + "-more-than-" + "-and-".join(wholes)
            yield Wrong(
                f"counters-{name.replace('_', '-')}",
                document,
                f"must hold: {rule}",
                jsontext.pointer(*path),
                rule="counters",
            )


def sites(schema: Json, document: Any) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    """Every value of `document` with the part of `schema` that describes it, root first.

    References are followed; `x-shared` names the shared definition a value is of.
    """
    defs = schema.get("$defs", {})
    waiting: list[tuple[tuple[str | int, ...], Json, Any]] = [((), schema, document)]
    while waiting:
        path, node, value = waiting.pop(0)
        while "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            rest = {key: item for key, item in node.items() if key != "$ref"}
            node = {**defs[name], **rest, "x-shared": name}
        yield path, node
        if isinstance(value, dict):
            for key, item in value.items():
                inner = node.get("properties", {}).get(key)
                if inner is not None:
                    waiting.append(((*path, key), inner, item))
        elif isinstance(value, list) and "items" in node:
            waiting += [((*path, index), node["items"], item) for index, item in enumerate(value)]


def at(document: Any, path: tuple[str | int, ...]) -> Any:
    """The value at a path."""
    for step in path:
        document = document[step]
    return document

"""A pretended merchant: catalogue, stock ledger, orders, payments, refunds, in memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from crossdock.testing.catalog import CATALOG

Row = dict[str, Any]
LOCATION, ELSEWHERE = "LWHSTORE00001", "LOTHERSTORE02"
MERCHANT, CURRENCY = "MLSANDBOX0001", "USD"
_TAX = Decimal(10)
_KEPT = frozenset({"IN_STOCK", "WASTE", "RESERVED_FOR_SALE", "IN_TRANSIT_TO"})
"""States that have a count; `NONE`, `SOLD` and `UNLINKED_RETURN` are not tracked."""


def cash(amount: int) -> Row:
    """Square's Money."""
    return {"amount": amount, "currency": CURRENCY}


def stamp(moment: datetime) -> str:
    """As Square writes times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Account:
    """Everything of one merchant. `stock_each` of everything lies at each location at first."""

    stock_each: int = 1000
    items: dict[str, Row] = field(default_factory=dict)
    stock: dict[tuple[str, str], dict[str, Decimal]] = field(default_factory=dict)
    counted_at: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    ledger: list[Row] = field(default_factory=list)
    orders: dict[str, Row] = field(default_factory=dict)
    payments: dict[str, Row] = field(default_factory=dict)
    refunds: dict[str, Row] = field(default_factory=dict)
    _last: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    _made: int = 0

    def __post_init__(self) -> None:
        for item in CATALOG:
            price = int(item.price.scaleb(2))
            self.put_item(item.name, [{"sku": item.sku, "upc": item.barcode, "price": price}])
        for variation in self.variations():
            for location in (LOCATION, ELSEWHERE):
                self._stand(variation["id"], location, "IN_STOCK", Decimal(self.stock_each))

    # time and names

    def moment(self, after: str = "") -> str:
        """Now, never back; a thing that changed in this millisecond is one later."""
        now = datetime.now(UTC).replace(microsecond=0)  # several things share a moment
        self._last = max(self._last, now)
        if after and datetime.fromisoformat(after) >= self._last:
            self._last = datetime.fromisoformat(after) + timedelta(milliseconds=1)
        return stamp(self._last)

    def name(self, kind: str) -> str:
        """A new id."""
        self._made += 1
        return f"{kind}{self._made:06d}SANDBOX"

    # catalogue

    def put_item(self, name: str, variations: Iterable[Mapping[str, Any]]) -> Row:
        """A new item, everywhere."""
        own = self.name("ITM")
        rows = []
        for n, one in enumerate(variations):
            data = {"item_id": own, "name": one.get("name", "Regular"), "sku": one["sku"]}
            data |= {"ordinal": n, "pricing_type": "FIXED_PRICING", "upc": one.get("upc", "")}
            data |= {"price_money": cash(one["price"]), "track_inventory": True}
            rows.append({"type": "ITEM_VARIATION", "item_variation_data": data})
        for row in rows:
            row["id"] = self.name("VAR")
        data = {"name": name, "product_type": "REGULAR", "variations": rows}
        return self.keep({"type": "ITEM", "id": own, "item_data": data})

    def keep(self, item: Row) -> Row:
        """Write an item as it is now, with a new version."""
        before = self.items.get(item["id"], {})
        at = self.moment(before.get("updated_at", ""))
        version = max(int(datetime.fromisoformat(at).timestamp() * 1000), 0)
        version = max(version, before.get("version", 0) + 1)
        common = {"updated_at": at, "version": version, "present_at_all_locations": True}
        common["is_deleted"] = item.get("is_deleted", False)
        item |= common
        for row in item["item_data"].get("variations") or ():
            row |= common
        self.items[item["id"]] = item
        return item

    def variations(self) -> list[Row]:
        """Every article."""
        return [v for i in self.items.values() for v in i["item_data"].get("variations") or ()]

    def variation(self, sku: str) -> Row:
        """The article of a SKU. KeyError when there is none."""
        for one in self.variations():
            if one["item_variation_data"].get("sku") == sku:
                return one
        raise KeyError(sku)

    # stock

    def _stand(self, article: str, location: str, state: str, quantity: Decimal) -> None:
        spot = (article, location)
        before = self.counted_at.setdefault(spot, {})
        self.stock.setdefault(spot, {})[state] = quantity
        before[state] = self.moment(before.get(state, ""))

    def adjust(
        self, article: str, location: str, before: str, after: str, quantity: Decimal, **more: Any
    ) -> Row:
        """Move so much from one state to another, by the till; `occurred_at` may be given."""
        now = self.moment()
        entry = {
            "id": self.name("ADJ"),
            "from_state": before,
            "to_state": after,
            "location_id": location,
            "catalog_object_id": article,
            "catalog_object_type": "ITEM_VARIATION",
            "quantity": f"{quantity:f}",
            "occurred_at": now,
            "created_at": now,
            "source": {"product": "SQUARE_POS", "name": "Point of Sale"},
            **more,
        }
        self.ledger.append({"type": "ADJUSTMENT", "adjustment": entry})
        there = self.stock.get((article, location), {})
        for state, sign in ((before, -1), (after, 1)):
            if state in _KEPT:
                new = there.get(state, Decimal(0)) + sign * quantity
                self._stand(article, location, state, new)
        return entry

    def count(self, given: Row) -> Row | None:
        """A physical count: what is there at `occurred_at`, less what has left since."""
        spot = (given["catalog_object_id"], given["location_id"])
        left = Decimal(given["quantity"])
        counted = datetime.fromisoformat(given["occurred_at"])
        for change in self.ledger:
            one = change.get("adjustment")
            if one is None or (one["catalog_object_id"], one["location_id"]) != spot:
                continue
            if datetime.fromisoformat(one["created_at"]) > counted:
                for state, sign in ((one["from_state"], -1), (one["to_state"], 1)):
                    left += sign * Decimal(one["quantity"]) if state == given["state"] else 0
        entry = {
            **given,
            "id": self.name("CNT"),
            "catalog_object_type": "ITEM_VARIATION",
            "created_at": self.moment(),
            "source": {"product": "EXTERNAL_API", "name": "Crossdock"},
        }
        self.ledger.append({"type": "PHYSICAL_COUNT", "physical_count": entry})
        self._stand(*spot, given["state"], left)
        return entry

    def last_count(self, article: str, location: str) -> Decimal | None:
        """The quantity of the last physical count."""
        for change in reversed(self.ledger):
            one = change.get("physical_count")
            if one and (one["catalog_object_id"], one["location_id"]) == (article, location):
                return Decimal(one["quantity"])
        return None

    def for_sale(self, sku: str, location: str = LOCATION) -> Decimal:
        """What the till thinks it has."""
        found = self.stock.get((self.variation(sku)["id"], location), {})
        return found.get("IN_STOCK", Decimal(0))

    # sales

    def sell(
        self,
        goods: Mapping[str, int],
        *,
        location: str = LOCATION,
        offline: timedelta = timedelta(0),
        tip: int = 0,
        fulfil: Row | None = None,
        pay: bool = True,
    ) -> Row:
        """A sale at the till, paid; or an order to be `fulfil`led, by its fulfilment's fields.

        `offline`: how long ago the till made it, without a connection.
        """
        own, at = self.name("ORD"), self.moment()
        made = stamp(datetime.fromisoformat(at) - offline)
        lines, tax_sum, total = [], 0, tip
        for n, (sku, quantity) in enumerate(goods.items()):
            article = self.variation(sku)
            data = article["item_variation_data"]
            price = data["price_money"]["amount"]
            gross = price * quantity
            tax = int((Decimal(gross) * _TAX / 100).quantize(Decimal(1), ROUND_HALF_UP))
            tax_sum, total = tax_sum + tax, total + gross + tax
            lines.append(
                {
                    "uid": f"line{n}-{own}",
                    "name": self.items[data["item_id"]]["item_data"]["name"],
                    "quantity": str(quantity),
                    "catalog_object_id": article["id"],
                    "catalog_version": article["version"],
                    "variation_name": data["name"],
                    "item_type": "ITEM",
                    "base_price_money": cash(price),
                    "variation_total_price_money": cash(gross),
                    "gross_sales_money": cash(gross),
                    "total_tax_money": cash(tax),
                    "total_discount_money": cash(0),
                    "total_money": cash(gross + tax),
                    "applied_taxes": [
                        {"uid": f"at{n}", "tax_uid": "tax", "applied_money": cash(tax)}
                    ],
                }
            )
        order: Row = {
            "id": own,
            "location_id": location,
            "source": {"name": "Square Point of Sale" if fulfil is None else "Square Online"},
            "line_items": lines,
            "taxes": [
                {
                    "uid": "tax",
                    "name": "Sales tax",
                    "type": "ADDITIVE",
                    "percentage": f"{_TAX}",
                    "applied_money": cash(tax_sum),
                    "scope": "ORDER",
                }
            ],
            "total_money": cash(total),
            "total_tax_money": cash(tax_sum),
            "total_discount_money": cash(0),
            "total_tip_money": cash(tip),
            "total_service_charge_money": cash(0),
            "net_amount_due_money": cash(0 if pay else total),
            "state": "COMPLETED" if fulfil is None and pay else "OPEN",
            "created_at": made,
            "updated_at": at,
        }
        if fulfil is not None:
            order |= {"version": 1, "fulfillments": [fulfil]}
        self.orders[own] = order
        if pay:
            self._pay(order, tip, offline)
        if order["state"] == "COMPLETED":
            order["closed_at"] = at
        if pay:
            for line in lines:
                self.adjust(
                    line["catalog_object_id"],
                    location,
                    "IN_STOCK",
                    "SOLD",
                    Decimal(line["quantity"]),
                    occurred_at=made,
                    transaction_id=own,
                )
        return order

    def _pay(self, order: Row, tip: int, offline: timedelta) -> None:
        own, total = self.name("PAY"), order["total_money"]["amount"]
        payment = {
            "id": own,
            "created_at": order["created_at"],
            "updated_at": order["updated_at"],
            "amount_money": cash(total - tip),
            "tip_money": cash(tip),
            "total_money": cash(total),
            "status": "COMPLETED",
            "source_type": "CARD",
            "card_details": {
                "status": "CAPTURED",
                "card": {"card_brand": "VISA", "last_4": "4242"},
            },
            "location_id": order["location_id"],
            "order_id": order["id"],
            "is_offline_payment": bool(offline),
        }
        self.payments[own] = payment
        order["tenders"] = [
            {
                "id": own,
                "location_id": order["location_id"],
                "type": "CARD",
                "amount_money": cash(total),
                "tip_money": cash(tip),
                "card_details": {"status": "CAPTURED", "card": {"card_brand": "VISA"}},
                "payment_id": own,
            }
        ]

    def touch(self, order: Row, **changes: Any) -> Row:
        """Somebody changes an order."""
        order |= changes
        order["updated_at"] = self.moment(order["updated_at"])
        if "version" in order:
            order["version"] += 1
        return order

    def take_back(self, order: Row, goods: Mapping[str, int], *, receipt: bool = True) -> Row:
        """Goods handed back at the till and refunded: an order of its own."""
        own, at = self.name("ORD"), self.moment()
        rows, total = [], 0
        by_article = {line["catalog_object_id"]: line for line in order["line_items"]}
        for n, (sku, quantity) in enumerate(goods.items()):
            line = by_article[self.variation(sku)["id"]]
            amount = line["total_money"]["amount"] * quantity // int(line["quantity"])
            total += amount
            row = {
                "uid": f"back{n}-{own}",
                "name": line["name"],
                "quantity": str(quantity),
                "catalog_object_id": line["catalog_object_id"],
                "item_type": "ITEM",
                "base_price_money": line["base_price_money"],
                "total_money": cash(amount),
            }
            if receipt:
                row["source_line_item_uid"] = line["uid"]
            rows.append(row)
            self.adjust(
                line["catalog_object_id"],
                order["location_id"],
                "RETURNED_BY_CUSTOMER" if receipt else "UNLINKED_RETURN",
                "IN_STOCK",
                Decimal(quantity),
            )
        back: Row = {"uid": f"ret-{own}", "return_line_items": rows}
        back["return_amounts"] = {"total_money": cash(total)}
        if receipt:
            back["source_order_id"] = order["id"]
        made: Row = {
            "id": own,
            "location_id": order["location_id"],
            "source": {"name": "Square Point of Sale"},
            "returns": [back],
            "return_amounts": {"total_money": cash(total)},
            "net_amounts": {"total_money": cash(-total)},
            "state": "COMPLETED",
            "total_money": cash(0),
            "created_at": at,
            "updated_at": at,
            "closed_at": at,
        }
        self.orders[own] = made
        if receipt:
            self.give_back(order["tenders"][0]["payment_id"], total, "Returned goods", own)
        return made

    def give_back(self, payment: str, amount: int, reason: str, order: str | None = None) -> Row:
        """A refund of a payment; it is pending until it is settled."""
        paid, at = self.payments[payment], self.moment()
        made = {
            "id": f"{payment}_{self.name('RFD')}",
            "status": "PENDING",
            "location_id": paid["location_id"],
            "amount_money": cash(amount),
            "payment_id": payment,
            "order_id": order or self.name("ORD"),
            "reason": reason,
            "created_at": at,
            "updated_at": at,
        }
        self.refunds[made["id"]] = made
        paid.setdefault("refund_ids", []).append(made["id"])
        before = paid.get("refunded_money", cash(0))["amount"]
        paid["refunded_money"] = cash(before + amount)
        paid["updated_at"] = self.moment(paid["updated_at"])
        return made

    def settle(self, refund: Row, status: str = "COMPLETED") -> Row:
        """The bank has done it, or not."""
        refund |= {"status": status, "updated_at": self.moment(refund["updated_at"])}
        return refund

"""The conformance kit examines this connector; see docs/guides/conformance.md."""

import copy
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import crossdock
from crossdock.canonical import (
    Address,
    Customer,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    InventoryLevel,
    Money,
    Order,
    OrderLine,
    Payment,
    Price,
    Product,
    Refund,
    RefundLine,
    Return,
    ReturnLine,
    ReturnReceipt,
    ReturnReceiptLine,
    Settlement,
    SettlementSum,
    TaxLine,
    Totals,
    Tracking,
    Variant,
)
from crossdock.identity import entity_id
from crossdock.testing.catalog import CATALOG
from crossdock.testing.conformance import Features, Sample, Subject, conformance
from crossdock.testing.coverage import Coverage
from crossdock_odoo import OdooConfig, open_odoo, translate
from crossdock_odoo.sandbox import OdooSandbox
from crossdock_odoo.sandbox_control import count, report, ship

HERE = Path(__file__).parent
AT = "2026-11-23T10:00:00Z"
CONFIG: dict[str, Any] = {
    "page_size": 3,
    "payment_journals": {"*": "BNK1"},
    "settlement_accounts": {"sales": "400000", "fees": "620000", "payout": "101410"},
}
ORDER = "ord_g2m2jkga66vqkdex5j2gpmdx8a"
SHIPMENT: dict[str, Any] = {
    "picking": {
        "id": 27,
        "name": "WH/OUT/00021",
        "state": "done",
        "date_done": "2026-11-23 03:16:04",
        "write_date": "2026-11-23 03:16:05",
        "warehouse": "WH",
        "tracking": "1ZX9b0001",
        "tracking_url": False,
        "carrier": False,
    },
    "order": {"id": 36, "external": ORDER},
    "lines": [
        {
            "sale_line_id": 69,
            "external": f"{ORDER}_gid_3a_2f_2f1",
            "move_id": 68,
            "sku": "TOTE",
            "quantity": 1.0,
        },
    ],
}
STOCK: dict[str, Any] = {
    "product_id": 173,
    "sku": "TOTE",
    "warehouse": "WH",
    "on_hand": 10.25,
    "reserved": 12.0,
    "write_date": "2026-11-23 03:16:13",
}


WRITTEN = "2026-11-28T23:56:20Z"
"""When nearly all of told.json was written: Odoo's times are UTC and say no zone."""


def sample(topic: str, body: Any, *says: str, means: tuple[str, ...] = ()) -> Sample:
    """A record as the poller composes it."""
    return Sample(topic=topic, data=json.dumps(body).encode(), says=says, means=means)


def documents() -> list[Sample]:
    """What snapshots tell of a sandbox in which things were sold; see told.md."""
    told = json.loads((HERE / "told.json").read_text("utf-8"))
    return [
        Sample(
            topic=one["topic"],
            data=json.dumps(one["body"]).encode(),
            says=tuple(one["says"]),
            means=("2026-11-28T23:56:19Z" if name == "payment" else WRITTEN,),
            name=name,
        )
        for name, one in told.items()
    ]


SAMPLES = [
    sample(
        "stock.picking",
        SHIPMENT,
        "fulfillment.shipped",
        means=("2026-11-23T03:16:04Z", "2026-11-23T03:16:05Z"),
    ),
    sample("stock.level", STOCK, "inventory.level_changed", means=("2026-11-23T03:16:13Z",)),
    *documents(),
]


def coverages() -> list[Coverage]:
    """What becomes of every field of every record; the words are in coverage.json."""
    words = json.loads((HERE / "coverage.json").read_text("utf-8"))
    return [
        Coverage(
            name=topic,
            samples=[one for one in SAMPLES if one.topic == topic],
            translate=translate,
            told=words.get(topic, {}).get("told", {}),
            ignored=words.get(topic, {}).get("ignored", {}),
        )
        for topic in sorted({one.topic for one in SAMPLES})
    ]


def later() -> Sample:
    """The same stock an hour on."""
    return sample("stock.level", {**STOCK, "on_hand": 9.0, "write_date": "2026-11-23 04:16:13"})


def an_order(number: int, what: str = "") -> Order:
    """Two mugs, one line; another order for each number and each purpose."""
    called = f"{what}{number}"
    price = Money(amount=Decimal("12.50"), currency="USD")
    tax = TaxLine(
        title="VAT", rate=Decimal("0.19"), amount=Money(amount=Decimal("4.75"), currency="USD")
    )
    home = Address(full_name="Ada Byron", lines=("1 Main St",), locality="Palo Alto", country="US")
    line = OrderLine(
        line_id=f"{number}1",
        sku="MUG-BLUE",
        title="Mug",
        ordered=Decimal(2),
        unit_price=price,
        taxes=(tax,),
    )
    return Order(
        id=entity_id("web", "order", called),
        number=f"#{called}",
        placed_at="2026-11-20T14:03:22Z",
        currency="USD",
        lines=(line,),
        totals=Totals(total=Money(amount=Decimal("29.75"), currency="USD")),
        customer=EntityRef(id=entity_id("web", "customer", str(number))),
        customer_name="Ada Byron",
        billing_address=home,
        shipping_address=home,
    )


def wish(type_: str, data: Any, **more: Any) -> crossdock.Command[Any]:
    """One command about one entity."""
    return crossdock.Command(
        id=f"cmd_{type_}_{data.id}", type=type_, data=data, entity_id=data.id or "", **more
    )


@dataclass
class Said:
    """An answer without a wire."""

    told: Any
    status: int = 200

    def json(self) -> Any:
        return self.told


@dataclass
class Inside:
    """The connector's HTTP client, if it sat in the sandbox: each call is a `box.run`."""

    box: OdooSandbox
    name: str = "inside"

    async def __aenter__(self) -> "Inside":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    async def get(self, _: str, **__: Any) -> Said:
        return Said({"version_info": [self.box.version, 0, 0, "final", 0, ""]})

    async def post(self, path: str, *, json: dict[str, Any], **_: Any) -> Said:
        _, _, model, method = path.split("/")
        ids, context = json.pop("ids", None), json.pop("context", {})
        return Said(self.box.run(model, method, ids, context, **copy.deepcopy(json)))


@dataclass(frozen=True, kw_only=True)
class InsideContext(crossdock.Context):
    """Opens nothing."""

    box: OdooSandbox

    def http(self, **_: Any) -> Any:
        return Inside(self.box)


def prepared(box: OdooSandbox, *before: crossdock.Command[Any]) -> None:
    """What was wished for earlier has happened; once for each box. Nothing here ever waits."""

    async def happen() -> None:
        told = {**box.connection("http://inside"), **CONFIG}
        told.pop("connector")
        context = InsideContext(connection="inside", box=box)
        async with open_odoo(OdooConfig(**told), context) as odoo:
            for command in before:
                await odoo.apply(command)

    done = box.__dict__.setdefault("prepared", set())
    before = tuple(command for command in before if command.id not in done)
    done |= {command.id for command in before}
    if not before:
        return
    try:
        happen().send(None)
    except StopIteration:
        return
    raise AssertionError("a call inside the sandbox waited for something")


def once(box: OdooSandbox, what: str, make: Callable[[], object]) -> None:
    """Make it, if this box has not seen it made."""
    done = box.__dict__.setdefault("prepared", set())
    if what not in done:
        done.add(what)
        make()


def ordered(box: OdooSandbox, what: str, number: int) -> Order:
    """An order that Odoo has."""
    order = an_order(number, what)
    prepared(box, wish("order.create", order))
    return order


def shipped(box: OdooSandbox, what: str, number: int) -> Order:
    """An order whose goods have left."""
    order = ordered(box, what, number)

    def leave() -> None:
        for picking in pickings(box, order):
            box.run("stock.picking", "button_validate", [picking])

    once(box, f"{order.id} left", leave)
    return order


def native(box: OdooSandbox, order: Order) -> int:
    """The sales order behind ours."""
    named = box.store.tables["ir.model.data"].rows.values()
    return next(int(row["res_id"]) for row in named if row["name"] == order.id)


def pickings(box: OdooSandbox, order: Order) -> list[int]:
    return [row["id"] for row in box.store.by("stock.picking", "sale_id", native(box, order))]


def invoiced(box: OdooSandbox, what: str, number: int) -> Order:
    """An order whose goods have left and whose invoice is posted."""
    order = shipped(box, what, number)

    def bill() -> None:
        asked = {
            "advance_payment_method": "delivered",
            "sale_order_ids": [[6, 0, [native(box, order)]]],
        }
        wizard = box.run("sale.advance.payment.inv", "create", vals_list=[asked])
        made = box.run("sale.advance.payment.inv", "create_invoices", wizard)
        box.run("account.move", "action_post", [made["res_id"]])

    once(box, f"{order.id} billed", bill)
    return order


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


def create(_: OdooSandbox, number: int) -> crossdock.Command[Any]:
    """A new order."""
    return wish("order.create", an_order(number))


def update(box: OdooSandbox, number: int) -> crossdock.Command[Any]:
    """One mug instead of two."""
    order = ordered(box, "update", number)
    fewer = order.lines[0].model_copy(update={"ordered": Decimal(1)})
    return wish("order.update", order.model_copy(update={"lines": (fewer,)}))


def cancel(box: OdooSandbox, number: int) -> crossdock.Command[Any]:
    return wish("order.cancel", ordered(box, "cancel", number))


def hold(box: OdooSandbox, number: int) -> crossdock.Command[Any]:
    return wish("order.hold", ordered(box, "hold", number))


def release(box: OdooSandbox, number: int) -> crossdock.Command[Any]:
    order = ordered(box, "release", number)
    prepared(box, wish("order.hold", order))
    return wish("order.release", order)


def send(box: OdooSandbox, number: int) -> crossdock.Command[Any]:
    """Both mugs left elsewhere."""
    order = ordered(box, "send", number)
    data = Fulfillment(
        id=entity_id("dc1", "fulfillment", str(number)),
        order=EntityRef(id=order.id),
        number=f"F{number}",
        location="WH",
        lines=(FulfillmentLine(line_id=order.lines[0].line_id, quantity=Decimal(2)),),
        tracking=(Tracking(number=f"1Z{number}", carrier="UPS"),),
    )
    return wish("fulfillment.create", data)


def a_return(order: Order, number: int) -> Return:
    """One of the mugs is to come back."""
    line = ReturnLine(
        line_id=order.lines[0].line_id, requested=Decimal(1), authorised=Decimal(1), reason="size"
    )
    return Return(
        id=entity_id("web", "return", order.number),
        order=EntityRef(id=order.id),
        number=f"RMA-{number}",
        lines=(line,),
        requested_at=AT,
    )


def take_back(box: OdooSandbox, number: int) -> crossdock.Command[Any]:
    return wish("return.create", a_return(shipped(box, "return", number), number))


def call_off(box: OdooSandbox, number: int) -> crossdock.Command[Any]:
    data = a_return(shipped(box, "call off", number), number)
    prepared(box, wish("return.create", data))
    return wish("return.cancel", data)


def receive(box: OdooSandbox, number: int) -> crossdock.Command[Any]:
    """The mug came back and may be sold again."""
    order = shipped(box, "receive", number)
    asked = a_return(order, number)
    prepared(box, wish("return.create", asked))
    line = ReturnReceiptLine(
        line_id=order.lines[0].line_id,
        quantity=Decimal(1),
        condition="new",
        disposition="restock",
        restocked=Decimal(1),
    )
    data = ReturnReceipt(
        id=entity_id("dc1", "return_receipt", str(number)),
        return_ref=EntityRef(id=asked.id),
        order=EntityRef(id=order.id),
        location="WH",
        received_at=AT,
        lines=(line,),
    )
    return wish("return_receipt.create", data)


def give_back(box: OdooSandbox, number: int) -> crossdock.Command[Any]:
    """The money for one mug, of an invoice."""
    order = invoiced(box, "refund", number)
    line = RefundLine(line_id=order.lines[0].line_id, quantity=Decimal(1), amount=usd("14.88"))
    data = Refund(
        id=entity_id("web", "refund", str(number)),
        order=EntityRef(id=order.id),
        state="succeeded",
        amount=usd("14.88"),
        requested_at=AT,
        settled_at=AT,
        lines=(line,),
    )
    return wish("refund.create", data)


def pay(box: OdooSandbox, number: int) -> crossdock.Command[Any]:
    """The whole of an invoice."""
    order = invoiced(box, "pay", number)
    data = Payment(
        id=entity_id("web", "payment", str(number)),
        order=EntityRef(id=order.id),
        method="card",
        provider="stripe",
        currency="USD",
        captured=usd("29.75"),
        authorised_at=AT,
    )
    return wish("payment.create", data)


def settle(_: OdooSandbox, number: int) -> crossdock.Command[Any]:
    """What a marketplace paid out after its fees."""
    sums = {"sales": f"{100 + number}.10", "fees": "-15.05"}
    data = Settlement(
        id=entity_id("amazon", "settlement", str(number)),
        number=f"S{number}",
        channel="amazon",
        period_start="2026-11-01T00:00:00Z",
        period_end="2026-11-15T00:00:00Z",
        currency="USD",
        sums=tuple(SettlementSum(category=what, amount=usd(sum_)) for what, sum_ in sums.items()),
        total=usd(f"{85 + number}.05"),
    )
    return wish("settlement.create", data)


def publish(_: OdooSandbox, number: int) -> crossdock.Command[Any]:
    """A new thing in two sizes."""
    variants = tuple(
        Variant(
            variant_id=f"{number}{size}",
            sku=f"NEW-{number}-{size}",
            options={"Size": size},
            list_price=usd("12.00"),
        )
        for size in ("S", "M")
    )
    data = Product(
        id=entity_id("web", "product", str(number)), name=f"New {number}", variants=variants
    )
    return wish("product.publish", data)


def price(_: OdooSandbox, number: int) -> crossdock.Command[Any]:
    """What the number-th thing costs."""
    data = Price(
        id=entity_id("pim", "price", str(number)),
        sku=CATALOG[number % len(CATALOG)].sku,
        amount=usd(f"{200 + number}.50"),
    )
    return wish("price.publish", data)


def customer(_: OdooSandbox, number: int) -> crossdock.Command[Any]:
    """Somebody with two addresses."""
    home = Address(lines=("1 Main St",), locality="Palo Alto", region="CA", country="US")
    work = Address(full_name="Ada (work)", lines=("5 Mission St",), country="US")
    data = Customer(
        id=entity_id("crm", "customer", str(number)),
        name=f"Ada {number}",
        email=f"ada{number}@example.com",
        addresses=(home, work),
        tags=("vip",),
    )
    return wish("customer.publish", data)


def level(_: OdooSandbox, number: int) -> crossdock.Command[Any]:
    """So much of the number-th thing."""
    data = InventoryLevel(
        id=entity_id("web", "inventory", str(number)),
        sku=CATALOG[number % len(CATALOG)].sku,
        location="WH",
        on_hand=Decimal(100 + number),
        available=Decimal(100 + number),
    )
    return wish("inventory.publish", data)


def change(box: OdooSandbox, number: int) -> str:
    """Somebody ships what is due, counts the number-th thing anew, and two seconds pass."""
    ship(box, two_parcels=0, seed=1)
    sku = CATALOG[number % len(CATALOG)].sku
    count(box, sku, 1_000.0 + box.calls.total() + number + box.offset_s)
    box.offset_s += 2
    return f"stock:{sku}@WH"


def effects(box: OdooSandbox) -> object:
    """Orders with their lines, shipments both ways, stock, books, goods and people."""
    told, tables = report(box), box.store.tables
    orders = [
        (
            one["external_id"],
            one["state"],
            one["amount_total"],
            [(line["sku"], line["quantity"], line["delivered"]) for line in one["lines"]],
        )
        for one in told["orders"]
    ]
    moved = [
        (p["order_external_id"], p["state"], p["tracking"], sorted(p["lines"].values()))
        for p in told["pickings"]
    ]
    books = [
        (row["move_type"], row["state"], row["amount_total"], row["ref"])
        for row in tables["account.move"].rows.values()
    ]
    paid = [(row["state"], row["amount"]) for row in tables["account.payment"].rows.values()]
    goods = [
        (row["default_code"], row["list_price"], row["active"])
        for row in tables["product.product"].rows.values()
    ]
    people = [(row["name"], row["email"]) for row in tables["res.partner"].rows.values()]
    return orders, moved, told["stock"], books, paid, goods, people


def holds(box: OdooSandbox, kind: str) -> Collection[str]:
    """Keys of what is there."""
    told = report(box)
    if kind == "inventory":
        rows = box.store.tables["product.product"].rows.values()
        goods = [
            row["default_code"] for row in rows if row["barcode"] or "NEW" in row["default_code"]
        ]
        return [f"stock:{sku}@WH" for sku in goods]
    if kind == "order":
        return [f"order:{one['external_id'].partition('.')[2]}" for one in told["orders"]]
    done = [one["order_external_id"] for one in told["pickings"] if one["state"] == "done"]
    return [f"order:{external.partition('.')[2]}" for external in done]


SUBJECT = Subject(
    connector="odoo",
    features=Features(
        polls=True,
        applies=True,
        batches=True,
        probes=True,
        snapshots=("inventory", "order", "fulfillment"),
    ),
    home=HERE.parent,
    config=CONFIG,
    samples=SAMPLES,
    newer=[SAMPLES[1], later()],
    change=change,
    commands={
        "order.create": create,
        "order.update": update,
        "order.cancel": cancel,
        "order.hold": hold,
        "order.release": release,
        "inventory.publish": level,
        "fulfillment.create": send,
        "return.create": take_back,
        "return.cancel": call_off,
        "return_receipt.create": receive,
        "refund.create": give_back,
        "payment.create": pay,
        "settlement.create": settle,
        "product.publish": publish,
        "price.publish": price,
        "customer.publish": customer,
    },
    effects=effects,
    holds=holds,
    coverage=coverages(),
)
test_conformance = conformance(SUBJECT)

"""The sandbox is held to what real servers answered: every recorded request is sent to it again.

Requests go in order to two sandboxes for each version: one that knows what the lab's database knew
before anything was set up (flows 01 to 04, and 11), and one seeded like the lab after that, so that
ids tie the steps of the later flows together. Compared are the HTTP status, the name of an error,
the shape of the answer, and then the whole answer, words included, but for times, tracebacks and
ids of `ir.model.data`; what a call did shows in the answers to later ones.

recordings/differences.tsv lists each recording that is answered otherwise: how (`status`, `error`,
`shape`, `values`; `unsent` is never sent), and why. A difference that is not listed fails, and so
does a line without one.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from crossdock_odoo import sandbox_seed
from crossdock_odoo.sandbox import OdooSandbox

RECORDINGS = Path(__file__).parent / "recordings"
TABLE = RECORDINGS / "differences.tsv"
EARLY = (
    "01-session",
    "02-fields",
    "03-setup-master-data",
    "11-inventory-adjustment",
    "04-catalog-and-availability",
)
"""What was sent before the later flows found their ids."""
LATER = (
    "05-partner",
    "06-sale-order",
    "07-confirm-and-reservation",
    "08-partial-shipment",
    "09-cancel",
    "10-invoice-return-credit",
    "12-incremental-polling",
    "13-errors",
    "14-access-rights",
    "15-concurrency",
    "16-point-of-sale",
    "17-wire-format",
)
LEGACY = ("01-jsonrpc", "02-xmlrpc", "03-web-session", "04-xmlrpc-none")


@dataclass(frozen=True)
class Books:
    """Where the ids of accounting stood when flow 10 began; those of 19.0."""

    sales: tuple[int, str] = (1, "Sales")
    bank: int = 6
    method: tuple[int, str] = (1, "Manual Payment (Bank)")
    income: int = 26
    tax: int = 21
    receivable: int = 5
    included_account: int = 26
    move: int = 65
    line: int = 165
    number: int = 11
    refund_number: int = 6
    receipts: int = 1
    next_receipt: int = 7
    jumps: Mapping[str, Mapping[str, int]] = field(
        default_factory=lambda: {
            "01": {"stock.move": 77},
            "27": {"account.move.line": 180},
        }
    )
    """Ids that the lab had used up by a step of flow 10, for records that are not recorded."""


@dataclass(frozen=True)
class Lab:
    """Where the ids of one lab database stood when flow 05 began."""

    version: int
    folder: str
    database: str
    mark: str
    partner: int
    product: int
    included_tax: int
    pricelist: int
    euro: int
    location: int
    east_location: int
    east: int
    customers: tuple[int, str]
    move: int
    wizard: int
    line: int = 69
    picking: int = 27
    move_line: int = 63
    quant: int = 54
    carrier: int = 5
    east_type: int = 29
    barcode: str = "217954037527"
    books: Books = field(default_factory=Books)


LABS = (
    Lab(
        19, "19.0/json-2", "lab19", "X9b", 52, 173, 52, 5, 126, 5, 46, 5, (2, "Customers"), 68, 944
    ),
    Lab(
        18,
        "18.0/jsonrpc",
        "lab18",
        "R18b",
        51,
        68,
        4,
        4,
        125,
        8,
        47,
        5,
        (5, "Partners/Customers"),
        67,
        896,
        books=Books(
            sales=(3, "Customer Invoices"),
            bank=8,
            method=(3, "Manual Payment (Bank)"),
            income=28,
            tax=23,
            receivable=7,
            included_account=28,
            move=4,
            line=21,
            number=2,
            refund_number=2,
            jumps={"01": {"stock.move": 76}, "27": {"account.move.line": 36}},
        ),
    ),
    Lab(
        17,
        "17.0/jsonrpc",
        "lab17",
        "R17b",
        49,
        67,
        5,
        4,
        126,
        8,
        47,
        5,
        (5, "Partners/Customers"),
        85,
        871,
        line=68,
        picking=37,
        move_line=76,
        quant=71,
        carrier=4,
        east_type=20,
        barcode="217954047927",
        books=Books(
            sales=(1, "Customer Invoices"),
            method=(1, "Manual"),
            income=24,
            tax=19,
            receivable=6,
            included_account=24,
            move=34,
            line=99,
            number=6,
            refund_number=7,
            jumps={
                "01": {"stock.move": 94},
                "24": {"account.move": 37},
                "27": {"account.move.line": 115},
            },
        ),
    ),
)

TIMES = {
    19: {
        "05": 0,
        "07-confirm-and-reservation/13": 3,
        "09-cancel/05": 5,
        "09-cancel/07": 6,
        "12": 13,
    },
    18: {
        "05": 5,
        "07-confirm-and-reservation/13": 7,
        "09-cancel/07": 8,
        "09-cancel/12": 9,
        "12": 15,
    },
}
"""The second of 03:16 at which the lab was, from a step on; the polling flow asks by such times."""
INVOICED = {19: 10, 18: 12}
"""When order 36 was invoiced, in flow 10, which moved its `write_date`."""


def _steps(folder: str, flows: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path below the recordings without `.json`, and content."""
    for flow in flows:
        for path in sorted((RECORDINGS / folder / flow).glob("*.json")):
            yield f"{folder}/{flow}/{path.stem}", json.loads(path.read_text())


def _listed() -> dict[str, tuple[str, str]]:
    """Kind and reason of each recording that is answered otherwise."""
    rows = (line.split("\t") for line in TABLE.read_text().splitlines()[1:])
    return {path: (kind, reason) for path, kind, reason in rows}


def laboratory(lab: Lab) -> OdooSandbox:
    """A sandbox that knows what the lab's database knew after flow 04 and 11/07."""
    box = OdooSandbox(version=lab.version, database=lab.database, seed=False)
    box.store.clock, box.store.now = _at(0), _at(0)()
    store, stock, mark = box.store, box.methods.stock, lab.mark
    store.begin()
    sandbox_seed.basics(store)
    euro = {**store.tables["res.currency"].rows[2], "rate": 1.2834}
    store.put("res.currency", 2, None)
    store.insert("res.currency", euro, lab.euro)
    store.insert("res.country", {"code": "US", "name": "United States"}, 233)
    state = {"code": "CA", "name": "California", "country_id": 233}
    store.insert("res.country.state", state, 13)
    customers, shown = lab.customers
    place = {"name": "Customers", "complete_name": shown, "usage": "customer"}
    stock.customers = store.insert("stock.location", place, customers)["id"]
    houses = (
        (1, "WH", "YourCompany", lab.location),
        (lab.east, f"W{mark}", f"East {mark}", lab.east_location),
    )
    for number, code, name, location in houses:
        store.insert(
            "stock.location",
            {
                "name": "Stock",
                "complete_name": f"{code}/Stock",
                "usage": "internal",
                "warehouse_id": number,
            },
            location,
        )
        kind = {"name": "Delivery Orders", "code": "outgoing", "warehouse_id": number}
        kind_id = store.insert("stock.picking.type", kind, 2 if number == 1 else lab.east_type)[
            "id"
        ]
        store.insert(
            "stock.warehouse",
            {
                "code": code,
                "name": name,
                "company_id": 1,
                "lot_stock_id": location,
                "out_type_id": kind_id,
            },
            number,
        )
    stock.next_picking[1] = 21
    for number, name, amount, included in (
        (1, "15%", 15.0, False),
        (lab.included_tax, "VAT", 20.0, True),
    ):
        tax = {"name": name, "amount": amount, "amount_type": "percent", "type_tax_use": "sale"}
        store.insert("account.tax", {**tax, "price_include": included, "company_id": 1}, number)
    default = 3 if lab.version == 19 else 2
    store.insert("product.pricelist", {"name": "Default", "currency_id": 1}, default)
    web = {"name": f"Web EUR {mark}", "currency_id": lab.euro, "percent_price": 10.0}
    store.insert("product.pricelist", web, lab.pricelist)
    carrier = {
        "name": f"Courier {mark}",
        "tracking_url": lab.version > 17
        and "https://track.example.com/?n=<shipmenttrackingnumber>",
    }
    store.insert("delivery.carrier", carrier, lab.carrier)
    first = lab.product
    goods = (
        (first, "TOTE", f"Canvas tote {mark}", 19.9, 0.35, False, [1]),
        (first + 1, "MUG", f"Enamel mug {mark}", 12.345, 0.4, False, [1]),
        (first + 2, "WRAP", f"Gift wrap {mark}", 3.0, 0.0, True, [lab.included_tax]),
        (first + 3, "TEE-S", f"Tee {mark} (S)", 25.0, 0.0, False, [1]),
        (first + 4, "TEE-M", f"Tee {mark} (M)", 25.0, 0.0, False, [1]),
        (first + 5, "TEE-L", f"Tee {mark} (L)", 25.0, 0.0, False, [1]),
        (first + 6, "SHIP", f"Courier {mark}", 7.5, 0.0, True, [1]),
    )
    for number, code, name, price, weight, service, taxes in goods:
        barcode = lab.barcode if code == "TOTE" else False
        sandbox_seed.product(
            store,
            name,
            f"{mark}-{code}",
            price,
            barcode=barcode,
            weight=weight,
            service=service,
            record=number,
        )
        policy = "delivery" if code in ("TOTE", "TEE-S", "TEE-M", "TEE-L") else "order"
        cost = {"TOTE": 7.25, "MUG": 3.1}.get(code, 0.0)
        own = {"taxes_id": taxes, "invoice_policy": policy, "standard_price": cost}
        store.update("product.product", number, **own)
    counts = (
        (lab.quant, first, lab.location, 10.0),
        (lab.quant + 1, first, lab.east_location, 4.0),
        (lab.quant + 2, first + 1, lab.location, 6.0),
        (lab.quant + 3, first + 3, lab.location, 50.0),
        (lab.quant + 4, first + 4, lab.location, 50.0),
        (lab.quant + 5, first + 5, lab.east_location, 3.0),
    )
    for number, product, location, quantity in counts:
        quant = {"product_id": product, "location_id": location, "quantity": quantity}
        store.insert("stock.quant", quant, number)
    starts = {
        "res.partner": lab.partner,
        "sale.order": 36,
        "sale.order.line": lab.line,
        "stock.picking": lab.picking,
        "stock.move": lab.move,
        "stock.move.line": lab.move_line,
        "stock.backorder.confirmation": 2,
    }
    for model, number in starts.items():
        store.tables[model].next_id = number
    box.methods.sale.next_number = 37
    _one_tee(box, lab)
    _books(box, lab)
    _till(box, lab)
    return box


def beginnings(lab: Lab) -> OdooSandbox:
    """A sandbox that knows what flow 03 found, but for the demo data."""
    box = OdooSandbox(version=lab.version, database=lab.database, seed=False)
    box.store.clock = _at(0)
    store = box.store
    store.begin()
    sandbox_seed.basics(store)
    euro = store.tables["res.currency"].rows[2]
    store.put("res.currency", 2, None)
    store.insert("res.currency", euro, lab.euro)
    customers, shown = lab.customers
    place = {"name": "Customers", "complete_name": shown, "usage": "customer"}
    box.methods.stock.customers = store.insert("stock.location", place, customers)["id"]
    setup = dict(_steps(lab.folder, EARLY))

    def told(step: str) -> Any:
        return _body(setup[f"{lab.folder}/{step}"])

    starts = {
        "stock.location": lab.location,
        "stock.move": told("11-inventory-adjustment/09-moves-of-that-product")[0]["id"] - 5,
        "stock.picking.type": 2,
        "stock.quant": lab.quant,
        "product.product": lab.product,
    }
    for model, number in starts.items():
        store.tables[model].next_id = number
    tax = {"name": "15%", "amount": 15.0, "amount_type": "percent", "type_tax_use": "sale"}
    store.insert("account.tax", {**tax, "company_id": 1})
    sandbox_seed.warehouse(store, box.methods.stock, "WH", "YourCompany")
    store.tables["stock.location"].next_id = lab.east_location
    store.tables["stock.picking.type"].next_id = lab.east_type
    values = told("03-setup-master-data/13-attribute-values")
    store.tables["product.attribute.value"].next_id = values[0]["id"]
    variants = told("03-setup-master-data/15-read-the-generated-variants")
    (first,) = variants[0]["product_template_attribute_value_ids"]
    store.tables["product.template.attribute.value"].next_id = first
    return box


def _body(step: Mapping[str, Any]) -> Any:
    """What a call answered, through either API."""
    body = step["response"]["body"]
    return body.get("result") if isinstance(body, dict) and "jsonrpc" in body else body


def _till(box: OdooSandbox, lab: Lab) -> None:
    """Payment methods and the points of sale that were there; their numbers from flow 16."""
    store = box.store
    for name, step in _steps(lab.folder, ("16-point-of-sale",)):
        rows = _body(step) if isinstance(step["response"]["body"], dict | list) else None
        if name.endswith("payment-methods"):
            for row in rows:
                values = {key: row[key] for key in ("name", "type", "is_cash_count")}
                journal = _journal(box, row["journal_id"])
                values["journal_id"] = journal
                store.insert("pos.payment.method", values, row["id"])
        if name.endswith("01-pos-configs"):
            for row in rows:
                values = {"name": row["name"], "payment_method_ids": row["payment_method_ids"]}
                shared = {"company_id": 1, "currency_id": 1, "warehouse_id": 1}
                values["journal_id"] = _journal(box, row["journal_id"])
                values["picking_type_id"] = row["picking_type_id"][0]
                store.insert("pos.config", {**values, **shared}, row["id"])
    kind = {"name": "PoS Orders", "code": "outgoing", "warehouse_id": 1}
    store.insert("stock.picking.type", kind, 17)
    starts = {
        17: {"pos.session": 3},
        19: {"pos.session": 3, "pos.order": 5, "pos.order.line": 9, "pos.payment": 5},
    }
    for model, number in starts.get(lab.version, {}).items():
        store.tables[model].next_id = number


def _journal(box: OdooSandbox, told: Any) -> Any:
    """The journal that a many2one of a recording tells."""
    if not told:
        return False
    number, name = told
    if number not in box.store.tables["account.journal"].rows:
        box.store.insert("account.journal", {"name": name}, number)
    return number


def _one_tee(box: OdooSandbox, lab: Lab) -> None:
    """The three tees are variants of one template, as flow 03 made them."""
    store, setup = box.store, dict(_steps(lab.folder, ("03-setup-master-data",)))
    made = _body(setup[f"{lab.folder}/03-setup-master-data/14-create-template-with-variants"])
    template = made[0] if isinstance(made, list) else made
    first = store.row("product.product", lab.product + 3)
    shared = store.row("product.template", first["product_tmpl_id"])
    store.insert("product.template", {**shared, "name": f"Tee {lab.mark}"}, template)
    attribute = store.insert("product.attribute", {"name": "Size", "create_variant": "always"})
    line = {"product_tmpl_id": template, "attribute_id": attribute["id"]}
    line_id = store.insert("product.template.attribute.line", line)["id"]
    for number, size in enumerate("SML", lab.product + 3):
        owner = {"attribute_id": attribute["id"], "name": size}
        value = store.insert("product.attribute.value", owner)["id"]
        chosen = {**line, "attribute_line_id": line_id, "product_attribute_value_id": value}
        own = store.insert("product.template.attribute.value", chosen)["id"]
        old = store.row("product.product", number)["product_tmpl_id"]
        store.put("product.template", old, None)
        variant = {"name": f"Tee {lab.mark}", "product_tmpl_id": template}
        variant["product_template_attribute_value_ids"] = [own]
        store.update("product.product", number, **variant)


def _books(box: OdooSandbox, lab: Lab) -> None:
    """Accounts, journals and counters of flow 10."""
    store, books = box.store, lab.books
    for number, code, name, kind in (
        (books.income, "400000", "Product Sales", "income"),
        (books.tax, "251000", "Tax Received", "liability_current"),
        (books.receivable, "121000", "Account Receivable", "asset_receivable"),
        (900, "101401", "Bank", "asset_cash"),
    ):
        account = {"code": code, "name": name, "account_type": kind}
        store.insert("account.account", account, number)
    method, method_name = books.method
    store.insert("account.payment.method.line", {"name": method_name}, method)
    number, name = books.sales
    store.insert("account.journal", {"code": "INV", "name": name, "type": "sale"}, number)
    bank = {"code": "BNK1", "name": "Bank", "type": "bank", "inbound_method_id": method}
    store.insert("account.journal", bank, books.bank)
    receipts = {"name": "Receipts", "code": "incoming", "warehouse_id": 1}
    store.insert("stock.picking.type", receipts, books.receipts)
    store.update("stock.picking.type", 2, return_picking_type_id=books.receipts)
    box.methods.stock.returns.next_receipt[1] = books.next_receipt
    box.methods.account.next_number |= {"INV": books.number, "RINV": books.refund_number}
    starts = {
        "account.move": books.move,
        "account.move.line": books.line,
        "account.payment": 2,
        "account.payment.register": 2,
        "account.move.reversal": 2,
        "sale.advance.payment.inv": 3,
        "stock.return.picking": 2,
        "stock.return.picking.line": 3,
    }
    for model, first in starts.items():
        store.tables[model].next_id = first


@dataclass(frozen=True)
class Difference:
    """How an answer differs, and in what words to tell it."""

    kind: str
    said: str


async def _replay(lab: Lab, listed: Mapping[str, tuple[str, str]]) -> dict[str, Difference]:
    """Differences by path; what is listed as `unsent` is not sent."""
    root = lab.folder.partition("/")[0]
    found: dict[str, Difference] = {}
    box = beginnings(lab)
    for name, step in _steps(lab.folder, EARLY):
        if listed.get(name, ("",))[0] != "unsent" and (how := await _sent(box, step)):
            found[name] = how
    box = laboratory(lab)
    for name, step in _steps(lab.folder, LATER):
        short = name.removeprefix(f"{lab.folder}/")
        _meanwhile(box, lab, short)
        if listed.get(name, ("",))[0] == "unsent":
            if short.endswith("delivery-wizard-confirm"):
                _what_the_wizard_does(box, lab)
            continue
        if how := await _sent(box, step):
            found[name] = how
    for name, step in _steps(f"{root}/legacy-rpc", LEGACY):
        if listed.get(name, ("",))[0] != "unsent" and (how := await _sent(box, step)):
            found[name] = how
    return found


def _meanwhile(box: OdooSandbox, lab: Lab, short: str) -> None:
    """The lab's clock and counters at a step, and what happened that is not recorded."""
    box.store.clock = _at(
        max(
            (time for start, time in TIMES.get(lab.version, {}).items() if short >= start),
            default=0,
        )
    )
    if short.startswith("12-incremental-polling/01") and lab.version in INVOICED:
        now = box.store.clock
        box.store.clock = _at(INVOICED[lab.version])
        box.run("sale.order", "write", [36], vals={"origin": "shopify"})
        box.store.clock = now
    if short.startswith("10-invoice-return-credit/01"):
        box.store.put("res.currency", lab.euro, _of_the_day(box, lab))
    if short.startswith("10-"):
        for model, number in lab.books.jumps.get(short[25:27], {}).items():
            box.store.tables[model].next_id = number


def _as_the_lab_counted(box: OdooSandbox, step: dict[str, Any]) -> None:
    """A record that is made gets the id that it had in the lab: others used up the ones before."""
    request = step["request"]
    model, method = "", ""
    match request["path"].split("/"):
        case ["", "json", "2", model, method]:
            pass
        case _ if isinstance(request.get("body"), dict):
            args = request.get("body").get("params", {}).get("args", [])
            model, method = args[3:5] if len(args) > 4 else ("", "")
    body = step["response"]["body"]
    made = body.get("result") if isinstance(body, dict) else body
    first = made[0] if isinstance(made, list) and made else made
    if method == "create" and isinstance(first, int) and model in box.store.tables:
        table = box.store.tables[model]
        if first not in table.rows:
            table.next_id = first


async def _sent(box: OdooSandbox, step: dict[str, Any]) -> Difference | None:
    _as_the_lab_counted(box, step)
    request = step["request"]
    body = request.get("body", request.get("body_text"))
    text = body if isinstance(body, str) else json.dumps(body)
    text = text.replace("<api-key-of-admin>", box.api_key)
    headers = {
        key: value.replace("<api-key-of-admin>", box.api_key)
        for key, value in request["headers"].items()
    }
    transport = httpx.ASGITransport(app=box.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://odoo") as client:
        answer = await client.request(
            request["method"],
            request["path"],
            content=None if body is None else text,
            headers=headers,
        )
    got: Any = answer.text
    if "json" in answer.headers.get("content-type", ""):
        got = answer.json()
    wanted = step["response"]["body"]
    status = step["response"]["status"]
    if answer.status_code != status:
        return Difference("status", f"{answer.status_code}, recorded {status}: {got}")
    if isinstance(wanted, str):
        return None
    if _error(got) != _error(wanted):
        said = f"{_error(got)}, recorded {_error(wanted)}: {got}"
        return Difference("error", said)
    if said := _misshapen(wanted, got, ""):
        return Difference("shape", said)
    if said := _difference(wanted, got, ""):
        return Difference("values", said)
    return None


def _error(body: Any) -> str:
    """The name of the exception in an answer, or nothing."""
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"].get("data")
    if isinstance(body, dict) and {"name", "message", "arguments"} <= body.keys():
        return str(body["name"])
    return ""


def _misshapen(wanted: Any, got: Any, where: str) -> str:
    """Another structure: keys, kinds of values; `false` stands for nothing at any place."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        if "xml_id" in wanted:
            return ""  # an action for a browser: `_difference` looks at what is of use
        if wanted.keys() != got.keys():
            less, more = sorted(wanted.keys() - got.keys()), sorted(got.keys() - wanted.keys())
            return f"{where}: lacks {less}, has {more}"
        parts = (_misshapen(value, got[key], f"{where}/{key}") for key, value in wanted.items())
        return next((part for part in parts if part), "")
    if isinstance(wanted, list) and isinstance(got, list):
        pairs = zip(wanted, got, strict=False)
        parts = (_misshapen(a, b, f"{where}/{index}") for index, (a, b) in enumerate(pairs))
        return next((part for part in parts if part), "")
    if wanted is False or got is False or wanted is None or got is None:
        return (
            "" if not isinstance(wanted, dict) and not isinstance(got, dict) else f"{where}: {got}"
        )
    numbers = isinstance(wanted, int | float) and isinstance(got, int | float)
    if numbers and isinstance(wanted, bool) == isinstance(got, bool):
        return ""
    return "" if type(wanted) is type(got) else f"{where}: {got!r}, recorded {wanted!r}"


def _of_the_day(box: OdooSandbox, lab: Lab) -> dict[str, Any]:
    """The lab's euro: an invoice takes the rate of its own day."""
    return {**box.store.row("res.currency", lab.euro), "rate": 0.9137}


def _what_the_wizard_does(box: OdooSandbox, lab: Lab) -> None:
    """Steps 09 to 12: a shipping line at the rate of the day."""
    box.run("sale.order", "write", [36], vals={"carrier_id": lab.carrier})
    box.run(
        "sale.order.line",
        "create",
        vals_list={
            "order_id": 36,
            "product_id": lab.product + 6,
            "price_unit": 6.167475,
            "is_delivery": True,
            "sequence": 11,
            "name": f"Courier {lab.mark}",
        },
    )


def _at(second: int) -> Callable[[], datetime]:
    """A clock that stands, between two seconds as real ones do."""
    return lambda: datetime(2026, 11, 23, 3, 16, second, 500_000, tzinfo=UTC)


TIME = re.compile(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2})?")
IGNORED = {"debug", "view_id", "views", "default_template_id", "default_email_layout_xmlid"}


def _difference(wanted: Any, got: Any, where: str) -> str:
    if isinstance(wanted, dict) and isinstance(got, dict) and "xml_id" in wanted:
        keys = ("type", "name", "res_model", "res_id")  # all the rest is for a browser
        wanted, got = ({key: told.get(key) for key in keys} for told in (wanted, got))
    if isinstance(wanted, dict) and isinstance(got, dict):
        if wanted.keys() != got.keys():
            return f"{where}: keys {sorted(got)}, recorded {sorted(wanted)}"
        parts = (
            _difference(value, got[key], f"{where}/{key}")
            for key, value in wanted.items()
            if key not in IGNORED
        )
        return next((part for part in parts if part), "")
    if isinstance(wanted, list) and isinstance(got, list):
        if len(wanted) != len(got):
            return f"{where}: {got}, recorded {wanted}"
        pairs = zip(wanted, got, strict=True)
        parts = (_difference(a, b, f"{where}/{i}") for i, (a, b) in enumerate(pairs))
        return next((part for part in parts if part), "")
    if isinstance(wanted, float) or isinstance(got, float):
        return "" if abs(wanted - got) < 1e-9 else f"{where}: {got}, recorded {wanted}"
    if isinstance(wanted, str) and isinstance(got, str) and TIME.fullmatch(wanted):
        return "" if TIME.fullmatch(got) else f"{where}: {got!r}, recorded {wanted!r}"
    if wanted != got:
        return f"{where}: {got!r}, recorded {wanted!r}"
    return ""


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.folder.replace("/", "-"))
async def test_sandbox_answers_as_recorded(lab: Lab) -> None:
    """Every recorded request gets the recorded answer, but for what is listed, as listed."""
    root = lab.folder.partition("/")[0]
    listed = {path: row for path, row in _listed().items() if path.startswith(f"{root}/")}
    found = await _replay(lab, listed)
    wrong = {path: how for path, how in found.items() if how.kind != listed.get(path, ("",))[0]}
    text = "\n".join(f"{path}\t{how.kind}\t{how.said[:300]}" for path, how in wrong.items())
    assert not wrong, f"{len(wrong)} not listed, or listed otherwise:\n{text}"
    sent = {path for path, (kind, _) in listed.items() if kind != "unsent"}
    assert sent <= found.keys(), f"listed, and answered as recorded: {sorted(sent - found.keys())}"


def test_every_recording_is_of_a_flow_that_is_sent_and_every_line_of_a_recording() -> None:
    known = {
        str(path.relative_to(RECORDINGS).with_suffix(""))
        for path in RECORDINGS.glob("*/*/*/*.json")
    }
    walked = {
        name
        for lab in LABS
        for folder, flows in (
            (lab.folder, EARLY + LATER),
            (f"{lab.folder.partition('/')[0]}/legacy-rpc", LEGACY),
        )
        for name, _ in _steps(folder, flows)
    }
    assert walked == known
    listed = _listed()
    assert listed.keys() <= known
    assert all(reason for _, reason in listed.values())
    assert {kind for kind, _ in listed.values()} <= {"unsent", "status", "error", "shape", "values"}


OURS = {("product.pricelist", "percent_price")}
"""Fields that the sandbox has for itself."""
ALIKE = {
    "monetary": "float",
    "selection": "char",
    "text": "char",
    "binary": "char",
    "one2many": "many2many",
}
"""Types that look the same on the wire."""


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.folder.replace("/", "-"))
def test_fields_are_as_recorded(lab: Lab) -> None:
    """What the sandbox holds of a model is there by that name, type and relation."""
    box = OdooSandbox(version=lab.version)
    wrong = []
    count = 0
    for path, step in _steps(lab.folder, ("02-fields",)):
        model = path.rpartition("/")[2][3:].replace("-", ".")
        recorded = _body(step)
        for name, field_ in box.run(model, "fields_get").items():
            told = recorded.get(name)
            count += 1
            if (model, name) in OURS:
                continue
            kinds = [ALIKE.get(f["type"], f["type"]) for f in (field_, told or field_)]
            relations = [f.get("relation") for f in (field_, told or field_)]
            if told is None or len({*kinds}) > 1 or len({*relations}) > 1:
                wrong.append(f"{model}.{name}: {field_}, recorded {told}")
    assert not wrong, "\n".join(wrong)
    assert count > 300

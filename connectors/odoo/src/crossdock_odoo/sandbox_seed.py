"""The master data of the pretended Odoo: a company in dollars that sells the sandbox catalogue."""

from crossdock.testing.catalog import CATALOG, WAREHOUSE

from crossdock_odoo.sandbox_stock import Stock
from crossdock_odoo.sandbox_store import Store

STOCK = 1_000_000.0
"""Of every product, so that 20,000 orders leave some."""

RATES = ("0", "5", "6", "7", "7.25", "8.25", "8.875", "10", "13", "15", "19", "20", "21", "25")
"""Per cent; each tax exists on top of the price and included in it."""

COUNTRIES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT
BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH
ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT
HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS
LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI
NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG
SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG
UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
"""ISO 3166-1 alpha-2."""

NAMES = {"US": "United States", "DE": "Germany", "CA": "Canada", "GB": "United Kingdom"}

STATES = {
    "US": "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV "
    "NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY PR",
    "CA": "AB BC MB NB NL NS NT NU ON PE QC SK YT",
    "DE": "BB BE BW BY HB HE HH MV NI NW RP SH SL SN ST TH",
    "AU": "ACT NSW NT QLD SA TAS VIC WA",
}
ACCOUNTS = (
    ("101401", "Bank", "asset_cash"),
    ("101410", "Marketplaces", "asset_current"),
    ("121000", "Account Receivable", "asset_receivable"),
    ("251000", "Tax Received", "liability_current"),
    ("400000", "Product Sales", "income"),
    ("400100", "Returns", "income_other"),
    ("620000", "Fees", "expense"),
    ("690000", "Other", "expense_other"),
)
JOURNALS = (
    ("INV", "Sales", "sale"),
    ("BNK1", "Bank", "bank"),
    ("MISC", "Miscellaneous Operations", "general"),
)
CURRENCIES = (("USD", "$", 1.0), ("EUR", "€", 0.9137), ("GBP", "£", 0.79), ("CAD", "$", 1.37))


def countries(store: Store) -> None:
    """All countries; states where shops of the demo sell."""
    for code in COUNTRIES.split():
        country = store.insert("res.country", {"code": code, "name": NAMES.get(code, code)})
        for state in STATES.get(code, "").split():
            name = {"code": state, "name": state, "country_id": country["id"]}
            store.insert("res.country.state", name)


def basics(store: Store) -> None:
    """Company, user, currencies, precisions: what every database has."""
    for code, symbol, rate in CURRENCIES:
        store.insert(
            "res.currency",
            {"name": code, "symbol": symbol, "rate": rate, "decimal_places": 2, "rounding": 0.01},
        )
    store.insert("res.company", {"name": "My Company (San Francisco)", "currency_id": 1})
    store.insert("res.lang", {"name": "English (US)", "code": "en_US"})
    store.insert("uom.uom", {"name": "Units"})
    store.insert("decimal.precision", {"name": "Product Price", "digits": 2})
    parameter = {"key": "database.uuid", "value": "b1d220e6-e6ea-11f1-adba-02fc00000001"}
    store.insert("ir.config_parameter", parameter)
    store.insert(
        "res.users",
        {
            "login": "admin",
            "name": "Mitchell Admin",
            "company_id": 1,
            "company_ids": [1],
            "lang": "en_US",
            "tz": "Europe/Brussels",
        },
        2,
    )


def books(store: Store) -> None:
    """Accounts and journals, with the ids of the lab's 19.0."""
    for code, name, kind in ACCOUNTS:
        store.insert("account.account", {"code": code, "name": name, "account_type": kind})
    for code, name, kind in JOURNALS:
        store.insert("account.journal", {"code": code, "name": name, "type": kind, "company_id": 1})


def warehouse(store: Store, stock: Stock, code: str, name: str) -> int:
    """A warehouse with its stock location and its delivery type; the id of the location."""
    if not stock.customers:
        customers = {"name": "Customers", "complete_name": "Customers", "usage": "customer"}
        stock.customers = store.insert("stock.location", customers)["id"]
    house = store.insert(
        "stock.warehouse",
        {"code": code, "name": name, "company_id": 1, "delivery_steps": "ship_only"},
    )
    location = store.insert(
        "stock.location",
        {
            "name": "Stock",
            "complete_name": f"{code}/Stock",
            "usage": "internal",
            "warehouse_id": house["id"],
        },
    )
    kind = store.insert(
        "stock.picking.type",
        {"name": "Delivery Orders", "code": "outgoing", "warehouse_id": house["id"]},
    )
    back = store.insert(
        "stock.picking.type",
        {"name": "Receipts", "code": "incoming", "warehouse_id": house["id"]},
    )
    store.update("stock.picking.type", kind["id"], return_picking_type_id=back["id"])
    store.update(
        "stock.warehouse", house["id"], lot_stock_id=location["id"], out_type_id=kind["id"]
    )
    return int(location["id"])


def product(
    store: Store,
    name: str,
    sku: str,
    price: float,
    *,
    barcode: str | bool = False,
    weight: float = 0.0,
    service: bool = False,
    record: int | None = None,
) -> int:
    """A product with one variant."""
    shared = {
        "name": name,
        "list_price": price,
        "sale_ok": True,
        "type": "service" if service else "consu",
        "invoice_policy": "order" if service else "delivery",
    }
    if store.version >= 18:
        shared["is_storable"] = not service
    else:
        shared["type"] = shared["detailed_type"] = "service" if service else "product"
    template = store.insert("product.template", shared)
    values = {
        **shared,
        "default_code": sku,
        "barcode": barcode,
        "weight": weight,
        "uom_id": 1,
        "product_tmpl_id": template["id"],
        "tracking": "none",
    }
    return int(store.insert("product.product", values, record)["id"])


def till(store: Store, name: str) -> int:
    """A point of sale of the first warehouse, with card and cash."""
    for method, kind in (("Card", "bank"), ("Customer Account", "pay_later"), ("Cash", "cash")):
        values = {"name": method, "type": kind, "is_cash_count": kind == "cash"}
        store.insert("pos.payment.method", values)
    values = {"name": "PoS Orders", "code": "outgoing", "warehouse_id": 1}
    kind_id = store.insert("stock.picking.type", values)["id"]
    return store.create("pos.config", {"name": name, "picking_type_id": kind_id})


def demo(store: Store, stock: Stock) -> None:
    """What `crossdock demo` sells from."""
    basics(store)
    countries(store)
    for currency, (code, *_) in enumerate(CURRENCIES, 1):
        name = {"name": f"Default {code}", "currency_id": currency, "company_id": 1}
        store.insert("product.pricelist", name)
    for rate in RATES:
        for included in (False, True):
            store.insert(
                "account.tax",
                {
                    "name": f"{rate}%{' incl.' if included else ''}",
                    "sequence": 1,
                    "amount": float(rate),
                    "amount_type": "percent",
                    "price_include": included,
                    "type_tax_use": "sale",
                    "company_id": 1,
                },
            )
    books(store)
    location = warehouse(store, stock, WAREHOUSE, "YourCompany")
    for item in CATALOG:
        made = product(
            store,
            item.name,
            item.sku,
            float(item.price),
            barcode=item.barcode,
            weight=item.grams / 1000,
        )
        store.insert(
            "stock.quant", {"product_id": made, "location_id": location, "quantity": STOCK}
        )
    till(store, "Shop")
    product(store, "Shipping", "SHIPPING", 0.0, service=True)
    product(store, "Discount", "DISCOUNT", 0.0, service=True)

"""Orders to UCP and ACP and back: valid by the neighbours' own schemas, and nothing lost unsaid."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from crossdock.canonical import (
    Address,
    Discount,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    Money,
    Order,
    OrderLine,
    PaymentSummary,
    Ref,
    ShippingLine,
    TaxLine,
    Totals,
    Tracking,
)
from crossdock.errors import ContractError
from crossdock.neighbours import acp, ucp
from crossdock.neighbours.losses import marks, without
from crossdock.testing import strategies
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

SCHEMAS = Path(__file__).parent / "schemas"
PAGE = "https://shop.example/orders/1"
BORN = datetime(2026, 3, 1, 12, tzinfo=UTC)

formats = FormatChecker([])


@formats.checks("uri")
def _uri(value: object) -> bool:
    return not isinstance(value, str) or (":" in value and value.isascii() and " " not in value)


@formats.checks("date-time")
def _date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def validator(folder: str, start: str, definition: str = "") -> Draft202012Validator:
    files = [json.loads(path.read_text()) for path in (SCHEMAS / folder).rglob("*.json")]
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in files if "$id" in schema
    )
    return Draft202012Validator(
        {"$ref": start + definition}, registry=registry, format_checker=formats
    )


@dataclass(frozen=True)
class Neighbour:
    name: str
    validator: Draft202012Validator
    lost: Mapping[str, str]
    lost_when: Mapping[str, Any]
    lost_back: Mapping[str, str]
    write: Callable[[Order, tuple[Fulfillment, ...]], dict[str, Any]]
    read: Callable[[dict[str, Any], str, datetime], Any]
    whole: bool
    """Whether quantities must be whole."""


NEIGHBOURS = [
    Neighbour(
        "ucp",
        validator("ucp", "https://ucp.dev/schemas/shopping/order.json"),
        ucp.LOST,
        ucp.LOST_WHEN,
        ucp.LOST_BACK,
        lambda order, sent: ucp.to_ucp(order, sent, checkout_id="chk-1", permalink_url=PAGE),
        lambda document, currency, placed: ucp.from_ucp(document, placed_at=placed),
        False,
    ),
    Neighbour(
        "acp",
        validator(
            "acp",
            json.loads((SCHEMAS / "acp/schema.agentic_checkout.json").read_text())["$id"],
            "#/$defs/Order",
        ),
        acp.LOST,
        acp.LOST_WHEN,
        acp.LOST_BACK,
        lambda order, sent: acp.to_acp(
            order, sent, checkout_session_id="chk-1", permalink_url=PAGE
        ),
        lambda document, currency, placed: acp.from_acp(
            document, currency=currency, placed_at=placed
        ),
        True,
    ),
]
both = pytest.mark.parametrize("neighbour", NEIGHBOURS, ids=lambda neighbour: neighbour.name)

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
ident = st.text("abcXYZ0189:-_#/", min_size=1, max_size=8)
maybe = st.none() | text
moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
refs = st.builds(EntityRef, id=st.none() | ident, native_id=st.none() | ident)
extensions = st.dictionaries(
    st.sampled_from(["com.acme.loyalty", "org.example.x"]),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | text,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
        max_leaves=4,
    ),
    max_size=2,
)
EXPONENTS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4}


@st.composite
def orders(draw: st.DrawFn, *, whole: bool = False) -> tuple[Order, tuple[Fulfillment, ...]]:
    currency = draw(st.sampled_from(sorted(EXPONENTS)))

    def money(least: int = 0) -> Money:
        coins = draw(st.integers(least, 10**9))
        return Money(amount=Decimal(coins).scaleb(-EXPONENTS[currency]), currency=currency)

    def perhaps(make: Callable[[], Any]) -> Any:
        return make() if draw(st.booleans()) else None

    def some(make: Callable[[], Any], most: int = 2) -> tuple[Any, ...]:
        return tuple(make() for _ in range(draw(st.integers(0, most))))

    def tax() -> TaxLine:
        return TaxLine(
            title=draw(text),
            amount=money(),
            rate=draw(st.none() | st.decimals(0, 1, places=4) | st.decimals(0, 1, places=12)),
            included=draw(st.booleans()),
            jurisdiction=draw(maybe),
            type=draw(st.none() | st.sampled_from(["vat", "sales"])),
            base=perhaps(money),
            exemption=draw(maybe),
            rounding=draw(st.none() | st.just("line")),
            engine_ref=draw(st.none() | ident),
        )

    def discount() -> Discount:
        return Discount(
            amount=money(draw(st.sampled_from([0, 1]))),
            code=draw(maybe),
            title=draw(maybe | st.just("Discount")),
            promotion=draw(st.none() | refs),
        )

    def amount(most: Decimal) -> Decimal:
        if whole:
            return Decimal(draw(st.integers(0, int(most))))
        return draw(st.decimals(0, most, places=2) | st.sampled_from([Decimal(0), most]))

    def line(name: str) -> OrderLine:
        unit = draw(st.sampled_from(["EA", "KGM", "MTR"]))
        ordered = amount(Decimal(draw(st.sampled_from([0, 5, 10**6]))))
        cancelled = amount(ordered)
        shipped = amount(ordered - cancelled)
        received = amount(ordered - cancelled)
        restocked = amount(received)
        return OrderLine(
            line_id=name,
            sku=draw(maybe | st.just(name)),
            title=draw(maybe | st.just(name)),
            product=draw(st.none() | refs),
            variant=draw(st.none() | refs),
            gtin=draw(st.none() | st.just("4006381333931")),
            nature=draw(st.sampled_from(["goods", "digital"])),
            requires_shipping=draw(st.booleans()),
            fulfilled_by=draw(st.sampled_from(["merchant", "3pl"])),
            location=draw(st.none() | ident),
            unit=unit,
            ordered=ordered,
            cancelled=cancelled,
            allocated=amount(ordered),
            shipped=shipped,
            delivered=amount(shipped),
            return_requested=amount(ordered),
            return_received=received,
            restocked=restocked,
            written_off=amount(received - restocked),
            refunded=perhaps(money),
            unit_price=money(),
            discounts=some(discount),
            taxes=some(tax),
            extensions=draw(extensions),
        )

    lines = tuple(line(name) for name in draw(st.lists(ident, max_size=3, unique=True)))

    def address() -> Address:
        return Address(
            full_name=draw(maybe),
            company=draw(maybe),
            lines=some(lambda: draw(text), 3),
            postal_code=draw(maybe),
            locality=draw(maybe),
            region=draw(maybe),
            country=draw(st.none() | st.sampled_from(["DE", "US"])),
            phone=draw(maybe),
            email=draw(maybe),
        )

    lasting = draw(st.booleans())
    order = Order(
        id="ord_1",
        refs=some(lambda: Ref(connection="web", kind="order", value=draw(ident))),
        updated_at=draw(st.none() | moments),
        extensions=draw(extensions),
        number=draw(text),
        placed_at=BORN,
        currency=currency,
        presentment=perhaps(lambda: Totals(total=money())),
        prices_include_tax=draw(st.booleans()),
        lines=lines,
        shipping=some(lambda: ShippingLine(title=draw(maybe), price=money())),
        taxes=some(tax),
        totals=Totals(
            subtotal=money(),
            discount=perhaps(money),
            shipping=perhaps(money),
            tax=perhaps(money),
            total=money(-1000),
        ),
        payment=PaymentSummary(
            authorised=perhaps(money),
            captured=perhaps(money),
            refunded=perhaps(money),
            methods=some(lambda: draw(text)),
        ),
        customer=draw(st.none() | refs),
        customer_name=draw(maybe),
        email=draw(maybe),
        phone=draw(maybe),
        organization=draw(st.none() | refs),
        billing_address=perhaps(address),
        shipping_address=perhaps(address),
        cancelled_at=draw(st.none() | moments) if lasting else None,
        cancel_reason=draw(maybe),
        closed_at=draw(st.none() | moments),
        note=draw(maybe),
        tags=some(lambda: draw(text)),
        test=draw(st.booleans()),
        sales_channel=draw(maybe),
        source_status=draw(st.dictionaries(text, text, max_size=1)),
        purchase_order_number=draw(maybe),
        holds=some(lambda: draw(text)),
    )
    by_id = {line.line_id: line for line in lines}
    shippable = sorted(name for name, line in by_id.items() if line.ordered)

    def portion() -> FulfillmentLine:
        name = draw(st.sampled_from(shippable))
        return FulfillmentLine(
            line_id=name,
            sku=draw(maybe),
            quantity=amount(Decimal(9)),
            unit=by_id[name].unit,
            lot=draw(maybe),
            serials=some(lambda: draw(text)),
        )

    def tracking() -> Tracking:
        url = draw(st.none() | text | st.just("https://track.example/?n=1%20A"))
        return Tracking(number=draw(maybe), carrier=draw(maybe), url=url)

    def shipment(name: str) -> Fulfillment:
        return Fulfillment(
            id=name,
            refs=some(lambda: Ref(connection="wms", kind="shipment", value=draw(ident))),
            updated_at=draw(st.none() | moments),
            extensions=draw(extensions),
            order=EntityRef(id="ord_1", native_id=draw(st.none() | ident)),
            number=draw(maybe),
            location=draw(st.none() | ident),
            lines=some(portion) if shippable else (),
            tracking=some(tracking),
            shipped_at=draw(st.none() | moments),
            delivered_at=draw(st.none() | moments),
            cancelled_at=draw(st.none() | moments),
            source_status=draw(maybe),
            service=draw(maybe),
            fulfillment_order=draw(st.none() | refs),
            packages=some(lambda: draw(refs)),
            shipping_cost=perhaps(money),
        )

    names = draw(st.lists(st.sampled_from(["ful_1", "ful_2"]), max_size=2, unique=True))
    return order, tuple(shipment(name) for name in names)


Case = tuple[Order, tuple[Fulfillment, ...]]


def told(order: Order, fulfillments: tuple[Fulfillment, ...]) -> dict[str, Any]:
    """Both as one document; what is at its default is left out, as on the bus."""
    return {
        "order": order.model_dump(exclude_defaults=True),
        "fulfillments": [item.model_dump(exclude_defaults=True) for item in fulfillments],
    }


def compact(node: Any) -> Any:
    """Without what says nothing: null, empty texts stay, empty objects and arrays go."""
    if isinstance(node, Mapping):
        items = ((key, compact(value)) for key, value in node.items())
        return {key: value for key, value in items if value not in (None, {}, [])}
    if isinstance(node, list | tuple):
        return [compact(value) for value in node]
    return node


def compared(
    first: Any, second: Any, lost: Mapping[str, str], when: Mapping[str, Any]
) -> tuple[Any, Any]:
    """Both documents without what is said to be lost: elements from the first, fields from both."""
    elements = [pointer for pointer in lost if pointer.endswith("/*")]
    fields = [pointer for pointer in lost if not pointer.endswith("/*")]
    dropped, gone = marks(first, elements, when), marks(first, fields, when)
    also = _shift(gone, dropped) | marks(second, fields, when)
    return compact(without(first, dropped | gone)), compact(without(second, also))


def kept(document: Any, again: Any, lost: Any, name: str) -> bool:
    """Whether a neighbour's document came back equal but for what is said not to be kept."""
    when = ucp.LOST_BACK_WHEN if name == "ucp" else {}
    first, second = (compact(without(one, marks(one, lost, when))) for one in (document, again))
    return bool(first == second)


def _shift(paths: set[tuple[Any, ...]], dropped: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """These paths as they lead in a document from whose arrays the dropped elements are missing."""
    shifted = set()
    for path in paths:
        new: list[Any] = []
        for depth, key in enumerate(path):
            above = path[:depth]
            if (*above, key) in dropped:
                break
            if isinstance(key, int):
                key -= sum(1 for other in range(key) if (*above, other) in dropped)
            new.append(key)
        else:
            shifted.add(tuple(new))
    return shifted


def there_and_back(neighbour: Neighbour, case: Case) -> tuple[Any, Any]:
    order, sent = case
    document = neighbour.write(order, sent)
    wire = json.loads(json.dumps(document))
    back = neighbour.read(wire, order.currency, order.placed_at)
    return told(order, sent), told(back.order, back.fulfillments)


@both
def test_what_is_not_listed_comes_back_equal(neighbour: Neighbour) -> None:
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(orders(whole=neighbour.whole))
    def check(case: Case) -> None:
        document = neighbour.write(*case)
        for fault in neighbour.validator.iter_errors(json.loads(json.dumps(document))):
            pytest.fail(f"{fault.json_path}: {fault.message}")
        first, second = compared(
            *there_and_back(neighbour, case), neighbour.lost, neighbour.lost_when
        )
        assert second == first

    check()


def eur(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="EUR")


def everything(**changes: Any) -> Case:
    """An order in which everything is said, and two shipments."""
    full = Address(
        full_name="Ada King Lovelace",
        company="Engines",
        lines=("1 Mill Lane", "Flat 2", "Yard"),
        postal_code="78701",
        locality="Austin",
        region="TX",
        country="US",
        phone="+15125550100",
        email="ada@example.org",
    )
    tax = TaxLine(
        title="VAT",
        amount=eur("1.90"),
        rate=Decimal("0.19"),
        jurisdiction="DE",
        type="vat",
        base=eur("10"),
        rounding="line",
        exemption="none",
        engine_ref="calc-1",
        remitted_by="marketplace",
    )
    line: dict[str, Any] = {
        "line_id": "1",
        "sku": "MUG",
        "title": "Mug",
        "product": EntityRef(id="prd_1"),
        "variant": EntityRef(id="var_1"),
        "gtin": "4006381333931",
        "nature": "digital",
        "requires_shipping": False,
        "fulfilled_by": "3pl",
        "location": "WH",
        "unit": "KGM",
        "ordered": 9,
        "cancelled": 1,
        "allocated": 8,
        "shipped": 6,
        "delivered": 5,
        "return_requested": 3,
        "return_received": 2,
        "restocked": 1,
        "written_off": 1,
        "refunded": eur("3"),
        "unit_price": eur("12.50"),
        "discounts": (
            Discount(amount=eur("1"), code="X", title="Ten", promotion=EntityRef(id="prm_1")),
        ),
        "taxes": (tax,),
        "components": ({"sku": "PART", "quantity": 1},),
        "extensions": {"com.acme.x": 1},
    }
    line.update(changes.pop("line", {}))
    order: dict[str, Any] = {
        "id": "ord_1",
        "refs": (Ref(connection="web", kind="order", value="1"),),
        "updated_at": BORN,
        "extensions": {"com.acme.loyalty": {"points": 3}},
        "number": "#1001",
        "placed_at": BORN,
        "currency": "EUR",
        "presentment": Totals(total=Money(amount=Decimal(9), currency="USD")),
        "lines": (OrderLine(**line),),
        "shipping": (ShippingLine(title="Post", price=eur("4")),),
        "taxes": (tax,),
        "totals": Totals(
            subtotal=eur("111.5"),
            discount=eur("1"),
            shipping=eur("4"),
            tax=eur("1.90"),
            total=eur("117.4"),
        ),
        "payment": PaymentSummary(
            authorised=eur("117.4"), captured=eur("117.4"), refunded=eur("3"), methods=("visa",)
        ),
        "customer": EntityRef(id="cus_1"),
        "customer_name": "Ada",
        "email": "ada@example.org",
        "phone": "+1",
        "organization": EntityRef(id="org_1"),
        "billing_address": full,
        "shipping_address": full,
        "cancelled_at": datetime(2026, 3, 5, tzinfo=UTC),
        "cancel_reason": "customer",
        "closed_at": BORN,
        "note": "ring twice",
        "tags": ("vip",),
        "test": True,
        "sales_channel": "web",
        "source_status": {"order": "open"},
        "purchase_order_number": "PO-7",
        "holds": ("fraud",),
    }
    sent: dict[str, Any] = {
        "id": "ful_1",
        "refs": (Ref(connection="wms", kind="shipment", value="1"),),
        "updated_at": BORN,
        "extensions": {"com.acme.dock": 4},
        "order": EntityRef(id="ord_1", native_id="1"),
        "number": "S-1",
        "location": "WH",
        "lines": (
            {
                "line_id": "1",
                "sku": "OTHER",
                "quantity": 2,
                "unit": line["unit"],
                "lot": "L",
                "serials": ("s",),
            },
        ),
        "tracking": (
            Tracking(number="1Z", carrier="UPS", url="https://t.example/1Z"),
            Tracking(number="2Z"),
        ),
        "shipped_at": datetime(2026, 3, 2, tzinfo=UTC),
        "delivered_at": datetime(2026, 3, 3, tzinfo=UTC),
        "cancelled_at": datetime(2026, 3, 4, tzinfo=UTC),
        "source_status": "gone",
        "service": "ground",
        "fulfillment_order": EntityRef(id="ffo_1"),
        "packages": (EntityRef(id="pkg_1"),),
        "shipping_cost": eur("3"),
    }
    shipment = changes.pop("shipment", {})
    order.update(changes)
    sent.update(shipment)
    fulfillments = () if shipment is None else (Fulfillment(**sent),)
    return Order(**order), fulfillments


def _nothing_shipped() -> Case:
    order, _ = everything()
    return order, ()


COUNTERS = [
    "ordered",
    "cancelled",
    "allocated",
    "shipped",
    "delivered",
    "return_requested",
    "return_received",
    "restocked",
    "written_off",
]

WITNESSES: list[Case] = [
    everything(),
    everything(prices_include_tax=True, cancelled_at=None),
    _nothing_shipped(),
    everything(payment=PaymentSummary(refunded=eur("0"))),
    everything(
        line={
            "sku": None,
            "title": "1",
            "return_requested": 1,
            "taxes": (
                TaxLine(title="VAT", amount=eur("1"), included=True),
                TaxLine(title="VAT", amount=eur("1"), rate=Decimal("0.19")),
                TaxLine(title="VAT", amount=eur("1"), jurisdiction="DE"),
            ),
            "discounts": (Discount(amount=eur("0"), title="Discount"),),
        },
        shipping_address=Address(lines=("a\nb",)),
        shipment={
            "tracking": (Tracking(number="1", url="no uri"),),
            "lines": ({"line_id": "1", "quantity": 0, "unit": "KGM"},),
        },
    ),
    everything(
        line={"sku": "urn:crossdock:line:1", "delivered": 0},
        shipping_address=everything()[0].shipping_address.model_copy(  # type: ignore[union-attr]
            update={"lines": ("a", "b\nc")}
        ),
    ),
    everything(
        line=dict.fromkeys(COUNTERS, 0),
        shipment={"lines": ()},
    ),
]


@both
def test_every_field_that_is_listed_really_is_lost(neighbour: Neighbour) -> None:
    trips = [there_and_back(neighbour, case) for case in WITNESSES]
    for pointer in neighbour.lost:
        if pointer == "/order/placed_at":
            continue  # brought by whoever reads: the next test
        others = {other: why for other, why in neighbour.lost.items() if other != pointer}
        assert any(
            first != second
            for first, second in (compared(*trip, others, neighbour.lost_when) for trip in trips)
        ), f"{pointer} survives: take it from the list"


@both
def test_the_time_of_purchase_is_the_readers(neighbour: Neighbour) -> None:
    order, sent = everything()
    other = datetime(2020, 1, 1, tzinfo=UTC)
    assert neighbour.read(neighbour.write(order, sent), "EUR", other).order.placed_at == other


@both
def test_every_condition_belongs_to_a_listed_field_and_is_said(neighbour: Neighbour) -> None:
    said = {pointer for pointer, why in neighbour.lost.items() if why.startswith("when ")}
    assert said == set(neighbour.lost_when)


MISFITS: list[tuple[str, dict[str, Any], str]] = [
    ("a fraction of a cent", {"line": {"unit_price": eur("12.345")}}, "/lines/0/unit_price"),
    (
        "another currency",
        {"line": {"unit_price": Money(amount=Decimal(1), currency="USD")}},
        "/lines/0/unit_price",
    ),
    ("a price below zero", {"line": {"unit_price": eur("-1")}}, "/lines/0/unit_price"),
    ("more than 2^53", {"line": {"unit_price": eur("90071992547409.92")}}, "/lines/0/unit_price"),
    (
        "a discount in mills",
        {"line": {"discounts": (Discount(amount=eur("0.001")),)}},
        "/lines/0/discounts/0/amount",
    ),
    (
        "a tax in mills",
        {"line": {"taxes": (TaxLine(title="t", amount=eur("0.001")),)}},
        "/lines/0/taxes/0/amount",
    ),
    (
        "a total in mills",
        {"totals": Totals(subtotal=eur("1"), total=eur("1.001"))},
        "/totals/total",
    ),
    ("no id", {"id": None}, "/id"),
    (
        "a shipment of another order",
        {"shipment": {"order": {"id": "x"}}},
        "/fulfillments/0/order/id",
    ),
    ("a shipment without id", {"shipment": {"id": None}}, "/fulfillments/0/id"),
    (
        "a shipment of another line",
        {"shipment": {"lines": ({"line_id": "9", "quantity": 1, "unit": "KGM"},)}},
        "/fulfillments/0/lines/0/line_id",
    ),
]


@both
@pytest.mark.parametrize(
    ("changes", "pointer"), [case[1:] for case in MISFITS], ids=[case[0] for case in MISFITS]
)
def test_what_does_not_fit_is_named_never_rounded(
    neighbour: Neighbour, changes: dict[str, Any], pointer: str
) -> None:
    order, sent = everything(**dict(changes))
    with pytest.raises(ContractError) as caught:
        neighbour.write(order, sent)
    assert caught.value.pointer == pointer


def test_the_guide_quotes_a_true_message() -> None:
    guide = (Path(__file__).parents[2] / "docs/guides/neighbours.md").read_text(encoding="utf-8")
    order, sent = everything(line={"unit_price": eur("12.345")})
    with pytest.raises(ContractError) as caught:
        ucp.to_ucp(order, sent, checkout_id="c", permalink_url=PAGE)
    assert caught.value.message in " ".join(guide.split())


def test_ucp_counts_steps_of_a_measure_and_acp_refuses_parts() -> None:
    order, _ = everything(line={"ordered": "9.25", "unit": "KGM"})
    document = ucp.to_ucp(order, checkout_id="c", permalink_url=PAGE)
    line = document["line_items"][0]
    assert line["item"]["quantity_unit"] == {"unit": "KGM", "scale": 2, "display_text": "kg"}
    assert line["quantity"] == {"original": 925, "total": 625, "fulfilled": 600}
    with pytest.raises(ContractError) as caught:
        acp.to_acp(order, checkout_session_id="c", permalink_url=PAGE)
    assert caught.value.pointer == "/lines/0/ordered"


def test_a_sum_that_would_need_rounding_is_left_to_the_merchant() -> None:
    order, _ = everything(
        line={
            "ordered": "1.5",
            "shipped": 0,
            "delivered": 0,
            "cancelled": 0,
            "return_received": 0,
            "restocked": 0,
            "written_off": 0,
            "unit_price": eur("0.79"),
            "unit": "LBR",
        }
    )
    line = ucp.to_ucp(order, checkout_id="c", permalink_url=PAGE)["line_items"][0]
    assert [entry["type"] for entry in line["totals"]] == ["items_discount", "tax"]


@pytest.mark.parametrize(
    ("currency", "amount", "coins"), [("JPY", "1200", 1200), ("KWD", "1.234", 1234)]
)
def test_coins_follow_iso_4217(currency: str, amount: str, coins: int) -> None:
    money = Money(amount=Decimal(amount), currency=currency)
    order = Order(
        id="ord_1",
        number="1",
        placed_at=BORN,
        currency=currency,
        lines=(OrderLine(line_id="1", ordered=Decimal(1), unit_price=money),),
        totals=Totals(subtotal=money, total=money),
    )
    document = ucp.to_ucp(order, checkout_id="c", permalink_url=PAGE)
    assert document["line_items"][0]["item"]["price"] == coins
    assert document["totals"][-1] == {"type": "total", "amount": coins}


UCP_FOREIGN: dict[str, Any] = {
    "ucp": {"version": "2026-01-11", "status": "success"},
    "id": "order_1",
    "label": "A-1",
    "checkout_id": "chk_1",
    "permalink_url": "https://shop.example/orders/1",
    "currency": "USD",
    "line_items": [
        {
            "id": "li_1",
            "item": {
                "id": "sku_banana",
                "title": "Bananas",
                "price": 79,
                "image_url": "https://shop.example/b.png",
                "quantity_unit": {
                    "unit": "LBR",
                    "scale": 2,
                    "display_text": "pound",
                    "increment": 25,
                },
            },
            "quantity": {"original": 150, "total": 125, "fulfilled": 50},
            "totals": [
                {"type": "subtotal", "amount": 119},
                {"type": "tax", "amount": 8, "display_text": "TX"},
                {"type": "fee", "amount": 1},
                {"type": "total", "amount": 128},
            ],
            "status": "partial",
        },
        {
            "id": "li_2",
            "item": {"id": "sku_shoe", "title": "Shoes", "price": 3000},
            "quantity": {"total": 1, "fulfilled": 2},
            "totals": [],
            "status": "partial",
            "parent_id": "li_1",
            "com.acme.gift": True,
        },
    ],
    "fulfillment": {
        "expectations": [
            {
                "id": "e1",
                "line_items": [{"id": "li_1", "quantity": 150}],
                "method_type": "pickup",
                "destination": {"street_address": "1 Mill Lane", "first_name": "Ada"},
                "description": "today",
                "fulfillable_on": "now",
            }
        ],
        "events": [
            {
                "id": "ev1",
                "occurred_at": "2026-02-01T10:00:00+02:00",
                "type": "shipped",
                "line_items": [{"id": "li_1", "quantity": 50}],
                "tracking_number": "1Z",
                "description": "left",
            },
            {
                "id": "ev2",
                "occurred_at": "2026-02-02T10:00:00Z",
                "type": "delivered",
                "line_items": [{"id": "li_1", "quantity": 50}],
            },
            {
                "id": "ev3",
                "occurred_at": "2026-02-02T11:00:00Z",
                "type": "returned_to_sender",
                "line_items": [{"id": "li_2", "quantity": 1}],
            },
        ],
    },
    "adjustments": [
        {
            "id": "a1",
            "type": "refund",
            "occurred_at": "2026-02-03T00:00:00Z",
            "status": "completed",
            "totals": [{"type": "total", "amount": -300}],
        },
        {
            "id": "a2",
            "type": "return",
            "occurred_at": "2026-02-03T00:00:00Z",
            "status": "completed",
            "line_items": [{"id": "li_2", "quantity": -1}],
        },
        {
            "id": "a3",
            "type": "dispute",
            "occurred_at": "2026-02-03T00:00:00Z",
            "status": "pending",
        },
    ],
    "totals": [
        {"type": "subtotal", "amount": 6119},
        {"type": "discount", "amount": -100, "display_text": "Spring"},
        {"type": "fulfillment", "amount": 500, "lines": [{"display_text": "post", "amount": 500}]},
        {"type": "total", "amount": 6519},
    ],
    "policies": [],
    "attribution": {},
    "com.acme.loyalty": {"points": 3},
}


def test_a_strangers_ucp_order_is_understood() -> None:
    assert not list(NEIGHBOURS[0].validator.iter_errors(UCP_FOREIGN))
    read = ucp.from_ucp(UCP_FOREIGN, placed_at=BORN)
    bananas, shoes = read.order.lines
    assert (bananas.unit, bananas.ordered, bananas.cancelled) == (
        "LBR",
        Decimal("1.5"),
        Decimal("0.25"),
    )
    assert (bananas.shipped, bananas.delivered) == (Decimal("0.5"), Decimal("0.5"))
    assert (shoes.ordered, shoes.shipped, shoes.return_received) == (2, 2, 1)
    assert read.order.payment.refunded == Money(amount=Decimal(3), currency="USD")
    assert read.order.extensions == {"com.acme.loyalty": {"points": 3}}
    assert shoes.extensions == {"com.acme.gift": True}
    assert [item.id for item in read.fulfillments] == ["ev1"]
    assert read.fulfillments[0].shipped_at == datetime(2026, 2, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize("example", sorted((SCHEMAS / "acp/examples").glob("*.json")), ids=str)
def test_acps_own_examples_are_read_or_refused_by_name(example: Path) -> None:
    document = {
        key: value for key, value in json.loads(example.read_text()).items() if key[0] not in "$_"
    }
    assert not list(NEIGHBOURS[1].validator.iter_errors(document))
    if "totals" not in document:
        with pytest.raises(ContractError, match="/totals: needs an entry of type total"):
            acp.from_acp(document, currency="USD", placed_at=BORN)
        return
    read = acp.from_acp(document, currency="USD", placed_at=BORN)
    assert len(read.order.lines) == len(document["line_items"])
    again = acp.to_acp(
        read.order,
        read.fulfillments,
        checkout_session_id=read.checkout_session_id,
        permalink_url=read.permalink_url,
    )
    assert not list(NEIGHBOURS[1].validator.iter_errors(again))
    assert kept(document, again, acp.LOST_BACK, "acp")


def test_what_ucp_says_and_is_not_listed_comes_back_equal() -> None:
    read = ucp.from_ucp(UCP_FOREIGN, placed_at=BORN)
    again = ucp.to_ucp(
        read.order,
        read.fulfillments,
        checkout_id=read.checkout_id,
        permalink_url=read.permalink_url,
    )
    assert not list(NEIGHBOURS[0].validator.iter_errors(again))
    assert kept(UCP_FOREIGN, again, ucp.LOST_BACK, "ucp")


@both
def test_a_strangers_nonsense_is_a_contract_error(neighbour: Neighbour) -> None:
    """Whatever is put in the place of any part of a document, nothing but our own error rises."""
    document = json.loads(json.dumps(neighbour.write(*everything())))
    documents = [document] if neighbour.whole else [document, UCP_FOREIGN]
    junk = [
        None,
        True,
        1.5,
        -1,
        10**30,
        "",
        "\x00",
        [],
        [None],
        {},
        {"id": 7},
        [[{}]],
        "2026-99-99",
    ]
    longest = 0
    for whole in documents:
        for path in _paths(whole, ()):
            for value in junk:
                changed = _put(whole, path, value)
                try:
                    neighbour.read(changed, "EUR", BORN)
                except ContractError as error:
                    longest = max(longest, len(str(error)))
    assert longest < 500


def _paths(node: Any, at: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, list):
        items = enumerate(node)
    below = [path for key, child in items for path in _paths(child, (*at, key))]
    return [at, *below] if at else below


def _put(node: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = _put(node[path[0]], path[1:], value)
    return copy


def test_a_new_field_cannot_be_forgotten() -> None:
    """Every field of what is translated is said in the first witness, so that it must travel."""
    order, (sent,) = everything()
    line, address = order.lines[0], order.shipping_address
    assert address is not None
    for model in (order, line, line.taxes[0], line.discounts[0], address, order.totals):
        silent = set(type(model).model_fields) - set(model.model_dump(exclude_defaults=True))
        assert silent <= {"included", "prices_include_tax"}, f"{type(model).__name__}: {silent}"
    for model in (order.payment, sent, sent.lines[0], sent.tracking[0]):
        silent = set(type(model).model_fields) - set(model.model_dump(exclude_defaults=True))
        assert not silent, f"{type(model).__name__}: {silent}"


@both
def test_orders_of_the_published_strategies_travel_or_are_refused_by_name(
    neighbour: Neighbour,
) -> None:
    """New fields are drawn as soon as they exist."""
    refused: list[str] = []

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategies.entities(Order))
    def check(order: Order) -> None:
        case = (order.model_copy(update={"id": "ord_1"}), ())
        try:
            neighbour.write(*case)
        except ContractError as error:
            refused.append(error.pointer)
            return
        first, second = compared(
            *there_and_back(neighbour, case), neighbour.lost, neighbour.lost_when
        )
        assert second == first

    check()
    assert all(refused)


def _without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in names}


ACP_EXAMPLE: dict[str, Any] = _without(
    json.loads((SCHEMAS / "acp/examples/shipped-order.json").read_text()), "$schema", "_description"
)
ACP_FOREIGN: dict[str, Any] = {
    **_without(ACP_EXAMPLE, "order_number"),
    "estimated_delivery": {"earliest": "2026-02-05T09:00:00Z", "latest": "2026-02-05T18:00:00Z"},
    "line_items": [
        {
            **ACP_EXAMPLE["line_items"][0],
            "subtotal": 1,
            "status": "on_its_way",
            "totals": [{"type": "gift_wrap", "display_text": "Wrap", "amount": 500}],
        }
    ],
    "fulfillments": [
        {
            "id": "ful_9",
            "type": "digital",
            "status": "ready",
            "description": "by mail",
            "line_items": [],
            "digital_delivery": {"license_key": "K"},
            "estimated_delivery": ACP_EXAMPLE["fulfillments"][0]["estimated_delivery"],
            "destination": ACP_EXAMPLE["fulfillments"][0]["destination"],
            "events": [{"id": "e", "type": "in_transit", "occurred_at": "2026-02-05T09:00:00Z"}],
        },
        {
            "id": "ful_10",
            "type": "shipping",
            "destination": {
                **ACP_EXAMPLE["fulfillments"][0]["destination"],
                "name": "Somebody else",
            },
        },
    ],
    "adjustments": [
        {
            "id": "a",
            "type": "credit",
            "occurred_at": "2026-02-05T09:00:00Z",
            "status": "completed",
            "amount": 5,
        }
    ],
    "totals": [
        {"type": "fee", "display_text": "Fee", "amount": 5},
        {"type": "total", "display_text": "All of it", "amount": 5},
    ],
}
UCP_WITNESSES = [
    {
        **UCP_FOREIGN,
        "messages": [{"type": "info", "content": "hello"}],
        "policies": [{"type": "return", "description": "30 days"}],
        "attribution": {"campaign": "x"},
    },
    _without(UCP_FOREIGN, "label"),
    {  # counted in finer steps than it needs
        **UCP_FOREIGN,
        "line_items": [
            {
                **UCP_FOREIGN["line_items"][0],
                "quantity": {"original": 150, "total": 120, "fulfilled": 50},
            },
            UCP_FOREIGN["line_items"][1],
        ],
    },
    {
        **UCP_FOREIGN,
        "line_items": [
            {
                **UCP_FOREIGN["line_items"][1],
                "item": {
                    **UCP_FOREIGN["line_items"][1]["item"],
                    "unit_price": {"amount": 1},
                },
            }
        ],
        "fulfillment": {},
        "adjustments": [],
    },
]


@pytest.mark.parametrize(
    ("neighbour", "documents"),
    [
        (NEIGHBOURS[0], UCP_WITNESSES),
        (NEIGHBOURS[1], [ACP_EXAMPLE, ACP_FOREIGN]),
    ],
    ids=["ucp", "acp"],
)
def test_every_part_that_we_list_as_not_kept_really_is_not(
    neighbour: Neighbour, documents: list[dict[str, Any]]
) -> None:
    trips = []
    for document in documents:
        read = neighbour.read(document, "USD", BORN)
        again = neighbour.write(read.order, read.fulfillments)
        again["permalink_url"] = document["permalink_url"]
        for name in ("checkout_id", "checkout_session_id"):
            if name in document:
                again[name] = document[name]
        assert kept(document, again, neighbour.lost_back, neighbour.name)
        trips.append((document, again))
    for pointer in neighbour.lost_back:
        others = [other for other in neighbour.lost_back if other != pointer]
        assert not all(kept(*trip, others, neighbour.name) for trip in trips), (
            f"{pointer} survives: take it from the list"
        )

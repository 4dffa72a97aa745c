"""Canonical values and entities: what is refused, and that nothing is lost on the way."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from crossdock.canonical import (
    ENTITIES,
    Address,
    Customer,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    InventoryLevel,
    Money,
    Order,
    OrderLine,
    PaymentSummary,
    Product,
    Ref,
    TaxLine,
    Totals,
    Variant,
    statuses,
)
from crossdock.canonical.texts import _with_z, rfc3339
from crossdock.errors import ContractError
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

amounts = st.decimals(
    min_value=-(10**18) + 1, max_value=10**18 - 1, places=6, allow_nan=False, allow_infinity=False
)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=60)
ids = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=60)
currencies = st.sampled_from(["EUR", "USD", "JPY", "KWD"])
moments = st.datetimes(
    min_value=datetime(1900, 1, 2),
    max_value=datetime(2200, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
keys = st.sampled_from(["com.acme.loyalty", "de.example-shop.gift"])


@pytest.mark.parametrize(
    ("count", "currency", "places", "amount"),
    [
        (1250, "EUR", None, "12.50"),
        ("1250", "JPY", None, "1250"),
        (-1250, "KWD", None, "-1.250"),
        (1250, "JPY", 2, "12.50"),  # a vendor that counts hundredths of every currency
    ],
)
def test_minor_units_are_money_and_back(
    count: int | str, currency: str, places: int | None, amount: str
) -> None:
    made = Money.of_minor(count, currency, places)
    assert made == Money(amount=amount, currency=currency)
    assert made.in_minor(places) == int(count)


def test_what_has_no_smallest_unit_is_refused() -> None:
    for currency in ("XAU", "ABC"):
        with pytest.raises(ContractError, match=f"'{currency}' is no currency of ISO 4217 that"):
            Money.of_minor(1, currency)
    with pytest.raises(ContractError, match=r"12\.345 EUR is no whole number"):
        Money(amount="12.345", currency="EUR").in_minor()


def test_what_is_no_sum_is_refused_with_its_value() -> None:
    with pytest.raises(ContractError, match="whole number of smallest units, found '12a'"):
        Money.of_minor("12a", "EUR")
    with pytest.raises(ContractError, match=r"at most 18 digits .*found Decimal\('1E\+25'\)"):
        Money.nearest(Decimal("1E+25"), "EUR")


def money() -> st.SearchStrategy[Money]:
    return st.builds(Money, amount=amounts, currency=currencies)


quantities = st.decimals(min_value=0, max_value=10**9, places=3)
tax_lines = st.builds(
    TaxLine, title=texts, amount=money(), rate=st.none() | st.just(Decimal("0.19"))
)
order_lines = st.builds(
    OrderLine,
    line_id=ids,
    sku=st.none() | texts,
    ordered=quantities,
    cancelled=st.just(Decimal(0)),
    unit_price=money(),
    taxes=st.lists(tax_lines, max_size=2).map(tuple),
    extensions=st.dictionaries(keys, st.integers(-(2**60), 2**60) | texts | st.none(), max_size=2),
)
orders = st.builds(
    Order,
    number=texts,
    placed_at=moments,
    currency=currencies,
    lines=st.lists(order_lines, max_size=3).map(tuple),
    totals=st.builds(Totals, total=money()),
    payment=st.builds(PaymentSummary, captured=st.none() | money()),
    customer=st.none() | st.builds(EntityRef, native_id=ids),
    shipping_address=st.none() | st.builds(Address, full_name=texts, country=st.just("DE")),
    source_status=st.dictionaries(texts, texts, max_size=2),
    refs=st.lists(st.builds(Ref, connection=ids, kind=ids, value=ids), max_size=2).map(tuple),
    extensions=st.dictionaries(keys, st.booleans() | texts, max_size=2),
)
products = st.builds(
    Product,
    name=texts,
    list_price=st.none() | money(),
    variants=st.lists(st.builds(Variant, variant_id=ids, sku=texts), max_size=2).map(tuple),
)
levels = st.builds(
    InventoryLevel,
    sku=texts,
    location=ids,
    on_hand=st.none() | quantities,
    as_of=st.none() | moments,
)
fulfillments = st.builds(
    Fulfillment,
    order=st.builds(EntityRef, id=ids),
    lines=st.lists(st.builds(FulfillmentLine, line_id=ids, quantity=quantities), max_size=2).map(
        tuple
    ),
)
customers = st.builds(Customer, name=texts, email=texts)
entities = st.one_of(orders, products, levels, fulfillments, customers)


def line(**counters: object) -> OrderLine:
    price = Money(amount="10.00", currency="EUR")
    return OrderLine(**{"line_id": "1", "ordered": 5, "unit_price": price, **counters})


def order(*lines: OrderLine, **fields: object) -> Order:
    total = Totals(total=Money(amount="50.00", currency="EUR"))
    base = {"number": "#1", "placed_at": datetime(2026, 1, 1, tzinfo=UTC), "currency": "EUR"}
    return Order(**{**base, "lines": lines or (line(),), "totals": total, **fields})


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        ("19.99", "19.99"),
        ("19.9912345678", "19.991235"),
        ("3.3333333333333335", "3.333333"),
        ("0.0000005", "0.000000"),
        ("0.0000015", "0.000002"),
        ("-1.00000051", "-1.000001"),
    ],
)
def test_money_of_more_places_is_rounded_halves_to_even(amount: str, rounded: str) -> None:
    assert str(Money.nearest(Decimal(amount), "EUR").amount) == rounded


class TestDecimals:
    @given(amounts)
    def test_an_amount_survives_the_wire(self, amount: Decimal) -> None:
        kept = Money(amount=amount, currency="EUR")
        assert Money.model_validate_json(kept.model_dump_json()).amount == amount

    @pytest.mark.parametrize(
        "refused",
        [
            1.5,
            True,
            None,
            b"1",
            "1e3",
            "1E+3",
            "+1",
            "01",
            ".5",
            "1.",
            "1,5",
            " 1",
            "1\n",
            "١٢",
            "1_0",
            "NaN",
            "Infinity",
            "",
            "1234567890123456789",
            "0.1234567",
            Decimal("NaN"),
            Decimal("sNaN"),
            Decimal("-Infinity"),
            10**18,
            10**5000,
            Decimal("1e999999999999999999"),
            Decimal("1e-999999999999999999"),
        ],
        ids=lambda value: (
            f"{type(value).__name__} {str(value)[:24]}"
            if not isinstance(value, int)
            else f"int of {value.bit_length()} bits"
        ),
    )
    def test_refuses(self, refused: object) -> None:
        with pytest.raises(ValidationError):
            Money(amount=refused, currency="EUR")

    @pytest.mark.parametrize(
        "refused", [b"1.5", b"1", b"true", b"NaN", b'"1e3"', b'"1\\n"', b"null"]
    )
    def test_refuses_on_the_wire(self, refused: bytes) -> None:
        with pytest.raises(ValidationError):
            Money.model_validate_json(b'{"amount":%s,"currency":"EUR"}' % refused)

    def test_an_exponent_in_python_becomes_plain_digits(self) -> None:
        assert Money(amount=Decimal("1E+3"), currency="EUR").model_dump_json() == (
            '{"amount":"1000","currency":"EUR"}'
        )

    def test_currencies_do_not_mix(self) -> None:
        euro, dollar = Money(amount="1", currency="EUR"), Money(amount="1", currency="USD")
        assert (euro + euro).amount == 2
        assert (euro - euro).amount == 0
        with pytest.raises(ValueError, match="convert one of them first"):
            euro + dollar

    @pytest.mark.parametrize("currency", ["eur", "EURO", "E1R", "EUR\n", "€€€"])
    def test_refuses_what_is_no_currency(self, currency: str) -> None:
        with pytest.raises(ValidationError):
            Money(amount="1", currency=currency)


class TestInstant:
    def test_an_offset_becomes_utc(self) -> None:
        text = b'{"name":"x","updated_at":"2026-01-31T12:00:00+05:30"}'
        parsed = Product.parse(text)
        assert parsed.updated_at == datetime(2026, 1, 31, 6, 30, tzinfo=UTC)
        assert b'"updated_at":"2026-01-31T06:30:00Z"' in parsed.dump()

    @pytest.mark.parametrize("text", ["2026-01-31T12:00:00", "2026-01-31", "yesterday", ""])
    def test_refuses_a_time_without_a_zone(self, text: str) -> None:
        with pytest.raises(ContractError) as caught:
            Product.parse(json.dumps({"name": "x", "updated_at": text}).encode())
        assert caught.value.pointer == "/updated_at"

    @pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
    def test_refuses_what_has_no_utc(self, text: str) -> None:
        with pytest.raises(ContractError, match="/updated_at"):
            Product.parse(json.dumps({"name": "x", "updated_at": text}).encode())

    @given(
        st.datetimes(
            min_value=datetime(1000, 1, 2),
            timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
        )
    )
    def test_it_is_written_in_one_way_with_msgspec_and_without(self, moment: datetime) -> None:
        at = moment.astimezone(UTC)
        assert rfc3339(moment) == _with_z(at) == at.isoformat().replace("+00:00", "Z")


class TestEntities:
    @given(entities)
    @settings(max_examples=200)
    def test_parse_after_dump_is_identity_and_the_schema_agrees(self, entity: Product) -> None:
        body = entity.dump()
        assert type(entity).parse(body) == entity
        _VALIDATORS[entity.kind].validate(json.loads(body))

    def test_reading_tolerates_a_newer_producer(self) -> None:
        body = b'{"name":"x","invented_later":1,"variants":[{"variant_id":"1","also_new":[]}]}'
        parsed = Product.parse(body)
        assert b"invented" not in parsed.dump()
        assert parsed.variants[0].variant_id == "1"

    def test_building_forbids_what_is_unknown(self) -> None:
        with pytest.raises(ValidationError, match="invented"):
            Product(name="x", invented=1)

    def test_an_entity_cannot_be_changed(self) -> None:
        with pytest.raises(ValidationError):
            Product(name="x").name = "y"

    def test_a_fault_has_a_pointer_and_the_value(self) -> None:
        with pytest.raises(ContractError) as caught:
            Product.parse(b'{"name":"x","variants":[{"variant_id":"1"},{"variant_id":7}]}')
        assert caught.value.pointer == "/variants/1/variant_id"
        assert caught.value.value == "7"
        assert "found 7" in str(caught.value)

    def test_a_pointer_escapes_its_keys(self) -> None:
        with pytest.raises(ContractError) as caught:
            Order.parse(b'{"source_status":{"a/b~c":1}}')
        assert "/source_status/a~1b~0c" in [f["pointer"] for f in caught.value.parts["faults"]]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"nonsense",
            b"\xff",
            b"[" * 100_000,
            b'{"name":"\\ud800"}',
            b'{"name":' * 300,
        ],
        ids=["empty", "list", "words", "not utf-8", "deep list", "surrogate", "deep object"],
    )
    def test_nothing_but_contract_error_comes_out(self, body: bytes) -> None:
        with pytest.raises(ContractError):
            Product.parse(body)

    @given(st.binary(max_size=200))
    def test_no_bytes_do_more_than_break_the_contract(self, body: bytes) -> None:
        try:
            Order.parse(body)
        except ContractError as error:
            said = str(error)
        else:
            said = ""
        assert len(said) < 2_000


_VALIDATORS = {
    kind: Draft202012Validator(model.model_json_schema()) for kind, model in ENTITIES.items()
}


class TestOrder:
    @pytest.mark.parametrize(
        "counters",
        [
            {"ordered": -1},
            {"cancelled": 6},
            {"shipped": 6},
            {"cancelled": 3, "shipped": 3},
            {"ordered": 0, "cancelled": "0.001"},
        ],
        ids=str,
    )
    def test_counters_that_cannot_be(self, counters: dict[str, object]) -> None:
        with pytest.raises(ValidationError, match=r"line 1|count '-1'"):
            line(**counters)

    @given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
    def test_open_and_current_are_what_is_left(self, ordered: int, off: int, out: int) -> None:
        possible = off + out <= ordered
        try:
            made = line(ordered=ordered, cancelled=off, shipped=out)
        except ValidationError:
            assert not possible
        else:
            assert possible
            assert made.open == ordered - off - out >= 0
            assert made.current == ordered - off

    @pytest.mark.parametrize(
        ("made", "axis", "expected"),
        [
            (order(), "order", "open"),
            (order(line(cancelled=2)), "order", "partially_cancelled"),
            (order(line(cancelled=5)), "order", "cancelled"),
            (order(cancelled_at=datetime(2026, 1, 2, tzinfo=UTC)), "order", "cancelled"),
            (order(closed_at=datetime(2026, 1, 2, tzinfo=UTC)), "order", "closed"),
            (order(), "fulfillment", "unfulfilled"),
            (order(line(shipped=1)), "fulfillment", "partially_shipped"),
            (order(line(shipped=5)), "fulfillment", "shipped"),
            (order(line(cancelled=2, shipped=3)), "fulfillment", "shipped"),
            (order(line(shipped=5, delivered=5)), "fulfillment", "delivered"),
            (order(line(requires_shipping=False)), "fulfillment", "not_required"),
            (order(line(cancelled=5)), "fulfillment", "not_required"),
            (order(), "returns", "none"),
            (order(line(return_requested=2)), "returns", "requested"),
            (order(line(return_requested=2, return_received=1)), "returns", "partially_received"),
            (order(line(return_requested=2, return_received=2)), "returns", "received"),
        ],
    )
    def test_statuses_follow_from_counters(self, made: Order, axis: str, expected: str) -> None:
        assert getattr(statuses(made), axis) == expected

    @pytest.mark.parametrize(
        ("authorised", "captured", "refunded", "expected"),
        [
            (None, None, None, "pending"),
            ("50", None, None, "authorised"),
            ("50", "20", None, "partially_paid"),
            ("50", "50", None, "paid"),
            (None, "50", "20", "partially_refunded"),
            (None, "50", "50", "refunded"),
        ],
    )
    def test_payment_follows_from_amounts(
        self, authorised: str | None, captured: str | None, refunded: str | None, expected: str
    ) -> None:
        def euro(amount: str | None) -> Money | None:
            return None if amount is None else Money(amount=amount, currency="EUR")

        summary = PaymentSummary(
            authorised=euro(authorised), captured=euro(captured), refunded=euro(refunded)
        )
        assert statuses(order(payment=summary)).payment == expected

    def test_what_costs_nothing_is_free(self) -> None:
        free = Totals(total=Money(amount="0.00", currency="EUR"))
        assert statuses(order(totals=free)).payment == "free"

    def test_sellable_is_available_or_what_follows_from_the_shelf(self) -> None:
        def level(**fields: object) -> Decimal | None:
            return InventoryLevel(sku="a", location="w", **fields).sellable

        assert level(on_hand=5, reserved=2) == 3
        assert level(on_hand=5, reserved=2, available=4) == 4
        assert level() is None

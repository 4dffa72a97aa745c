"""Orders reach Odoo once, whatever happens on the way."""

import asyncio
from decimal import Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import Discount, Money, OrderLine, TaxLine, Totals
from crossdock_odoo.sandbox import Misbehaviour, OdooSandbox
from crossdock_odoo.sandbox_control import report, ship


def _money(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


async def test_an_order_becomes_one_confirmed_sale_order(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    async with connect(box) as odoo:
        receipt = await odoo.apply(command(order()))
    made = report(box)
    (sale,) = made["orders"]
    assert receipt.native_id == "1"
    assert receipt.note == "S00001, total 69.84 USD"
    assert receipt.extra_ids.keys() == {"866550311766439020", "gid://shop/LineItem/2"}
    assert sale["external_id"] == f"crossdock.{order().id}"
    assert (sale["state"], sale["client_order_ref"], sale["amount_total"]) == ("sale", "#1", 69.84)
    line = box.store.tables["sale.order.line"].rows[int(receipt.extra_ids["gid://shop/LineItem/2"])]
    assert line["product_uom_qty"] == 3
    row = box.store.tables["sale.order"].rows[1]
    partners = box.store.tables["res.partner"].rows
    assert row["origin"] == "crossdock 2026-11-20 14:03:22 UTC"
    assert partners[row["partner_id"]]["name"] == "Ada Byron"
    assert partners[row["partner_shipping_id"]]["street"] == "5 Mission St"
    assert partners[row["partner_shipping_id"]]["parent_id"] == row["partner_id"]
    state = box.store.tables["res.country.state"].rows[partners[row["partner_id"]]["state_id"]]
    assert state["code"] == "CA"


async def test_applying_twice_changes_odoo_once(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    async with connect(box) as odoo:
        first = await odoo.apply(command(order()))
        again = await odoo.apply(command(order()))
        third = await odoo.apply(command(order(), attempt=2))
        found = await odoo.find(command(order()))
    made = report(box)
    assert first == again == third == found
    assert [len(sale["lines"]) for sale in made["orders"]] == [3 if box.version == 19 else 4]
    assert len(made["pickings"]) == 1
    assert made["partners"] == 3


async def test_a_warm_order_takes_four_calls(connect: Any, order: Any, command: Any) -> None:
    box = OdooSandbox()
    async with connect(box) as odoo:
        await odoo.apply(command(order(1)))
        before = box.calls.copy()
        await odoo.apply(command(order(2)))
    assert box.calls - before == {
        "res.partner.load": 1,
        "sale.order.load": 1,
        "sale.order.action_confirm": 1,
        "sale.order.read": 1,
    }


@pytest.mark.parametrize("version", [19, 17])
async def test_an_answer_lost_at_any_call_leaves_one_order(
    version: int, connect: Any, order: Any, command: Any
) -> None:
    lost = 0
    for n in range(20):
        box = OdooSandbox(version=version)
        box.faults.append(Misbehaviour("lost_answer", 1, after=n))
        async with connect(box) as odoo:
            for attempt in (1, 2):
                try:
                    wish = command(order(), attempt=attempt)
                    receipt = await odoo.find(wish) if attempt > 1 else None
                    receipt = receipt or await odoo.apply(wish)
                    break
                except crossdock.UnavailableError as error:
                    lost += error.outcome == "unknown"
        made = report(box)
        assert [(sale["state"], sale["amount_total"]) for sale in made["orders"]] == [
            ("sale", 69.84)
        ]
        assert len(made["pickings"]) == 1
        assert receipt is not None
        assert (receipt.native_id, len(receipt.extra_ids)) == ("1", 2)
        if box.faults and box.faults[0].count:
            break
    assert lost == 3, "the writing calls; what only reads is asked again by the client itself"
    assert n >= 8


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        ("serialization_failure", "sale.order/action_confirm"),
        ("lock_timeout", "sale.order/action_confirm"),
        ("serialization_failure", "sale.order/load"),
        ("down", "res.partner/load"),
    ],
)
async def test_passing_faults_are_transient_and_heal(
    box: OdooSandbox, connect: Any, order: Any, command: Any, kind: str, match: str
) -> None:
    box.faults.append(Misbehaviour(kind, 3, match=match))
    async with connect(box) as odoo:
        with pytest.raises(crossdock.TransientError):
            await odoo.apply(command(order()))
        box.faults.clear()
        receipt = await odoo.apply(command(order(), attempt=2))
    assert receipt.native_id
    assert [sale["state"] for sale in report(box)["orders"]] == ["sale"]


async def test_a_lost_race_in_load_is_tried_again_at_once(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    box.faults.append(Misbehaviour("serialization_failure", 2, match="res.partner/load"))
    async with connect(box) as odoo:
        assert (await odoo.apply(command(order()))).native_id == "1"


async def test_workers_racing_on_one_order_make_one(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    async with connect(box) as odoo:
        receipts = await asyncio.gather(*(odoo.apply(command(order())) for _ in range(4)))
    assert {receipt.native_id for receipt in receipts} == {"1"}
    assert len(report(box)["orders"]) == len(report(box)["pickings"]) == 1


async def test_an_expired_key_pauses_the_connection(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    box.faults.append(Misbehaviour("access_denied", 99))
    async with connect(box) as odoo:
        with pytest.raises(crossdock.AuthError) as caught:
            await odoo.apply(command(order()))
    assert box.api_key not in str(caught.value)
    assert "Traceback" not in str(caught.value)


async def test_wrong_key_and_secrets_in_no_text(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    async with connect(box, api_key="not-the-key-at-all") as odoo:
        with pytest.raises(crossdock.AuthError) as caught:
            await odoo.apply(command(order()))
        shown = repr(odoo) + str(caught.value) + repr(caught.value.parts)
    assert "not-the-key-at-all" not in shown


def _line(**more: Any) -> OrderLine:
    values = {
        "line_id": "1",
        "sku": "MUG-BLUE",
        "ordered": Decimal(1),
        "unit_price": _money("10.00"),
    }
    return OrderLine(**{**values, **more})


UNKNOWN = TaxLine(title="Odd", rate=Decimal("0.123"), amount=_money("1.23"))


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"lines": (_line(sku="NOPE"),)}, "unknown_sku", ["NOPE", "internal reference"]),
        ({"lines": (_line(sku=None),)}, "no_sku", ["line 1", "has no SKU"]),
        ({"lines": (_line(taxes=(UNKNOWN,)),)}, "no_tax", ["12.3 %", '"0.123"', "on top"]),
        ({"currency": "CHF"}, "no_pricelist", ["CHF", "pricelist"]),
        ({"lines": (), "shipping": ()}, "empty_order", ["#1"]),
    ],
)
async def test_what_is_missing_is_named_and_nothing_is_created(
    connect: Any, order: Any, command: Any, changes: Any, reason: str, words: list[str]
) -> None:
    box = OdooSandbox()
    async with connect(box) as odoo:
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(command(order(**changes)))
    assert caught.value.reason == reason
    for word in words:
        assert word in str(caught.value)
    made = report(box)
    assert (made["orders"], made["partners"]) == ([], 0)


async def test_an_archived_product_is_unknown_until_it_is_back(
    connect: Any, order: Any, command: Any
) -> None:
    box = OdooSandbox()
    mug = box.store.by("product.product", "default_code", "MUG-BLUE")[0]["id"]
    box.run("product.product", "write", [mug], vals={"active": False})
    async with connect(box) as odoo:
        with pytest.raises(crossdock.RejectedError, match="MUG-BLUE"):
            await odoo.apply(command(order()))
        box.run("product.product", "write", [mug], vals={"active": True})
        assert (await odoo.apply(command(order()))).native_id


async def test_discounts_and_included_taxes_come_to_the_channels_total(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    inside = TaxLine(title="MwSt", rate=Decimal("0.19"), amount=_money("3.03"), included=True)
    lines = (
        _line(
            ordered=Decimal(3),
            unit_price=_money("7.00"),
            discounts=(Discount(amount=_money("2.01")),),
            taxes=(inside,),
        ),
    )
    whole = order(
        lines=lines, shipping=(), prices_include_tax=True, totals=Totals(total=_money("18.99"))
    )
    async with connect(box) as odoo:
        receipt = await odoo.apply(command(whole))
    assert receipt.note == "S00001, total 18.99 USD"


async def test_a_different_total_is_told(connect: Any, order: Any, command: Any) -> None:
    box = OdooSandbox()
    async with connect(box) as odoo:
        receipt = await odoo.apply(command(order(totals=Totals(total=_money("70.00")))))
    assert receipt.note == "S00001, total 69.84 USD; the channel says 70.00: -0.16"


async def test_cancel(box: OdooSandbox, connect: Any, order: Any, command: Any) -> None:
    async with connect(box) as odoo:
        await odoo.apply(command(order()))
        wish = command(order(), "order.cancel")
        assert await odoo.find(wish) is None
        receipt = await odoo.apply(wish)
        again = await odoo.apply(wish)
        assert await odoo.find(wish) is not None
        for attempt in (1, 2):
            with pytest.raises(crossdock.RejectedError, match="is cancel in Odoo"):
                await odoo.apply(command(order(), attempt=attempt))
    assert (receipt.changed, again.changed) == (True, False)
    made = report(box)
    assert [sale["state"] for sale in made["orders"]] == ["cancel"]
    assert [picking["state"] for picking in made["pickings"]] == ["cancel"]
    assert made["stock"]["TOTE"]["WH"]["reserved"] == 0


async def test_cancel_of_what_never_was(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    async with connect(box) as odoo:
        receipt = await odoo.apply(command(order(), "order.cancel"))
    assert receipt == crossdock.Receipt(changed=False, note="was never created in Odoo")


async def test_what_has_left_is_not_cancelled(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    async with connect(box) as odoo:
        await odoo.apply(command(order()))
        ship(box, two_parcels=1, seed=1)
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(command(order(), "order.cancel"))
    assert caught.value.reason == "already_shipped"
    assert "WH/OUT/00001" in str(caught.value)
    assert [sale["state"] for sale in report(box)["orders"]] == ["sale"]


async def test_a_lost_answer_of_cancel(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    async with connect(box) as odoo:
        await odoo.apply(command(order()))
        box.faults.append(Misbehaviour("lost_answer", 1, match="action_cancel"))
        with pytest.raises(crossdock.UnavailableError):
            await odoo.apply(command(order(), "order.cancel"))
        receipt = await odoo.find(command(order(), "order.cancel"))
    assert receipt is not None


async def test_a_guest_and_one_address(connect: Any, order: Any, command: Any) -> None:
    box = OdooSandbox()
    home = order().billing_address
    guest = order(customer=None, billing_address=home, shipping_address=home)
    async with connect(box) as odoo:
        await odoo.apply(command(guest))
    assert [row["type"] for row in box.store.tables["res.partner"].rows.values()] == [
        "contact",
        "other",
    ]


@pytest.mark.parametrize("batch", [False, True])
async def test_a_difference_is_made_equal_by_a_line_of_its_own(
    box: OdooSandbox,
    connect: Any,
    order: Any,
    command: Any,
    batch: bool,
) -> None:
    """Within the threshold; beyond it the order stays a quotation."""
    near = order(totals=Totals(total=Money(amount=Decimal("69.80"), currency="USD")))
    nearer = order(totals=Totals(total=Money(amount=Decimal("69.81"), currency="USD")))
    far = order(2, totals=Totals(total=Money(amount=Decimal("60.00"), currency="USD")))
    async with connect(box, adjust_totals=True, max_total_difference="0.05") as odoo:
        if batch:
            done, refused = await odoo.apply_many([command(near), command(far)])
        else:
            done = await odoo.apply(command(near))
            with pytest.raises(crossdock.RejectedError) as caught:
                await odoo.apply(command(far))
            refused = caught.value
        assert refused.reason == "total_differs"
        assert done.note.endswith("total 69.80 USD")
        assert done.extra_ids.keys() == {line.line_id for line in near.lines}
        again = await odoo.apply(command(near, "order.update"))
        assert not again.changed
        mug, tote = nearer.lines
        more = nearer.model_copy(
            update={
                "lines": (mug, tote, mug.model_copy(update={"line_id": "9"})),
                "totals": Totals(total=Money(amount=Decimal("99.59"), currency="USD")),
            }
        )
        edited = await odoo.apply(command(more, "order.update"))
    assert "total 99.59" in edited.note
    assert [row["state"] for row in box.store.tables["sale.order"].rows.values()] == [
        "sale", "draft",
    ]  # fmt: skip

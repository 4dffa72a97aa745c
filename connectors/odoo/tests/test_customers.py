"""Customers are contacts, the same that their orders use."""

from typing import Any

import crossdock
import pytest
from crossdock.canonical import Address, Customer, EntityRef
from crossdock.identity import entity_id
from crossdock_odoo.sandbox import Misbehaviour, OdooSandbox

HOME = Address(lines=("1 Main St",), locality="Palo Alto", region="CA", country="US")
WORK = Address(full_name="Ada (work)", lines=("5 Mission St",), country="US")


def _ada(**more: Any) -> Customer:
    values: dict[str, Any] = {
        "id": entity_id("web", "customer", "7"),
        "name": "Ada Byron",
        "email": "Ada_B@example.com",
        "addresses": (HOME, WORK),
        "tags": ("vip", "press"),
        "language": "en-GB",
        "note": "<b>",
    }
    return Customer(**{**values, **more})


def _wish(customer: Customer) -> crossdock.Command[Any]:
    return crossdock.Command(
        id=f"cmd_{customer.id}",
        type="customer.publish",
        data=customer,
        entity_id=customer.id or "",
    )


def _row(box: OdooSandbox, receipt: crossdock.Receipt) -> dict[str, Any]:
    row: dict[str, Any] = box.store.row("res.partner", int(receipt.native_id or 0))
    return row


async def test_a_new_customer_and_their_order(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    async with connect(box) as odoo:
        first = await odoo.apply(_wish(_ada()))
        assert await odoo.apply(_wish(_ada())) == first
        where = {"billing_address": HOME, "shipping_address": WORK}
        await odoo.apply(command(order(customer=EntityRef(id=_ada().id), **where)))
    row = _row(box, first)
    assert (row["name"], row["city"], row["lang"]) == ("Ada Byron", "Palo Alto", "en_US")
    assert row["comment"] == "&lt;b&gt;"
    tags = [box.store.display("res.partner.category", tag) for tag in row["category_id"]]
    assert tags == ["vip", "press"]
    children = box.store.by("res.partner", "parent_id", row["id"])
    assert [(child["type"], child["street"]) for child in children] == [
        ("other", "5 Mission St"),
        ("invoice", "1 Main St"),
        ("delivery", "5 Mission St"),
    ]
    (sale,) = box.store.tables["sale.order"].rows.values()
    assert sale["partner_id"] == row["id"]


async def test_the_one_with_the_same_email_is_taken_over(box: OdooSandbox, connect: Any) -> None:
    """Nothing of hers is blanked; a pattern character in an email matches itself alone."""
    there = {"name": "A. Byron", "email": "ada_b@EXAMPLE.com", "phone": "+1555", "city": "Old"}
    native = box.store.create("res.partner", {**there, "vat": "US1"})
    box.store.create("res.partner", {"name": "Other", "email": "adaxb@example.com"})
    async with connect(box) as odoo:
        receipt = await odoo.apply(_wish(_ada(addresses=())))
        assert (await odoo.apply(_wish(_ada()))).native_id == str(native)
        second = _ada(id=entity_id("web", "customer", "8"))
        other = await odoo.apply(_wish(second))
    row = _row(box, receipt)
    assert (row["id"], row["name"], row["phone"], row["vat"]) == (
        native,
        "Ada Byron",
        "+1555",
        "US1",
    )
    assert other.native_id != receipt.native_id


async def test_orders_do_not_rewrite_a_contact_that_was_there(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    """One by one, in a batch, and when edited: only `customer.publish` writes to it."""
    there = {"name": "A. Byron", "email": "ada_b@example.com", "street": "Kept 1"}
    native = box.store.create("res.partner", there)
    customer = {"customer": EntityRef(id=_ada().id)}
    async with connect(box) as odoo:
        await odoo.apply(_wish(_ada(name=None, addresses=())))
        await odoo.apply(command(order(1, **customer)))
        await odoo.apply_many([command(order(2, **customer)), command(order(3, **customer))])
        await odoo.apply(command(order(1, **customer), "order.update"))
    row = box.store.row("res.partner", native)
    assert (row["name"], row["street"]) == ("A. Byron", "Kept 1")
    sales = box.store.tables["sale.order"].rows.values()
    assert [sale["partner_id"] for sale in sales] == [native] * 3


@pytest.mark.parametrize("config", [{}, {"match_customers": "never"}])
async def test_when_nobody_is_taken_over(config: Any, connect: Any) -> None:
    """Two with the same email, an employee, or the wish not to."""
    box = OdooSandbox()
    twins = 1 if config else 2
    for _ in range(twins):
        box.store.create("res.partner", {"name": "Ada", "email": "ada_b@example.com"})
    employee = {"name": "Ann", "email": "ann@example.com", "partner_share": False}
    staff = box.store.create("res.partner", employee)
    async with connect(box, **config) as odoo:
        receipt = await odoo.apply(_wish(_ada()))
        ann = await odoo.apply(
            _wish(_ada(id=entity_id("w", "customer", "9"), email="ann@example.com"))
        )
    assert int(receipt.native_id or 0) > staff
    assert ann.native_id != str(staff)


async def test_erased_and_merged(box: OdooSandbox, connect: Any) -> None:
    gone = _ada(erased_at="2026-11-23T00:00:00Z", name=None, email=None, addresses=(), tags=())
    async with connect(box) as odoo:
        assert not (await odoo.apply(_wish(gone))).changed
        receipt = await odoo.apply(_wish(_ada()))
        await odoo.apply(_wish(_ada(merged_into=EntityRef(id="cus_2"))))
        assert not _row(box, receipt)["active"]
        await odoo.apply(_wish(gone))
    rows = [_row(box, receipt), *box.store.by("res.partner", "parent_id", int(receipt.native_id))]
    assert len(rows) == 2
    for row in rows:
        assert "Ada" not in str(row)
        assert "Mission" not in str(row)


async def test_unknown_country_and_state(connect: Any) -> None:
    moon = HOME.model_copy(update={"country": "ZZ"})
    state = HOME.model_copy(update={"region": "XX"})
    async with connect(OdooSandbox(), unknown_region="reject") as odoo:
        for address, reason in ((moon, "unknown_country"), (state, "unknown_state")):
            with pytest.raises(crossdock.RejectedError, match="customer Ada Byron") as caught:
                await odoo.apply(_wish(_ada(addresses=(address,))))
            assert caught.value.reason == reason


@pytest.mark.parametrize("step", range(10))
async def test_a_lost_answer_at_any_call_makes_nobody_twice(step: int, connect: Any) -> None:
    box = OdooSandbox()
    box.store.create("res.partner", {"name": "Ada", "email": "ada_b@example.com"})
    async with connect(box) as odoo:
        box.faults.append(Misbehaviour("lost_answer", 1, after=step))
        for _ in range(3):
            try:
                await odoo.apply(_wish(_ada()))
            except crossdock.UnavailableError:
                continue
    assert len(box.store.tables["res.partner"].rows) == 2
    assert len(box.store.tables["res.partner.category"].rows) == 2

"""Who buys, and where it goes: the rows of one `load` into res.partner. Pure.

A customer is one contact with the customer's id; every address is a child contact, and its
external id is a digest of what it says. So the same address is one record however often it is
used, and a changed address never rewrites the one an earlier order was sent to.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from crossdock.canonical import Address, Order
from crossdock.identity import digest


@dataclass(frozen=True, kw_only=True)
class Parties:
    """Rows for `load`, and which of them is the customer, the bill-to and the ship-to."""

    rows: tuple[dict[str, str], ...]
    customer: int
    invoice_to: int
    ship_to: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """What country and region of an address are called in Odoo."""

    country: int | None = None
    state: int | None = None
    region: str = ""
    """What to write beside the city, for Odoo has no such state."""


def addresses(order: Order) -> list[Address]:
    """Every address of an order."""
    both = (order.billing_address, order.shipping_address)
    return [address for address in both if address is not None]


def parties(order: Order, namespace: str, places: Mapping[int, Place]) -> Parties:
    """`places` is by position in `addresses(order)`."""
    key = order.customer.id if order.customer and order.customer.id else f"{order.id}__buyer"
    known = addresses(order)
    billing = order.billing_address
    same = billing == order.shipping_address
    if same:
        known = known[:1]
    first = known[0] if known else Address()
    name = order.customer_name or first.full_name or first.company or order.email
    customer = {
        "id": f"{namespace}.{key}",
        "name": name or f"Customer of {order.number}",
        "email": order.email or first.email or "",
        "phone": order.phone or first.phone or "",
        "type": "contact",
        "parent_id/id": "",
        **cells(first, places.get(0, Place())),
    }
    rows = [customer]
    for index, address in enumerate(known):
        kind = "other" if same else "invoice" if address is billing else "delivery"
        mark = address_mark(key, kind, address)
        rows.append(
            {
                "id": f"{namespace}.{key}__addr_{mark}",
                "name": address.full_name or address.company or str(customer["name"]),
                "email": address.email or "",
                "phone": address.phone or "",
                "type": kind,
                "parent_id/id": customer["id"],
                **cells(address, places.get(index, Place())),
            }
        )
    return Parties(
        rows=tuple(rows),
        customer=0,
        invoice_to=1 if billing is not None else 0,
        ship_to=len(rows) - 1 if order.shipping_address is not None else 0,
    )


def address_mark(key: str, kind: str, address: Address) -> str:
    """What tells an address of a customer from others: a digest of all it says."""
    return digest(key, kind, *_said(address))


def _said(address: Address) -> list[str]:
    return [
        address.full_name or "",
        address.company or "",
        *address.lines,
        "|",
        address.postal_code or "",
        address.locality or "",
        address.region or "",
        address.country or "",
        address.phone or "",
        address.email or "",
    ]


def cells(address: Address, place: Place) -> dict[str, str]:
    """The columns of an address."""
    lines = [line for line in address.lines if line]
    if address.company and address.full_name:
        lines.insert(0, address.company)  # `company_name` would not be printed on a label
    return {
        "street": lines[0] if lines else "",
        "street2": ", ".join(lines[1:]),
        "zip": address.postal_code or "",
        "city": ", ".join(part for part in (address.locality, place.region) if part),
        "state_id/.id": str(place.state) if place.state else "",
        "country_id/.id": str(place.country) if place.country else "",
    }

"""Customers by themselves: a contact each, the same that their orders use.

A customer is one `res.partner` with our external id. Where Odoo has exactly one contact with the
same email, who is no employee and not ours yet, that one is taken over (`match_customers`). Of a
contact that was taken over only what the customer states is written; nothing is blanked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import crossdock
from crossdock.canonical import Address, Customer
from crossdock.identity import digest

from crossdock_odoo import partners
from crossdock_odoo.loading import load
from crossdock_odoo.marks import all_names
from crossdock_odoo.masterdata import MasterData
from crossdock_odoo.places import place
from crossdock_odoo.rpc import Rpc
from crossdock_odoo.takeover import leave_marks

Row = dict[str, str]
KEPT = ("id", "name", "type", "active")


@dataclass(frozen=True)
class Customers:
    """What `apply` does with `customer.publish`."""

    rpc: Rpc
    master: MasterData
    namespace: str

    async def publish(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Create or bring up to date; the default address is the contact's own."""
        customer = command.data
        if not isinstance(customer, Customer):
            raise crossdock.ContractError("customer.publish needs a Customer")
        name = command.entity_id
        who = f"customer {customer.name or customer.email or name}"
        native, taken = await self._known(name)
        if native is None and customer.email and customer.erased_at is None:
            native = await self._by_email(customer.email)
            if native is not None:
                taken = True
                self.master.took_over()
                await leave_marks(
                    self.rpc, self.namespace, {name: native}, noupdate=True, model="res.partner"
                )
        if customer.erased_at is not None:
            return await self._erase(name, native)
        places = [await place(self.master, address, who) for address in customer.addresses]
        row = {
            "id": f"{self.namespace}.{name}",
            **_cells(customer),
            **await self._looked_up(customer, native),
            **_home(customer.addresses, places),
        }
        if taken:
            row = {key: cell for key, cell in row.items() if cell or key in KEPT}
            if not (customer.name or customer.company):
                del row["name"]
        (record,) = await load(self.rpc, "res.partner", [row])
        children = [
            _child(self.namespace, name, customer, address, where)
            for address, where in list(zip(customer.addresses, places, strict=True))[1:]
        ]
        if children:
            await load(self.rpc, "res.partner", children)
        note = f"contact {record}" + (", taken over" if taken else "")
        return crossdock.Receipt(native_id=str(record), note=note)

    async def _known(self, name: str) -> tuple[int | None, bool]:
        """Our contact, and whether it was there before us."""
        rows = await self.rpc.search_read(
            "ir.model.data",
            [
                ["module", "=", self.namespace],
                ["name", "=", name],
                ["model", "=", "res.partner"],
            ],
            ["res_id", "noupdate"],
        )
        if not rows or not await self.rpc.read("res.partner", [rows[0]["res_id"]], ["name"]):
            return None, False
        return rows[0]["res_id"], rows[0]["noupdate"]

    async def _by_email(self, email: str) -> int | None:
        """The one contact with this email, letters of both cases alike; None when there are two."""
        if self.rpc.config.match_customers != "email":
            return None
        rows = await self.rpc.search_read(
            "res.partner",
            [
                ["email", "=ilike", email.replace("\\", "\\\\").replace("_", "\\_")],
                ["parent_id", "=", False],
                ["partner_share", "=", True],
            ],
            ["email"],
            order="id",
        )
        same = [row["id"] for row in rows if row["email"].strip().casefold() == email.casefold()]
        if len(same) != 1:
            return None
        if await all_names(self.rpc, self.namespace, "res.partner", same):
            return None  # another customer of the channel with the same email
        return int(same[0])

    async def _looked_up(self, customer: Customer, native: int | None) -> Row:
        """Language and tags, which are records in Odoo. Tags are added, never taken away."""
        row: Row = {}
        if customer.language:
            code = await self.master.language(customer.language)
            if code:
                row["lang"] = code
        if customer.tags:
            held: list[int] = []
            if native is not None:
                (found,) = await self.rpc.read("res.partner", [native], ["category_id"])
                held = found["category_id"]
            ids = dict.fromkeys([*held, *await self._tags(customer.tags)])
            row["category_id/.id"] = ",".join(map(str, ids))
        return row

    async def _tags(self, names: Sequence[str]) -> list[int]:
        rows = await self.rpc.search_read(
            "res.partner.category", [["name", "in", list(names)]], ["name"], order="id desc"
        )
        known = {row["name"]: row["id"] for row in rows}
        missing = [name for name in dict.fromkeys(names) if name not in known]
        if missing:
            made = await load(
                self.rpc,
                "res.partner.category",
                [{"id": f"{self.namespace}.tag_{digest(name)}", "name": name} for name in missing],
            )
            known |= zip(missing, made, strict=True)
        return [known[name] for name in names]

    async def _erase(self, name: str, native: int | None) -> crossdock.Receipt:
        """Personal data goes; the record stays where orders and invoices point at it, archived."""
        if native is None:
            return crossdock.Receipt(changed=False, note="was never created in Odoo")
        children = await self.rpc.search_read(
            "res.partner",
            [["parent_id", "=", native]],
            ["name"],
            context={"active_test": False},
        )
        blank = dict.fromkeys(ERASED, False)
        ids = [native, *(row["id"] for row in children)]
        values = {**blank, "name": f"Erased {name}", "active": False}
        await self.rpc.call("res.partner", "write", ids=ids, vals=values)
        return crossdock.Receipt(native_id=str(native), note=f"{len(ids)} contacts erased")


ERASED = ("email", "phone", "street", "street2", "zip", "city", "vat", "comment", "company_name")


def _cells(customer: Customer) -> Row:
    return {
        "name": customer.name or customer.company or customer.email or "Customer without a name",
        "company_name": customer.company or "",
        "email": customer.email or "",
        "phone": customer.phone or "",
        "vat": customer.tax_number or "",
        "comment": escape(customer.note) if customer.note else "",
        "type": "contact",
        "active": "0" if customer.merged_into is not None else "1",
    }


def _home(addresses: Sequence[Address], places: Sequence[partners.Place]) -> Row:
    """Nothing where none is stated: an order may have told one."""
    return partners.cells(addresses[0], places[0]) if addresses else {}


def _child(
    namespace: str, name: str, customer: Customer, address: Address, where: partners.Place
) -> Row:
    """The same record as that of an order sent and billed to this address."""
    return {
        "id": f"{namespace}.{name}__addr_{partners.address_mark(name, 'other', address)}",
        "name": address.full_name or address.company or customer.name or customer.email or name,
        "email": address.email or "",
        "phone": address.phone or "",
        "type": "other",
        "parent_id/id": f"{namespace}.{name}",
        **partners.cells(address, where),
    }

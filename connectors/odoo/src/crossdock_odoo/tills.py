"""Sales of a till: orders that were paid and handed over when we hear of them.

An order whose `sales_channel` is listed under `tills` becomes a `pos.order` through `sync_from_ui`,
the call that Odoo's own till makes. Its `uuid` derives from the order's id, so that a second call
finds the first one's order (recordings 16/10 and 16/11). The goods leave at once; there is nothing
to ship and nothing to invoice. A session is opened where none is, and never closed: that is for
staff.

Up to 18 two calls at the same moment could both create, for `uuid` is not unique in the database:
there an external id is claimed first, and a claim without an order is waited for.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import crossdock
from crossdock.canonical import EntityRef, Order

from crossdock_odoo.externalids import line_id_of
from crossdock_odoo.mapping import STAMP
from crossdock_odoo.orders import Orders
from crossdock_odoo.preparing import Prepared
from crossdock_odoo.saleorder import Position, line_tax, tax_key, unit_of

CLAIM_S = 900
"""So long after a claim the call that made it has surely ended: Odoo's workers are stopped after
`limit_time_real`, 120 s by default."""
KEY = "pos.order,"
FOUND = ["name", "amount_total", "currency_id", "state", "lines"]


@dataclass(frozen=True)
class Tills:
    """What `apply` and `find` do with orders of a till."""

    orders: Orders

    def concerns(self, command: crossdock.Command[Any]) -> bool:
        """Whether this is about an order of a till: by its channel, or by what it became here."""
        data = command.data
        if isinstance(data, Order):
            return data.sales_channel in self.orders.rpc.config.tills
        order = getattr(data, "order", None)
        if isinstance(order, EntityRef):
            told = command.native_id(order.id or "") or order.native_id or ""
            return told.startswith(KEY)
        return False

    async def handed_over(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """A shipment or payment of what was paid and left with the sale: nothing to do."""
        note = "a till order: it was paid, and its goods left with the sale"
        return crossdock.Receipt(changed=False, note=note)

    async def refuse(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """RejectedError: what staff must do at the till, such as a refund or a return."""
        raise crossdock.RejectedError(
            f"{command.type}: this order was sold at a till of Odoo's, so it is done there (Point "
            "of Sale, Orders, Return Products). Do it by hand and settle this",
            reason="till_order",
        )

    async def create(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Once by `uuid`. RejectedError: not paid, no such till or payment method, currency."""
        order: Order = command.data
        rpc = self.orders.rpc
        version = await rpc.version()
        if not version.syncs_till_orders:
            raise crossdock.RejectedError(
                f"order {order.number}: Odoo {version.text} takes no till orders with an id of "
                "their own, so that one could be sold twice. Take its channel out of `tills`",
                reason="no_till_orders",
            )
        found = await self.find(command) if command.attempt > 1 or not version.json2 else None
        if found is not None:
            return found
        due = order.totals.total.amount
        paid = order.payment.captured.amount if order.payment.captured else due
        if paid < due:
            raise crossdock.RejectedError(
                f"order {order.number}: {paid:f} of {due:f} {order.currency} is paid, and a till "
                "sells nothing on credit. Complete the payment in the till, then retry",
                reason="not_paid",
            )
        ready = await self.orders.preparer.prepare(order)
        session = await self._session(order)
        content = await self._content(order, ready, session)
        if not version.json2:
            await self._claim(command)
        try:
            await rpc.call("pos.order", "sync_from_ui", orders=[content])
        except crossdock.RejectedError:
            found = await self.find(command)
            if found is None:
                raise
            return found
        found = await self.find(command)
        if found is None:
            raise crossdock.UnavailableError(
                f"order {order.number}: the till took it and does not show it", outcome="unknown"
            )
        return found

    async def update(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """A till order is never rewritten. RejectedError: what was bought has changed."""
        order: Order = command.data
        found = await self._row(order)
        if found is None:
            return crossdock.Receipt(changed=False, note="was never created in Odoo")
        gone = [line.line_id for line in order.lines if line.cancelled]
        if gone:
            raise crossdock.RejectedError(
                f"{found['name']}, our order {order.number}: lines {', '.join(gone)} are cancelled "
                "in the shop, but were handed over at the till. Refund them there",
                reason="till_order",
                parts={"native_id": found["id"]},
            )
        note = f"{found['name']}, a till order: nothing to change"
        return crossdock.Receipt(native_id=_native(found), changed=False, note=note)

    async def cancel(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """RejectedError: it was sold; money goes back by a refund."""
        order: Order = command.data
        found = await self._row(order)
        if found is None:
            return crossdock.Receipt(changed=False, note="was never created in Odoo")
        raise crossdock.RejectedError(
            f"{found['name']}, our order {order.number}, was paid and handed over at the till. "
            "Refund it there instead of cancelling it",
            reason="till_order",
            parts={"native_id": found["id"]},
        )

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """The receipt of an order that is there."""
        order: Order = command.data
        found = await self._row(order)
        if found is None or command.type == "order.cancel":
            return None
        unit = unit_of(order.currency)
        total = Decimal(repr(found["amount_total"])).quantize(unit, ROUND_HALF_UP)
        note = f"{found['name']}, total {total:f} {order.currency}"
        asked = order.totals.total.amount
        if total != asked:
            note += f"; the channel says {asked:f}: {total - asked:+f}"
        rows = await self.orders.rpc.read("pos.order.line", found["lines"], ["uuid"])
        lines = {row["uuid"]: str(row["id"]) for row in rows}
        ids = {
            line.line_id: lines[key]
            for line in order.lines
            if (key := _uuid(order, "line", line.line_id)) in lines
        }
        return crossdock.Receipt(native_id=_native(found), note=note, extra_ids=ids)

    async def _row(self, order: Order) -> dict[str, Any] | None:
        rows = await self.orders.rpc.search_read(
            "pos.order", [["uuid", "=", _uuid(order, "order")]], FOUND, order="id", limit=1
        )
        return rows[0] if rows else None

    async def _session(self, order: Order) -> dict[str, Any]:
        """The open session of the till; opened where there is none."""
        rpc = self.orders.rpc
        config = await self._till(order)
        for _ in range(4):
            (row,) = await rpc.read(
                "pos.config",
                [config],
                [
                    "name",
                    "current_session_id",
                    "current_session_state",
                    "currency_id",
                    "payment_method_ids",
                ],
            )
            state, session = row["current_session_state"], row["current_session_id"]
            if state == "opened":
                return row
            try:
                if not session:
                    await rpc.call("pos.config", "open_ui", ids=[config])
                elif state == "opening_control":
                    (cash,) = await rpc.read(
                        "pos.session", [session], ["cash_register_balance_start"]
                    )
                    await rpc.call(
                        "pos.session",
                        "set_opening_control",
                        ids=[session],
                        cashbox_value=cash["cash_register_balance_start"],
                        notes="",
                    )
                else:
                    break
            except crossdock.RejectedError:
                continue  # somebody else opened it at the same moment: the state tells
        raise crossdock.RejectedError(
            f"order {order.number}: the session of the till {row['name']!r} is "
            f"{state or 'not opened'} and takes no orders. Open one in Odoo (Point of Sale), "
            "then retry",
            reason="till_not_open",
            parts={"till": row["name"]},
        )

    async def _till(self, order: Order) -> int:
        chosen = self.orders.rpc.config.tills[str(order.sales_channel)]
        rows = await self.orders.rpc.search_read(
            "pos.config",
            [["id" if isinstance(chosen, int) else "name", "=", chosen]],
            ["name"],
            order="id",
            limit=1,
        )
        if not rows:
            raise crossdock.ConfigError(
                f"tills: {order.sales_channel!r} is mapped to {chosen!r}, which is no point of "
                "sale of Odoo's. Write its name or database id"
            )
        return int(rows[0]["id"])

    async def _content(
        self, order: Order, ready: Prepared, session: dict[str, Any]
    ) -> dict[str, Any]:
        """As Odoo's own till sends it. Amounts are the channel's, taxes those of the lines."""
        await self._same_currency(order, session)
        unit = unit_of(order.currency)
        amounts = [_amounts(line, unit) for line in ready.lines]
        total = sum((gross for _, gross in amounts), Decimal(0))
        net = sum((found for found, _ in amounts), Decimal(0))
        self.orders.check_total(
            order,
            {"name": f"the till order {order.number}", "id": 0, "amount_total": float(total)},
        )
        placed = order.placed_at.astimezone(UTC).strftime(STAMP)
        partner = None
        if order.customer or order.email or ready.parties.rows[0]["email"]:
            rows = ready.parties.rows
            contacts = await self.orders.contacts(rows)
            partner = contacts[rows[ready.parties.customer]["id"]]
        return {
            "uuid": _uuid(order, "order"),
            "name": order.number,
            "pos_reference": order.number,
            "session_id": session["current_session_id"],
            "partner_id": partner or False,
            "date_order": placed,
            "pricelist_id": False,
            "fiscal_position_id": False,
            "state": "paid",
            "to_invoice": False,
            "amount_paid": float(total),
            "amount_total": float(total),
            "amount_tax": float(total - net),
            "amount_return": 0,
            "lines": [
                [0, 0, self._line(order, ready, line, *figures)]
                for line, figures in zip(ready.lines, amounts, strict=True)
            ],
            "payment_ids": [
                [
                    0,
                    0,
                    {
                        "uuid": _uuid(order, "payment"),
                        "amount": float(total),
                        "payment_method_id": await self._method(order, session),
                        "payment_date": placed,
                    },
                ]
            ],
        }

    def _line(
        self, order: Order, ready: Prepared, line: Position, net: Decimal, gross: Decimal
    ) -> dict[str, Any]:
        taxes = [
            ready.names.taxes[key] for tax in line.taxes if (key := tax_key(tax, order, line.text))
        ]
        return {
            "uuid": _uuid(order, "line", line_id_of(order.id or "", line.name) or line.name),
            "product_id": ready.names.products[line.sku],
            "full_product_name": line.text,
            "qty": float(line.quantity),
            "price_unit": float(line.price),
            "discount": 0,
            "price_subtotal": float(net),
            "price_subtotal_incl": float(gross),
            "tax_ids": [[6, 0, taxes]],
        }

    async def _same_currency(self, order: Order, session: dict[str, Any]) -> None:
        (row,) = await self.orders.rpc.read("res.currency", [session["currency_id"]], ["name"])
        if row["name"] != order.currency:
            raise crossdock.RejectedError(
                f"order {order.number} is in {order.currency}, and the till {session['name']!r} "
                f"sells in {row['name']}. Map its channel to a till in {order.currency}",
                reason="till_currency",
            )

    async def _method(self, order: Order, session: dict[str, Any]) -> int:
        """The payment method of the first word for how it was paid. RejectedError: none fits."""
        rows = await self.orders.rpc.read(
            "pos.payment.method", session["payment_method_ids"], ["name", "type"]
        )
        word = order.payment.methods[0] if order.payment.methods else ""
        chosen = self.orders.rpc.config.till_payments.get(word, word)
        for row in rows:
            if chosen in (row["id"], row["name"]) or str(row["name"]).casefold() == word.casefold():
                return int(row["id"])
        kind = "cash" if word == "cash" else "bank" if not word else ""
        for row in rows:
            if row["type"] == kind:
                return int(row["id"])
        raise crossdock.RejectedError(
            f"order {order.number}: paid by {word!r}, for which the till {session['name']!r} has "
            f"no method; it has {', '.join(str(row['name']) for row in rows)}. Map it: "
            f'till_payments: {{"{word}": <id or name>}}',
            reason="no_payment_method",
            parts={"method": word},
        )

    async def _claim(self, command: crossdock.Command[Any]) -> None:
        """One call at a time, see above. UnavailableError: an earlier one may still be at work."""
        rpc, name = self.orders.rpc, f"{command.entity_id}__till"
        domain = [["module", "=", self.orders.namespace], ["name", "=", name]]
        mark = {"module": self.orders.namespace, "name": name, "model": "pos.order", "res_id": 0}
        for _ in range(2):
            rows = await rpc.search_read("ir.model.data", domain, ["create_date"])
            if not rows:
                try:
                    await rpc.call("ir.model.data", "create", vals_list=[mark])
                except crossdock.RejectedError:
                    continue  # somebody else was first
                return
            made = datetime.strptime(rows[0]["create_date"][:19], STAMP).replace(tzinfo=UTC)
            told = await rpc.call("sale.order", "default_get", fields=["date_order"])
            now = datetime.strptime(told["date_order"][:19], STAMP).replace(tzinfo=UTC)
            if now - made > timedelta(seconds=CLAIM_S):
                return
            break
        raise crossdock.UnavailableError(
            f"order {command.data.number}: an earlier call to the till may still be at work. "
            f"It is tried again; {CLAIM_S} s after it began it counts as lost",
            outcome="failed",
        )


def _amounts(line: Position, unit: Decimal) -> tuple[Decimal, Decimal]:
    """Without and with taxes, as Odoo rounds them line by line."""
    price = (line.price * line.quantity).quantize(unit, ROUND_HALF_UP)
    included = [tax for tax in line.taxes if tax.included]
    inside = line_tax(price, included, unit)
    on_top = line_tax(price, line.taxes, unit) - inside
    return price - inside, price + on_top


def _uuid(order: Order, *what: str) -> str:
    """The same for the same order at any time: what makes a second call harmless."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, ":".join(("crossdock", order.id or "", *what))))


def _native(row: dict[str, Any]) -> str:
    """Told from sales orders, whose ids it shares."""
    return f"{KEY}{row['id']}"

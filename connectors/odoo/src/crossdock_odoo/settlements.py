"""Statements of marketplaces and payment services, booked as journal entries.

One statement is one entry: each of its sums on the account configured for its category, what is
paid out on the account `payout`. It is one `load` with external ids for the entry and its lines,
then posted; a statement that is there already is not booked again, also when it says something else
now. A statement that does not add up to the cent is refused before anything is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import crossdock
from crossdock.canonical import Settlement

from crossdock_odoo import marks, saleorder
from crossdock_odoo.books import FISCAL_LOCKS, Books, day_of, of_float, text_of
from crossdock_odoo.externalids import own_name
from crossdock_odoo.invoicing import MOVE
from crossdock_odoo.loading import load
from crossdock_odoo.masterdata import MasterData
from crossdock_odoo.rpc import Rpc

PAYOUT, OTHER, CARRIED = "payout", "other", "previous_balance"


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line of the entry; positive amounts are debits."""

    what: str
    amount: Decimal


@dataclass(frozen=True)
class Settlements:
    """What `apply` and `find` do with `settlement.create`."""

    rpc: Rpc
    master: MasterData
    books: Books
    namespace: str

    async def create(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Book it. RejectedError: it does not add up, or its period is closed."""
        statement = command.data
        if not isinstance(statement, Settlement):
            raise crossdock.ContractError("settlement.create needs a Settlement")
        lines = items(statement)
        if not lines:
            return crossdock.Receipt(
                changed=False, note=f"settlement {statement.number} moves no money"
            )
        there = await self._entry(command.entity_id)
        if there is not None and there["state"] == "posted":
            return await self._receipt(statement, there, changed=False)
        if there is not None and there["state"] == "cancel":
            raise crossdock.RejectedError(
                f"the entry of settlement {statement.number}, {there['name'] or there['id']}, was "
                "cancelled in Odoo. Reset it there to draft and retry, or resolve this",
                reason="entry_is_cancel",
                parts={"native_id": there["id"]},
            )
        day = day_of(statement.period_end)
        what = f"settlement {statement.number}"
        await self.books.refuse_if_closed(day, what, FISCAL_LOCKS)
        accounts = await self._accounts(statement, lines)
        rows = await self._rows(command.entity_id, statement, lines, accounts)
        try:
            (native,) = await load(self.rpc, MOVE, rows)
        except crossdock.RejectedError as error:
            again = await self._entry(command.entity_id)
            if again is not None and again["state"] == "posted":
                return await self._receipt(statement, again, changed=False)
            raise await self.books.explained(error, day) from None
        posted = await self.books.post(native)
        return await self._receipt(statement, posted, changed=True)

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """The receipt of a statement that is posted."""
        there = await self._entry(command.entity_id)
        if there is None or there["state"] != "posted":
            return None
        return await self._receipt(command.data, there, changed=True)

    async def _entry(self, settlement_id: str) -> dict[str, Any] | None:
        record = await marks.marked(self.rpc, self.namespace, settlement_id, MOVE)
        return await self.books.state(record) if record else None

    async def _accounts(self, statement: Settlement, lines: Sequence[Item]) -> dict[str, int]:
        """Accounts by category. RejectedError names those that are configured for none."""
        config = self.rpc.config.settlement_accounts
        missing = [
            item.what
            for item in lines
            if item.what not in config and (item.what == PAYOUT or OTHER not in config)
        ]
        if missing:
            told = ", ".join(f"{what}: <code of an account>" for what in missing)
            raise crossdock.RejectedError(
                f"settlement {statement.number}: no account of Odoo's is configured for "
                f"{', '.join(missing)}. Write settlement_accounts: {{{told}}}, or one for "
                f"`{OTHER}`",
                reason="no_account",
                parts={"categories": missing},
            )
        return {
            item.what: await self.books.account(
                config[item.what if item.what in config else OTHER],
                f"settlement_accounts: {item.what}",
            )
            for item in lines
        }

    async def _rows(
        self,
        settlement_id: str,
        statement: Settlement,
        lines: Sequence[Item],
        accounts: Mapping[str, int],
    ) -> list[dict[str, str]]:
        config = self.rpc.config
        day = day_of(statement.period_end)
        foreign = statement.currency != await self.master.company_currency()
        currency = await self.books.currency(statement.currency)
        amounts = [item.amount for item in lines]
        if foreign:
            rate = await self.books.rate(statement.currency, day)
            home = await self.master.company_currency()
            amounts = balanced(amounts, rate, saleorder.unit_of(home))
        head = {
            "id": f"{self.namespace}.{settlement_id}",
            "move_type": "entry",
            "journal_id/.id": str(
                await self.books.journal(config.settlement_journal, "settlement_journal")
            ),
            "date": day,
            "currency_id/.id": str(currency),
            "ref": text_of("Settlement", statement.channel, statement.number),
        }
        if config.company is not None:
            head["company_id/.id"] = str(config.company)
        rows = []
        for item, amount in zip(lines, amounts, strict=True):
            row = {
                "line_ids/id": f"{self.namespace}.{own_name(settlement_id, item.what)}",
                "line_ids/account_id/.id": str(accounts[item.what]),
                "line_ids/name": f"{item.what.replace('_', ' ')} {statement.number}",
                "line_ids/debit": f"{max(amount, Decimal(0)):f}",
                "line_ids/credit": f"{max(-amount, Decimal(0)):f}",
            }
            if foreign:
                row["line_ids/currency_id/.id"] = str(currency)
                row["line_ids/amount_currency"] = f"{item.amount:f}"
            rows.append(row)
        rows[0] = {**head, **rows[0]}
        return rows

    async def _receipt(
        self, statement: Settlement, entry: Mapping[str, Any], *, changed: bool
    ) -> crossdock.Receipt:
        note = (
            f"{entry['name']}: settlement {statement.number}, {statement.total.amount:f} "
            f"{statement.currency}, of {entry['date']}"
        )
        if not changed:
            rows = await self.rpc.search_read(
                "account.move.line",
                [["move_id", "=", entry["id"]]],
                ["debit", "amount_currency"],
            )
            there = sum(max(of_float(row["amount_currency"]), Decimal(0)) for row in rows)
            wanted = sum((max(item.amount, Decimal(0)) for item in items(statement)), Decimal(0))
            note += ", booked before"
            if there != wanted:
                note += f", with {there:f} in all where the statement now says {wanted:f}"
        return crossdock.Receipt(native_id=str(entry["id"]), changed=changed, note=note)


def items(statement: Settlement) -> list[Item]:
    """The lines of the entry, one for each category and one for what is paid out.

    Seen from the books: a sale is a credit, a fee and the money that arrives are debits. What was
    carried over and what is carried on count unless the sums say so already. RejectedError
    `not_balanced`: sums and total differ.
    """
    sums: dict[str, Decimal] = {}
    for part in statement.sums:
        sums[part.category] = sums.get(part.category, Decimal(0)) + part.amount.amount
    total = statement.total.amount
    told = sum(sums.values(), Decimal(0))
    opening = statement.opening.amount if statement.opening else Decimal(0)
    closing = statement.closing.amount if statement.closing else Decimal(0)
    if told != total and told + opening - closing == total:
        sums[CARRIED] = sums.get(CARRIED, Decimal(0)) + opening - closing
    elif told != total:
        parts = ", ".join(f"{what} {many:f}" for what, many in sums.items()) or "nothing"
        raise crossdock.RejectedError(
            f"settlement {statement.number} does not add up: {parts} come to {told:f}, and "
            f"{total:f} {statement.currency} are said to be paid out (carried over {opening:f}, "
            f"carried on {closing:f}). Ask the sender, or book it in Odoo by hand",
            reason="not_balanced",
            parts={"sums": f"{told:f}", "total": f"{total:f}"},
        )
    lines = [Item(what=what, amount=-many) for what, many in sums.items() if many]
    if total:
        lines.append(Item(what=PAYOUT, amount=total))
    return lines


def balanced(amounts: Sequence[Decimal], rate: Decimal, unit: Decimal) -> list[Decimal]:
    """Amounts in the company's currency, each rounded; the largest takes what is left over."""
    found = [(amount / rate).quantize(unit, ROUND_HALF_UP) for amount in amounts]
    largest = max(range(len(found)), key=lambda index: abs(found[index]))
    found[largest] -= sum(found, Decimal(0))
    return found

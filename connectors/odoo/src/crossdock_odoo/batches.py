"""Orders by the batch: Odoo confirms three a second one by one and a dozen together.

One batch is written while the one before it is confirmed: writing quotations touches no stock, and
confirming at two places at once would (`stock.quant` rows conflict, and the server then sleeps).
How many orders a batch has adapts to `batch_s`. All calls are all-or-nothing; see `load_each` and
`_confirm_these` for how one bad order is kept from harming the others.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import crossdock
from crossdock.canonical import Order

from crossdock_odoo.loading import load_each
from crossdock_odoo.orders import CONFIRMED, DRAFT, STATE, Orders, is_held
from crossdock_odoo.preparing import Prepared

FIRST = 10
COMPARED = ("name", "email", "phone", "street", "street2", "zip", "city", "state_id", "country_id")
"""What a customer's contact is compared by: writing one takes as long as creating an order."""

Answer = crossdock.Receipt | crossdock.CrossdockError


@dataclass
class Job:
    """One order on its way."""

    command: crossdock.Command[Any]
    order: Order
    order_id: str
    native: int = 0
    state: str = "draft"
    names: Sequence[str] = ()
    answer: Answer | None = None


@dataclass
class Batches:
    """`order.create` for many; shared by all calls of one connection."""

    orders: Orders
    size: float = FIRST
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _confirming: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def create(self, commands: Sequence[crossdock.Command[Any]]) -> list[Answer]:
        """One answer for each command, in order; see `crossdock.connector.AppliesMany`."""
        jobs: list[Job] = []
        answers: list[Job | Answer] = []
        for command in commands:
            order = command.data
            if isinstance(order, Order) and order.id:
                jobs.append(Job(command, order, order.id))
                answers.append(jobs[-1])
            else:
                answers.append(
                    crossdock.ContractError("order.create needs an Order with its canonical id")
                )
        pending = deque(jobs)
        workers = [asyncio.create_task(self._work(pending)) for _ in range(2)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
        return [answer.answer if isinstance(answer, Job) else answer for answer in answers]  # type: ignore[misc]

    async def _work(self, pending: deque[Job]) -> None:
        while pending:
            async with self._writing:
                batch = [pending.popleft() for _ in range(min(len(pending), int(self.size)))]
                if not batch:
                    return
                start = time.monotonic()
                ready = await self._guarded(batch, self._write(batch))
                spent = time.monotonic() - start
            async with self._confirming:
                start = time.monotonic()
                await self._guarded(batch, self._confirm(ready or []))
                self._adapt(batch, spent + time.monotonic() - start)

    async def _guarded(self, batch: Sequence[Job], work: Any) -> Any:
        """An error of a call for the whole batch is the answer of all that have none yet."""
        try:
            return await work
        except crossdock.CrossdockError as error:
            for job in batch:
                job.answer = job.answer or error
            return None

    def _adapt(self, batch: Sequence[Job], seconds: float) -> None:
        config = self.orders.rpc.config
        if any(isinstance(job.answer, crossdock.TransientError) for job in batch):
            self.size = max(self.size / 2, 1)
            return
        fits = config.batch_s / max(seconds / len(batch), 0.001)
        self.size = max(min(fits, self.size * 2, config.batch_max), 1)

    async def _write(self, batch: Sequence[Job]) -> list[Job]:
        """Quotations for those that have none yet; what is to be confirmed."""
        orders = self.orders
        await orders.preparer.warm([job.order for job in batch])
        tried: list[tuple[Job, Prepared | crossdock.PermanentError]] = []
        for job in batch:
            try:
                tried.append((job, await orders.preparer.prepare(job.order)))
            except crossdock.PermanentError as error:
                tried.append((job, error))
        rows = _rows(one for _, one in tried if isinstance(one, Prepared))
        known = await self._known([job.order_id for job in batch], rows)
        for job in batch:
            job.native = known.get(("sale.order", job.order_id), 0)
        await self._read_states([job for job in batch if job.native])
        prepared: list[tuple[Job, Prepared]] = []
        for job, one in tried:
            if job.native and job.state not in DRAFT:
                continue  # it was done before, whatever it lacks by now
            if isinstance(one, Prepared):
                prepared.append((job, one))
            else:
                job.answer = one
        contacts = await self._contacts([ready for _, ready in prepared], known)
        writable: list[tuple[Job, Prepared]] = []
        for job, ready in prepared:
            wrong = [contacts[row["id"]] for row in ready.parties.rows]
            errors = [found for found in wrong if isinstance(found, crossdock.CrossdockError)]
            if errors:
                job.answer = errors[0]
            else:
                writable.append((job, ready))
        ids = {key: found for key, found in contacts.items() if isinstance(found, int)}
        written = await load_each(
            orders.rpc, "sale.order", [ready.rows(ids) for _, ready in writable]
        )
        for (job, ready), found in zip(writable, written, strict=True):
            if isinstance(found, int):
                job.native, job.names = found, ready.line_names
            else:
                orders.master.forget_products(line.sku for line in ready.lines)
                job.answer = await self._alone(job, found)
        return [job for job in batch if job.answer is None]

    async def _alone(self, job: Job, error: crossdock.CrossdockError) -> Answer:
        """Odoo refused to write it. Perhaps another worker has confirmed it since we looked."""
        if not isinstance(error, crossdock.RejectedError):
            return error
        native = await self.orders.look(job.order_id)
        if native is None:
            return error
        state = (await self.orders.state(native))["state"]
        if state in DRAFT:
            return error
        try:
            return await self.orders.confirm(job.order, native, state)
        except crossdock.CrossdockError as other:
            return other

    async def _known(
        self, names: Sequence[str], contacts: Iterable[str]
    ) -> dict[tuple[str, str], int]:
        """Our records by model and name of the external id; `contacts` have the namespace."""
        cut = len(self.orders.namespace) + 1
        wanted = {*names, *(name[cut:] for name in contacts)}
        rows = await self.orders.rpc.search_read(
            "ir.model.data",
            [["module", "=", self.orders.namespace], ["name", "in", sorted(wanted)]],
            ["name", "model", "res_id"],
        )
        return {(row["model"], row["name"]): row["res_id"] for row in rows}

    async def _contacts(
        self, prepared: Sequence[Prepared], known: Mapping[tuple[str, str], int]
    ) -> dict[str, int | crossdock.CrossdockError]:
        """Partners by external id. An address that is there says what it is to say: its name is
        a digest of it. A customer is written only when something changed, and never when the
        contact was there before us."""
        rows = _rows(prepared)
        cut = len(self.orders.namespace) + 1
        contacts: dict[str, int | crossdock.CrossdockError] = {}
        current: dict[int, dict[str, Any]] = {}
        natives = {
            key: native
            for key in rows
            if (native := known.get(("res.partner", key[cut:]))) is not None
        }
        customers = [native for key, native in natives.items() if not rows[key]["parent_id/id"]]
        if customers:
            told = await self.orders.rpc.read("res.partner", customers, COMPARED)
            current = {row["id"]: row for row in told}
        contacts |= {
            key: native
            for key, native in natives.items()
            if rows[key]["parent_id/id"] or _same(rows[key], current.get(native, {}))
        }
        contacts |= await self.orders.taken([rows[key] for key in natives if key not in contacts])
        missing = [row for key, row in rows.items() if key not in contacts]
        missing.sort(key=lambda row: bool(row["parent_id/id"]))  # parents in one go, first
        written = await load_each(self.orders.rpc, "res.partner", [[row] for row in missing])
        contacts |= {row["id"]: found for row, found in zip(missing, written, strict=True)}
        return contacts

    async def _confirm(self, jobs: Sequence[Job]) -> None:
        orders = self.orders
        drafts = [job for job in jobs if job.state in DRAFT and not is_held(job.order)]
        if orders.checks_before and drafts:
            rows = {
                row["id"]: row
                for row in await orders.rpc.read(
                    "sale.order", [job.native for job in drafts], STATE
                )
            }
            for job in drafts:
                try:
                    row = rows.get(job.native) or await self._gone(job)
                    orders.check_total(job.order, row)
                    await orders.adjust(job.order, row)
                except crossdock.RejectedError as error:
                    job.answer = error
        await self._confirm_these([job for job in drafts if job.answer is None])
        await self._receipts([job for job in jobs if job.answer is None])

    async def _gone(self, job: Job) -> dict[str, Any]:
        return await self.orders.state(job.native)  # raises, in words

    async def _confirm_these(self, jobs: Sequence[Job]) -> None:
        """All in one transaction; those that Odoo still holds as quotations afterwards by halves,
        down to the one that Odoo refuses."""
        if not jobs:
            return
        ids = [job.native for job in jobs]
        try:
            await self.orders.rpc.call("sale.order", "action_confirm", ids=ids)
        except crossdock.RejectedError as error:
            await self._read_states(jobs)
            left = [job for job in jobs if job.state in DRAFT]
            if len(left) == len(jobs) == 1:
                left[0].answer = error
            elif len(left) < len(jobs):
                await self._confirm_these(left)
            else:
                await self._confirm_these(left[: len(left) // 2])
                await self._confirm_these(left[len(left) // 2 :])

    async def _read_states(self, jobs: Sequence[Job]) -> None:
        if jobs:
            ids = [job.native for job in jobs]
            rows = await self.orders.rpc.read("sale.order", ids, ["state"])
            states = {row["id"]: row["state"] for row in rows}
            for job in jobs:
                job.state = states.get(job.native, "deleted")

    async def _receipts(self, jobs: Sequence[Job]) -> None:
        """One read for all; the ids of lines follow from the order of the rows loaded."""
        if not jobs:
            return
        orders = self.orders
        rows = await orders.rpc.read("sale.order", [job.native for job in jobs], STATE)
        found = {row["id"]: row for row in rows}
        for job in jobs:
            state = found.get(job.native)
            try:
                if state is None:
                    state = await self._gone(job)
                orders.refuse_unless_confirmed(job.order, state)
                lines = await orders.lines(job.order_id, state["order_line"], job.names)
                job.answer = orders.receipt(job.order, job.native, state, lines)
                job.state = "sale" if state["state"] in CONFIRMED else state["state"]
            except crossdock.RejectedError as error:
                job.answer = error


def _rows(prepared: Iterable[Prepared]) -> dict[str, dict[str, str]]:
    """The contacts of many orders by external id; what the last one says of one counts."""
    return {row["id"]: row for ready in prepared for row in ready.parties.rows}


def _same(row: dict[str, str], current: dict[str, Any]) -> bool:
    """Whether a contact says already what we would write."""
    return all(
        (row.get(name) or row.get(f"{name}/.id") or "") == str(current.get(name) or "")
        for name in COMPARED
    )

"""DELIVER: carry out each command once at its connection.

    intents on disk → vendor calls → receipts on disk → outcome events

An intent without a receipt means that an earlier try ended in the dark: the connector is asked to
`find` what that try left before it may `apply` again. A command stands behind every earlier open
command of the same entity at the same target; the ledger's sequence decides, not the bus.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crossdock import jsontext
from crossdock.bus import Outgoing
from crossdock.canonical import Entity, Order, Ref
from crossdock.errors import AuthError, ContractError
from crossdock.events import COMMAND_TYPES, Command, Envelope, Receipt, now_text
from crossdock.identity import digest, event_id
from sqlalchemy.engine import Connection

from crossdock_stages import recovery
from crossdock_stages.calls import Target
from crossdock_stages.harness import House, Item
from crossdock_stages.ledger import desk, things, traffic
from crossdock_stages.ledger.desk import Waiter
from crossdock_stages.ledger.things import CrossReference
from crossdock_stages.ledger.traffic import Intent, Standing, ToSend
from crossdock_stages.recovery import Trouble
from crossdock_stages.topology import Topology


@dataclass(frozen=True)
class _Look:
    queues: dict[str, list[Waiter]]
    standings: dict[str, Standing]
    native_ids: dict[str, str]


class Deliver:
    """The stage for one target; see the module's docstring."""

    name = "deliver"

    def __init__(self, house: House, topology: Topology, target: Target) -> None:
        self.house = house
        self.topology = topology
        self.target = target

    @property
    def batch(self) -> int:
        """See `Target.batch`."""
        return self.target.batch

    async def ready(self) -> None:
        """Wait while the connection's breaker is open."""
        await self.target.breaker.closed()

    async def process(self, items: Sequence[Item]) -> Iterable[Outgoing]:
        """See `Stage.process`.

        One command of an entity at a time: its receipt is on disk before the next one is asked
        for. Else a crash would leave several in the dark, and carrying out the first of them again
        would undo the last for a while.
        """
        look = await self._look(items)
        first, *others = _rounds(items, look.standings)
        outgoing = await self._round(first, look)
        for more in others:
            outgoing += await self._round(more, await self._look(more))
        return outgoing

    async def _round(self, items: Sequence[Item], look: _Look) -> list[Outgoing]:
        troubles: list[Trouble] = []
        settled: list[Item] = []
        fresh: list[Item] = []
        for item in items:
            standing = look.standings.get(item.id)
            if standing is None:
                error = ContractError(f"command {item.id} is not in the outbox")
                troubles.append(item.trouble(error=error))
            elif standing.state != "open":
                settled.append(item)
            else:
                fresh.append(item)
        go, blocked = _unblocked(_called(fresh, look.queues), look.standings)
        troubles += blocked
        await self._intend(go)
        receipts, failures = await self._call(go, look)
        troubles += failures
        return await self._close(items, go, settled, receipts, troubles, look)

    async def give_up(self, item: Item, error: Exception) -> None:
        """See `Stage.give_up`."""

        def work(tx: Connection) -> None:
            ended = recovery.settle(tx, self._stage, [item.trouble(error=error)], {})
            traffic.close_outgoing(tx, ended.dead, "dead", time.time())

        await self.house.ledger.write(work)

    async def _look(self, items: Sequence[Item]) -> _Look:
        ids = [item.id for item in items]
        refs = {ref for item in items for ref in item.envelope.refs.split(",") if ref}

        def work(tx: Connection) -> _Look:
            return _Look(
                desk.queues(tx, self._stage, [item.envelope.key for item in items]),
                traffic.standings(tx, self.target.name, ids),
                things.native_ids(tx, self.target.name, refs),
            )

        return await self.house.ledger.read(work)

    @property
    def _stage(self) -> str:
        """Waiting rooms are one for each target: an order may wait for one and not the other."""
        return f"deliver:{digest(self.target.name)[:7]}"

    async def _intend(self, items: Sequence[Item]) -> None:
        intents = [
            Intent(
                command_id=item.id,
                connection=self.target.name,
                type=item.envelope.name,
                entity_id=item.envelope.subject,
            )
            for item in items
        ]
        if intents:
            await self.house.ledger.write(lambda tx: traffic.intend(tx, intents, time.time()))

    async def _call(
        self, items: Sequence[Item], look: _Look
    ) -> tuple[dict[str, Receipt], list[Trouble]]:
        """All side by side: they are of different entities."""
        receipts: dict[str, Receipt] = {}
        troubles: list[Trouble] = []
        answers = await asyncio.gather(*(self._carry_out(item, look) for item in items))
        for item, answer in zip(items, answers, strict=True):
            if isinstance(answer, Receipt):
                receipts[item.id] = answer
            else:
                troubles.append(item.trouble(error=answer, place=look.standings[item.id].seq))
        return receipts, troubles

    async def _carry_out(self, item: Item, look: _Look) -> Receipt | Exception:
        await self.house.breath()
        try:
            command = _command(item, look.standings[item.id].attempts + 1, look.native_ids)
        except ContractError as error:
            return error
        answer, found = await self.target.carry_out(command)
        if found:
            self.house.meters.add("deliver.found")
        if not isinstance(answer, Receipt):
            self.house.meters.add(f"deliver.{type(answer).__name__}")
        return answer

    async def _close(
        self,
        items: Sequence[Item],
        went: Sequence[Item],
        settled: Sequence[Item],
        receipts: dict[str, Receipt],
        troubles: Sequence[Trouble],
        look: _Look,
    ) -> list[Outgoing]:
        now = time.time()
        refs: list[CrossReference] = []
        events: list[ToSend] = []
        for item in went:
            receipt = receipts.get(item.id)
            if receipt is None:
                continue
            await self.house.breath()
            refs += _pairs(item, receipt, self.target.name)
            if item.envelope.name == "order.create" and receipt.native_id:
                events.append(self._submitted(item, receipt.native_id))
        recovered = self.target.breaker.take_recovered()
        auth = next((t.error for t in troubles if isinstance(t.error, AuthError)), None)

        def work(tx: Connection) -> None:
            traffic.receive(tx, receipts, now)
            traffic.close_outgoing(tx, receipts, "done", now)
            things.refer(tx, refs, now)
            traffic.add_outgoing(tx, events, now)
            ended = recovery.settle(tx, self._stage, troubles, look.queues, now=now)
            traffic.close_outgoing(tx, ended.desk, "exception", now)
            traffic.close_outgoing(tx, ended.dead, "dead", now)
            desk.release(tx, self._stage, [*receipts, *(item.id for item in settled)])
            if recovered:
                desk.hurry(tx, self._stage, now)
                lock = [f"auth:{self.target.name}"]
                desk.settle(tx, "connection", lock, "it takes our commands again", now)
            if auth is not None:
                desk.open_exceptions(tx, [_locked_out(self.target.name, auth)], now)

        await self.house.ledger.write(work)
        figures = [item.id for item in went if item.envelope.name == "inventory.publish"]
        if figures:
            self.house.pace.told(self.target.name, -sum(one in receipts for one in figures))
            self.house.pace.bell.set()  # the channel can be told what changed meanwhile
        self.house.meters.add("deliver.done", len(receipts))
        return [event.message for event in events]

    def _submitted(self, item: Item, native_id: str) -> ToSend:
        """The news that enters on the left again: the target took the order, and its name there."""
        # what was checked before the call is not checked and written field by field once more
        order = jsontext.parse(item.body)
        ref = Ref(connection=self.target.name, kind="order", value=native_id)
        refs = [*order.get("refs", ()), ref.model_dump(mode="json", exclude_defaults=True)]
        body = jsontext.dump_quickly({**order, "refs": refs})
        envelope = Envelope(
            id=event_id(item.envelope.subject, "order.submitted", self.target.name, native_id),
            source=self.topology.source(self.target.name),
            type=f"crossdock.order.submitted.v{Order.major}",
            subject=item.envelope.subject,
            key=item.envelope.key,
            time=now_text(),
            connection=self.target.name,
            cause=item.id,
            correlation=item.envelope.correlation,
            native=native_id,
            mode=item.envelope.mode,
        )
        message = self.topology.event(envelope, body)
        if not message.body:  # too large to travel: the outbox row has it
            message = replace(
                message, body=b"", headers=envelope.with_claim(f"outbox:{envelope.id}").headers()
            )
        return ToSend(
            message=message,
            body=body,
            connection="",
            type="order.submitted",
            entity_id=item.envelope.subject,
            entity_key=item.envelope.key,
            cause=item.id,
        )


def _called(items: Iterable[Item], queues: dict[str, list[Waiter]]) -> list[Item]:
    """Leave out what waits already and comes without being called; its waiting row counts."""
    out = []
    for item in items:
        waits = any(w.message_id == item.id for w in queues.get(item.envelope.key, ()))
        if waits == item.retry:
            out.append(item)
    return out


def _rounds(items: Sequence[Item], standings: dict[str, Standing]) -> list[list[Item]]:
    """Part a batch so that no entity is twice in a round, its commands in their sequence."""
    rounds: list[list[Item]] = [[]]
    turn: Counter[str] = Counter()
    last = max((standing.seq for standing in standings.values()), default=0)
    for item in sorted(items, key=lambda i: standings[i.id].seq if i.id in standings else last):
        number = turn[item.envelope.key]
        turn[item.envelope.key] += 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(item)
    return rounds


def _unblocked(
    items: Sequence[Item], standings: dict[str, Standing]
) -> tuple[list[Item], list[Trouble]]:
    """Hold back what stands behind an earlier open command."""
    go: list[Item] = []
    troubles: list[Trouble] = []
    for item in items:
        standing = standings[item.id]
        if standing.blocked_by is None:
            go.append(item)
        else:
            reason = f"waits behind {standing.blocked_by} of the same entity"
            troubles.append(item.trouble(behind=reason, place=standing.seq))
    return go, troubles


def _command(item: Item, attempt: int, native_ids: dict[str, str]) -> Command[Any]:
    model: type[Entity] | None = COMMAND_TYPES.get(item.envelope.name)
    if model is None:
        raise ContractError(f"there is no command type {item.envelope.name!r}")
    return Command(
        id=item.id,
        type=item.envelope.name,
        data=model.parse(item.body),
        entity_id=item.envelope.subject,
        native_ids=native_ids,
        attempt=attempt,
        correlation_id=item.envelope.correlation,
        notify=not item.envelope.mode,
    )


def _pairs(item: Item, receipt: Receipt, connection: str) -> list[CrossReference]:
    subject = item.envelope.subject
    pairs = []
    if receipt.native_id:
        pairs.append(CrossReference(connection, item.envelope.kind, receipt.native_id, subject))
    pairs += [
        CrossReference(connection, f"{item.envelope.kind}.part", native, f"{subject}/{part}")
        for part, native in receipt.extra_ids.items()
    ]
    return pairs


def _locked_out(connection: str, error: AuthError) -> tuple[desk.Stuck, str, str]:
    stuck = desk.Stuck(
        stage="connection",
        message_id=f"auth:{connection}",
        connection=connection,
        entity_key="",
        address="",
        headers={},
        body=b"",
        code="auth",
        reason=str(error),
    )
    return stuck, "critical", recovery.SUGGESTIONS["auth"]

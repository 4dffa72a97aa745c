"""The ports: files to the warehouse, files from it."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import crossdock
from crossdock.errors import ContractError, RejectedError
from crossdock.identity import digest

from crossdock_x12_wms import (
    acknowledging,
    files,
    records,
    writing,
    writing_edifact,
    writing_x12,
)
from crossdock_x12_wms.config import X12WmsConfig
from crossdock_x12_wms.envelopes import Interchange
from crossdock_x12_wms.folders import MAX_BYTES, Folder, LocalFolder, age_s
from crossdock_x12_wms.journal import Journal, Letter
from crossdock_x12_wms.records import Draft, Record
from crossdock_x12_wms.rules import SKUS, Rules, Told, moment
from crossdock_x12_wms.sftp import SftpFolder

HANDLES = ("fulfillment_order.create", "fulfillment_order.cancel", "transfer.create")
CONTRL = "CONTRL:D:3:UN"


@dataclass(frozen=True)
class X12Wms:
    """One warehouse."""

    config: X12WmsConfig
    context: crossdock.Context
    folder: Folder
    journal: Journal

    async def probe(self) -> crossdock.Health:
        """Look into both folders; nothing is written."""
        waiting = len(await self.folder.names(self.config.inbox))
        lying = len(await self.folder.names(self.config.outbox))
        notes = (
            f"{waiting} files from {self.config.partner.them.id} are waiting to be read",
            f"{lying} files to {self.config.partner.them.id} are not fetched yet",
        )
        return crossdock.Health(version=self.config.partner.release, notes=notes)

    async def apply(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Write one file. What is begun again goes on with the file, and number, of the first time.

        RejectedError: the wish cannot be written; nothing was.
        """
        if command.type not in HANDLES:
            raise RejectedError(
                f"an EDI warehouse handles {', '.join(HANDLES)}, not {command.type}",
                reason="not_handled",
            )
        wish = writing.wish_of(command, self.config)
        kind, body = self._document(wish)
        await self._send(
            Letter(
                name=_name(wish.document, command.id),
                document=kind.partition(":")[0],
                number=wish.number,
                make=lambda control: self._interchange(control, wish, kind, body),
                asked=None if wish.cancel else writing.asked_of(command),
            )
        )
        return crossdock.Receipt(native_id=wish.number, note=f"{kind.partition(':')[0]} sent")

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """What an earlier try has sent, by the journal."""
        if command.type not in HANDLES:
            return None
        document, number = writing.name_of(command)
        sent = await self.journal.sent(_name(document, command.id))
        return crossdock.Receipt(native_id=number) if sent else None

    async def poll(self, cursor: str | None) -> AsyncIterator[crossdock.Raw]:
        """Take over whole files, tell what is in them; then what is not acknowledged in time.

        The cursor is the place of the last file of which everything was told. Whatever lies before
        it is landed, so it is acknowledged now: a 997 never says more than what is on our disk.
        """
        done = self._place(cursor)
        if done:
            await self._acknowledge(done)
        await self._take_over()
        place = done + 1
        if not done or place <= await self.journal.told():  # older ones may be cleared away
            place = await self.journal.taken_from(place)
        last = done
        while (data := await self.journal.taken(place)) is not None:
            drafts = list(self._drafts(data))
            for number, draft in enumerate(drafts, 1):
                last = place if number == len(drafts) else max(place - 1, 0)
                yield await self._raw(draft, f"{last:09d}")
            place += 1
        within = self.config.partner.acknowledged_within_h
        if within is not None:
            for one in await self.journal.overdue(self.context.now(), within):
                yield crossdock.Raw(
                    records.OVERDUE,
                    dict(one),
                    key=f"{one['document']}:{one['number']}"[:180],
                    delivery_id=f"{records.OVERDUE}:{one['control']}:{one['number']}",
                    cursor=f"{last:09d}",
                )

    async def snapshot(self, window: crossdock.Window) -> AsyncIterator[crossdock.Raw]:
        """Shipments, as the files say that we took over or find waiting; the last word of each.

        RejectedError: another kind. Stock is none: a warehouse tells it when it likes, and what an
        old report says is not what lies there now.
        """
        if window.kind != "fulfillment":
            raise RejectedError(
                f"an EDI warehouse can say what it shipped (fulfillment), not {window.kind}",
                reason="not_handled",
            )
        last: dict[tuple[str, str], Draft] = {}
        async for data in self._kept(window):
            for draft in self._drafts(data):
                if draft.topic in records.SHIPMENTS and self._within(draft, window):
                    (one,) = files.interchanges(draft.text)
                    (document,) = (d for group in one.groups for d in group.documents)
                    last[draft.topic, records.shipment_number(document)] = draft
        for (topic, number), draft in last.items():
            raw = await self._raw(draft, "")
            raw.key = f"{topic}:{number}"[:180]
            yield raw

    async def _kept(self, window: crossdock.Window) -> AsyncIterator[bytes]:
        """Files of the journal, then those that wait; a day is given for clocks that differ."""
        since = window.since.timestamp() - 86_400 if window.since is not None else 0.0
        for place in await self.journal.places(since):
            data = await self.journal.taken(place)
            if data is not None:
                yield data
        for one in sorted(await self.folder.names(self.config.inbox), key=lambda f: f.modified):
            if files.is_named_whole(one.name):
                data = await self.folder.read(f"{self.config.inbox}/{one.name}")
                if data is not None and len(data) <= MAX_BYTES and files.is_whole(data):
                    yield data

    def _within(self, draft: Draft, window: crossdock.Window) -> bool:
        rules = Rules.of(self._rules(), "rules")
        at = moment(draft.sent[0], draft.sent[1], rules.zone)
        if at is None:
            return True
        return (window.since is None or at >= window.since) and (
            window.until is None or at < window.until
        )

    def _document(self, wish: writing.Wish) -> tuple[str, list[Any]]:
        """Which document, with its version where it needs one, and its body."""
        if self.config.partner.syntax == "x12":
            make = writing_x12.ship_order if wish.document == "940" else writing_x12.transfer_notice
            return wish.document, list(make(wish, self.config))
        if wish.document == "940":
            kind, lines = "ORDERS", writing_edifact.ship_order(wish, self.config)
        else:
            kind, lines = "DESADV", writing_edifact.transfer_notice(wish, self.config)
        return f"{kind}:{self.config.partner.release}", lines

    def _interchange(self, control: int, wish: writing.Wish, kind: str, body: list[Any]) -> bytes:
        partner, now = self.config.partner, self.context.now()
        if partner.syntax == "x12":
            return writing_x12.interchange(partner, control, now, kind, body)
        return writing_edifact.interchange(partner, control, now, kind, body)

    async def _send(self, letter: Letter) -> None:
        """Write it down, put it out, note that it is out; each step may be the last before a crash.

        Between the last two the same file with the same control number is put out again, which
        the warehouse knows for a duplicate.
        """
        if await self.journal.sent(letter.name):
            return
        if self.config.partner.acknowledged_within_h is None:
            letter = replace(letter, awaits=False)
        data = await self.journal.write(letter, self.context.now())
        await self.folder.put(f"{self.config.outbox}/{letter.name}", data)
        await self.journal.mark_sent(letter.name)

    def _place(self, cursor: str | None) -> int:
        if cursor is None or cursor == "":
            return 0
        if not cursor.isdecimal() or not cursor.isascii() or len(cursor) > 9:
            raise ContractError(
                f"/cursor: expected nine digits, found {cursor[:20]!r}; take the cursor away, and "
                "everything that is kept is told again",
                pointer="/cursor",
                value=cursor[:20],
            )
        return int(cursor)

    async def _take_over(self) -> None:
        """Move whole files from the inbox into the journal, oldest first."""
        inbox = self.config.inbox
        found = await self.folder.names(inbox)
        for one in sorted(found, key=lambda file: (file.modified, file.name)):
            if not files.is_named_whole(one.name):
                continue
            data = await self.folder.read(f"{inbox}/{one.name}")
            if data is None or len(data) > MAX_BYTES:
                continue
            if files.is_whole(data) or age_s(one) > self.config.unfinished_after_s:
                await self.journal.take(data)
                await self.folder.remove(f"{inbox}/{one.name}")

    def _drafts(self, data: bytes) -> list[Draft]:
        partner = self.config.partner
        rules = Rules.of(self._rules(), "rules")
        return list(records.drafts(data, rules, us=partner.us.id, them=partner.them.id))

    def _rules(self) -> Told:
        partner = self.config.partner
        told = Told(location=self.config.location)
        if partner.timezone != "UTC":
            told["zone"] = partner.timezone
        if partner.articles:
            told["skus"] = [*partner.articles, *(q for q in SKUS if q not in partner.articles)]
        for name in ("places", "units", "stock"):
            if getattr(partner, name):
                told[name] = dict(getattr(partner, name))
        if partner.lenient:
            told["lenient"] = True
        return told

    async def _raw(self, draft: Draft, cursor: str) -> crossdock.Raw:
        record = Record(text=draft.text, rules=self._rules())
        if draft.controls:
            about = [await self.journal.about(control) for control in draft.controls]
            record["answers"] = [one for one in about if one is not None]
        else:
            asked = await self.journal.asked(draft.answers_to)
            if asked is not None:
                record["asked"] = asked
        return crossdock.Raw(
            draft.topic,
            dict(record),
            key=draft.key,
            delivery_id=draft.delivery_id,
            cursor=cursor,
        )

    async def _acknowledge(self, upto: int) -> None:
        """Answer what is landed, and note what was answered to us."""
        told = await self.journal.told()
        if told >= upto:
            return
        for place in range(told + 1, upto + 1):
            data = await self.journal.taken(place)
            if data is not None:
                await self._acknowledge_file(files.decode(data))
            await self.journal.mark_told(place)

    async def _acknowledge_file(self, text: str) -> None:
        try:
            found = files.interchanges(text)
        except ContractError:
            return  # no envelope to answer to; its record is a dead letter that says so
        partner = self.config.partner
        for one in found:
            documents = [d for group in one.groups for d in group.documents]
            for document in documents:
                for verdict in acknowledging.verdicts(document):
                    await self.journal.answered(verdict.control)
            ours = one.receiver == partner.us.id and one.sender == partner.them.id
            if ours and partner.acknowledge and not all(map(acknowledging.is_answer, documents)):
                await self._answer(one, digest(text[one.start : one.end]))

    async def _answer(self, one: Interchange, mark: str) -> None:
        """One answer to one interchange, however often the same one comes."""
        partner, now = self.config.partner, self.context.now()
        if one.syntax == "edifact":
            await self._send(
                Letter(
                    name=f"CONTRL-{mark}.edi",
                    document="CONTRL",
                    number=one.control,
                    make=lambda control: writing_edifact.interchange(
                        partner, control, now, CONTRL, acknowledging.answer_edifact(one)
                    ),
                    awaits=False,
                )
            )
            return
        for at, group in enumerate(one.groups):
            if group.id and group.id != "FA":
                body = acknowledging.answer_x12(group)
                await self._send(
                    Letter(
                        name=f"997-{mark}-{at}.edi",
                        document="997",
                        number=group.control,
                        make=lambda control, body=body: writing_x12.interchange(  # type: ignore[misc]
                            partner, control, now, "997", body
                        ),
                        awaits=False,
                    )
                )


def _name(document: str, command_id: str) -> str:
    """The file of a command: the same at every try."""
    return f"{document}-{digest(command_id)}.edi"


@asynccontextmanager
async def open_x12_wms(config: X12WmsConfig, context: crossdock.Context) -> AsyncIterator[X12Wms]:
    """Nothing is touched until a port is used."""
    async with contextlib.AsyncExitStack() as stack:
        folder: Folder
        if config.url.startswith("sftp://"):
            folder = _sftp(config)
            stack.push_async_callback(folder.aclose)
        else:
            folder = LocalFolder(Path(config.url))
        if config.journal.startswith("/"):
            journal = Journal(LocalFolder(Path(config.journal)))
        else:
            journal = Journal(folder, config.journal)
        yield X12Wms(config, context, folder, journal)


def _sftp(config: X12WmsConfig) -> SftpFolder:
    host, port, user, root = config.server
    return SftpFolder(
        host=host,
        port=port,
        user=user,
        root=root,
        host_key=config.host_key or "",
        password=config.password.get_secret_value() if config.password else None,
        private_key=config.private_key.get_secret_value() if config.private_key else None,
    )

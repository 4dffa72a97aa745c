"""What was sent and what was taken, kept in files: so that everything happens once.

    numbers/000000012          control number 12 is given away, for the file whose name is in it
    sent/940-….edi             the interchange, byte for byte as it goes out, before it goes out
    sent/940-….edi.out         it has gone out
    groups/12.json             what control number 12 carried
    awaiting/12@20261128T…Z    it is not acknowledged yet
    asked/1001-A7F3.json       what we asked under this number, for the answers to it
    taken/000000007.edi        the seventh file that we took over from the warehouse
    told                       up to this one they are landed, and acknowledged

Numbers are given away by making a file that must be new, so two runners never share one; what is
begun again finds the file of the first time, with its number, and goes on with that.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from crossdock import jsontext
from crossdock.reading import Shape

from crossdock_x12_wms import files
from crossdock_x12_wms.folders import Folder
from crossdock_x12_wms.records import Answers, Asked

MAX_CONTROL = 999_999_999
ABOUT = Shape(Answers)
ASKED = Shape(Asked)
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One interchange to send. `make` is given the control number."""

    name: str
    """Its file, the same at every try."""
    document: str
    number: str
    make: Callable[[int], bytes]
    asked: Asked | None = None
    awaits: bool = True
    """Whether an acknowledgement is expected."""


class Journal:
    """See the module. Its folder may lie elsewhere than the exchange's."""

    def __init__(self, folder: Folder, root: str = "") -> None:
        self._folder = folder
        self._root = f"{root.strip('/')}/" if root else ""
        self._given = 0
        self._taken = 0
        self._giving = asyncio.Lock()

    def _at(self, path: str) -> str:
        return f"{self._root}{path}"

    async def sent(self, name: str) -> bool:
        """Whether this file has gone out."""
        return await self._folder.read(self._at(f"sent/{name}.out")) is not None

    async def written(self, name: str) -> bytes | None:
        """The interchange as it was written down, whether it has gone out or not."""
        return await self._folder.read(self._at(f"sent/{name}"))

    async def write(self, letter: Letter, now: datetime) -> bytes:
        """The interchange to send: that of an earlier try where there was one.

        What its answers will need is written first, for they may come at once.
        """
        data = await self.written(letter.name)
        if data is None:
            control = await self._control(letter.name)
            await self._folder.claim(self._at(f"sent/{letter.name}"), letter.make(control))
            data = await self.written(letter.name) or b""
        control = int(files.interchanges(files.decode(data))[0].control)
        if await self.about(str(control)) is None:
            await self._announce(letter, control, now)
        return data

    async def _announce(self, letter: Letter, control: int, now: datetime) -> None:
        """What its answers will need; the word that it is complete comes last."""
        if letter.asked is not None:
            path = self._at(f"asked/{_safe(letter.number)}.json")
            await self._folder.put(path, jsontext.dump(letter.asked))
        about = Answers(document=letter.document, number=letter.number, control=str(control))
        about["sent_at"] = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        if letter.awaits:
            stamp = f"{now.astimezone(UTC):{_STAMP}}"
            await self._folder.put(self._at(f"awaiting/{control}@{stamp}"), b"")
        await self._folder.put(self._at(f"groups/{control}.json"), jsontext.dump(about))

    async def mark_sent(self, name: str) -> None:
        """It has gone out."""
        await self._folder.put(self._at(f"sent/{name}.out"), b"")

    async def _control(self, name: str) -> int:
        """The next control number that nobody has."""
        async with self._giving:
            if not self._given:
                self._given = await self._highest("numbers")
            while True:
                self._given = self._given % MAX_CONTROL + 1
                path = self._at(f"numbers/{self._given:09d}")
                if await self._folder.claim(path, name.encode()):
                    return self._given

    async def _highest(self, path: str) -> int:
        found = await self._folder.names(self._at(path))
        numbers = (one.name.partition(".")[0] for one in found)
        return max((int(n) for n in numbers if n.isdecimal() and n.isascii()), default=0)

    async def about(self, control: str) -> Answers | None:
        """What one of our control numbers carried."""
        if not control.isdecimal() or not control.isascii() or len(control) > 9:
            return None
        data = await self._folder.read(self._at(f"groups/{int(control)}.json"))
        return None if data is None else ABOUT.of(jsontext.parse(data), "journal")

    async def answered(self, control: str) -> None:
        """It is acknowledged, with whatever verdict."""
        for name, number, _ in await self._awaiting():
            if number == control:
                await self._folder.remove(self._at(f"awaiting/{name}"))

    async def overdue(self, now: datetime, within_h: float) -> list[Answers]:
        """What should have been acknowledged by now, oldest first."""
        late: list[Answers] = []
        for _, control, since in sorted(await self._awaiting(), key=lambda one: int(one[1])):
            if (now - since).total_seconds() > within_h * 3600:
                about = await self.about(control)
                if about is not None:
                    late.append(about)
        return late

    async def _awaiting(self) -> list[tuple[str, str, datetime]]:
        found: list[tuple[str, str, datetime]] = []
        for one in await self._folder.names(self._at("awaiting")):
            control, _, stamp = one.name.partition("@")
            if control.isdecimal() and len(stamp) == 16:
                at = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
                found.append((one.name, control, at))
        return found

    async def asked(self, number: str) -> Asked | None:
        """What we asked under this number."""
        if not number:
            return None
        data = await self._folder.read(self._at(f"asked/{_safe(number)}.json"))
        return None if data is None else ASKED.of(jsontext.parse(data), "journal")

    async def take(self, data: bytes) -> int:
        """Keep a file of the warehouse; its place in our sequence of what was taken."""
        if not self._taken:
            # files may be cleared away; what was told and taken never gets a place before
            self._taken = max(await self._highest("taken"), await self.told())
        while True:
            self._taken += 1
            if await self._folder.claim(self._at(f"taken/{self._taken:09d}.edi"), data):
                return self._taken

    async def taken(self, place: int) -> bytes | None:
        """A file as it was taken; None when there is none yet."""
        return await self._folder.read(self._at(f"taken/{place:09d}.edi"))

    async def taken_from(self, place: int) -> int:
        """The place of the oldest file from here on that is kept; `place` if there is none."""
        found = await self._folder.names(self._at("taken"))
        names = (one.name.partition(".")[0] for one in found)
        places = [int(n) for n in names if n.isdecimal() and n.isascii()]
        return min((n for n in places if n >= place), default=place)

    async def places(self, since: float) -> list[int]:
        """The places of files taken at or after this time (seconds since 1970), oldest first."""
        found = await self._folder.names(self._at("taken"))
        names = (one.name.partition(".")[0] for one in found if one.modified >= since)
        return sorted(int(n) for n in names if n.isdecimal() and n.isascii())

    async def told(self) -> int:
        """Up to which place files are known to be landed, and are acknowledged."""
        data = await self._folder.read(self._at("told"))
        return int(data) if data is not None and data.isdigit() else 0

    async def mark_told(self, place: int) -> None:
        """See `told`."""
        await self._folder.put(self._at("told"), str(place).encode())


def _safe(number: str) -> str:
    """A number as the name of a file; two different ones never share one."""
    return "".join(
        sign if sign.isascii() and (sign.isalnum() or sign == "-") else f"_{ord(sign):x}_"
        for sign in number
    )[:200]

"""What a comparison asks and answers: records read in pages, differences, the report."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from crossdock.canonical import Entity, InventoryLevel
from crossdock.connector import Connector, Ignore
from crossdock.errors import ContractError
from crossdock.events import EVENT_TYPES, Raw

from crossdock_stages.translate import Meant, Said, meant, say

PAGE = 500
ROAD = "reconcile"
KINDS: Mapping[str, tuple[str, ...]] = {
    "orders": ("order",),
    "inventory": ("inventory",),
    "fulfillment": ("fulfillment",),
    "returns": ("return", "refund"),
    "pricing": ("price",),
    "payments": ("payment", "refund", "payout"),
    "settlement": ("settlement",),
}
"""The domains that can be compared, and the kinds of entity that are asked for."""

Repair = Literal["land", "tell", "person", "none"]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing on which a system and the ledger disagree.

    `kind` is the class of difference, `cause` why it probably came about; `raw` is what would be
    landed.
    """

    domain: str
    kind: str
    connection: str
    subject: str
    label: str
    there: str
    here: str
    cause: str
    repair: Repair
    raw: Raw | None = field(default=None, repr=False)
    figures: tuple[Decimal | None, Decimal | None] | None = None
    """The owner's (what may be sold, what lies there), where these are to be told again."""

    def because(self, cause: str, repair: Repair) -> "Difference":
        """The same, with its cause and repair."""
        return replace(self, cause=cause, repair=repair)


@dataclass
class Report:
    """What one comparison found."""

    domain: str
    compared: int = 0
    equal: int = 0
    differences: list[Difference] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Who could not be asked, and why."""

    def classes(self) -> dict[str, int]:
        """How many of each class."""
        return dict(Counter(one.kind for one in self.differences))


def count(report: Report, compared: int, found: Sequence[Difference]) -> None:
    """Add one page's outcome."""
    report.compared += compared
    report.equal += compared - len({one.subject for one in found})
    report.differences += found


async def pages(records: AsyncIterator[Raw]) -> AsyncIterator[list[Raw]]:
    page: list[Raw] = []
    async for raw in records:
        page.append(raw)
        if len(page) >= PAGE:
            yield page
            page = []
    if page:
        yield page


Told = tuple[Raw, Said, Entity]
"""One record with the event that it would be."""


def read(name: str, connector: Connector, page: Sequence[Raw], report: Report) -> list[Meant]:
    """What these records mean, as far as the domain is about it; the others are noted."""
    out: list[Meant] = []
    for raw in page:
        try:
            facts = meant(name, connector, raw)
        except Ignore:
            continue
        except ContractError as error:
            report.compared += 1
            report.differences.append(_unreadable(report.domain, name, raw, error))
            continue
        out += [one for one in facts if one.data.kind in KINDS[report.domain]]
    return out


def tell(connector: Connector, doubtful: Sequence[Meant], report: Report) -> list[Told]:
    """These as the line would have told them."""
    out: list[Told] = []
    for one in doubtful:
        try:
            told = say(one.connection, connector, one.raw, source="", mode="")
        except ContractError as error:
            report.differences.append(_unreadable(report.domain, one.connection, one.raw, error))
            continue
        out += [
            (one.raw, said, EVENT_TYPES[said.envelope.name].parse(said.body))
            for said in told
            if (said.envelope.subject, said.envelope.name) == (one.subject, one.type)
        ]
    return out


def _unreadable(domain: str, name: str, raw: Raw, error: ContractError) -> Difference:
    return Difference(
        domain=domain,
        kind="unreadable",
        connection=name,
        subject=raw.key,
        label=raw.key,
        there=str(error)[:500],
        here="",
        cause="its record cannot be mapped",
        repair="person",
    )


def label_of(data: Entity, native: str) -> str:
    """What people call it."""
    if isinstance(data, InventoryLevel):
        return f"{data.sku} at {data.location}"
    return str(getattr(data, "number", None) or native)

"""What the tests share: a warehouse at a folder, the way to it, and faults between."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from crossdock import Command, Context, Raw
from crossdock.canonical import (
    Address,
    EntityRef,
    FulfillmentOrder,
    FulfillmentOrderLine,
    Transfer,
    TransferLine,
)
from crossdock.errors import UnavailableError
from crossdock_x12_wms.client import X12Wms, open_x12_wms
from crossdock_x12_wms.config import X12WmsConfig
from crossdock_x12_wms.folders import Folder, Found, LocalFolder
from crossdock_x12_wms.journal import Journal
from crossdock_x12_wms.sandbox import THEM, US, Warehouse

T = TypeVar("T")
LINES = (("line-1", "MUG-WHITE", "3"), ("line-2", "TEE-S", "2"))
NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class At(Context):
    """A context whose clock stands."""

    moment: datetime = NOON

    def now(self) -> datetime:
        """The moment it was given."""
        return self.moment


def configured(root: Path, **partner: Any) -> X12WmsConfig:
    """The connection to a warehouse at this folder."""
    told = {"us": {"id": US}, "them": {"id": THEM}, **partner}
    return X12WmsConfig.model_validate({"url": str(root), "location": "DC1", "partner": told})


@asynccontextmanager
async def opened(
    config: X12WmsConfig, moment: datetime = NOON, folder: Folder | None = None
) -> AsyncIterator[X12Wms]:
    """The connector as a runner opens it, with its clock standing; over another folder if given."""
    async with open_x12_wms(config, At(connection="dc1", moment=moment)) as port:
        if folder is not None:
            port = replace(port, folder=folder, journal=Journal(folder, config.journal))
        yield port


def order(
    number: str = "#1001",
    lines: tuple[tuple[str, str, str], ...] = LINES,
    entity: str = "fuo_1",
    **changes: Any,
) -> Command[Any]:
    """Instructions to ship: line id, SKU and quantity."""
    fields: dict[str, Any] = {
        "order": EntityRef(id="ord_1"),
        "number": number,
        "location": "DC1",
        "lines": tuple(
            FulfillmentOrderLine(line_id=line_id, sku=sku, requested=Decimal(much))
            for line_id, sku, much in lines
        ),
        "ship_to": Address(
            full_name="Alex Doe",
            lines=("12 Main St",),
            locality="Austin",
            region="TX",
            postal_code="78701",
            country="US",
        ),
        "requested_at": NOON,
    }
    data = FulfillmentOrder(**(fields | changes))
    return Command(id=f"cmd_{entity}", type="fulfillment_order.create", data=data, entity_id=entity)


def moving(**changes: Any) -> Command[Any]:
    """A transfer of 40 mugs to the warehouse."""
    line = TransferLine(line_id="1", sku="MUG-WHITE", requested=Decimal(40))
    fields: dict[str, Any] = {
        "number": "TR7",
        "from_location": "DC2",
        "to_location": "DC1",
        "lines": (line,),
    }
    data = Transfer(**(fields | changes))
    return Command(id="cmd_t", type="transfer.create", data=data, entity_id="trf_1")


def cancelled(command: Command[Any]) -> Command[Any]:
    """The same instruction called off."""
    return replace(command, id=f"{command.id}_off", type="fulfillment_order.cancel")


async def polled(port: X12Wms, cursor: str | None = None) -> list[Raw]:
    """Everything a poll tells."""
    return [raw async for raw in port.poll(cursor)]


@dataclass
class Shaky:
    """A folder that breaks at the `breaks_at`-th operation, before or after it is done."""

    inner: Folder
    breaks_at: int = 0
    after: bool = False
    count: int = 0
    done: list[str] = field(default_factory=list)

    async def _do(self, what: str, work: Callable[[], Awaitable[T]]) -> T:
        self.count += 1
        self.done.append(what)
        if self.breaks_at and self.count >= self.breaks_at and not self.after:
            raise UnavailableError(f"the line is cut at {what}")
        result = await work()
        if self.breaks_at and self.count >= self.breaks_at:
            raise UnavailableError(f"the line is cut after {what}")
        return result

    async def names(self, path: str) -> list[Found]:
        return await self._do(f"names {path}", lambda: self.inner.names(path))

    async def read(self, path: str) -> bytes | None:
        return await self._do(f"read {path}", lambda: self.inner.read(path))

    async def put(self, path: str, data: bytes) -> None:
        await self._do(f"put {path}", lambda: self.inner.put(path, data))

    async def claim(self, path: str, data: bytes) -> bool:
        return await self._do(f"claim {path}", lambda: self.inner.claim(path, data))

    async def remove(self, path: str) -> None:
        await self._do(f"remove {path}", lambda: self.inner.remove(path))


class Edi:
    """A warehouse at a folder, and the connection to it: what a test works with."""

    noon = NOON
    order = staticmethod(order)
    moving = staticmethod(moving)
    context = At(connection="dc1")
    cancelled = staticmethod(cancelled)
    polled = staticmethod(polled)
    shaky = Shaky

    def __init__(self, root: Path) -> None:
        self.root = root
        self.house = Warehouse(root)

    def speaks(self, syntax: str) -> None:
        """From now on another syntax."""
        self.house = Warehouse(self.root, syntax)

    def config(self, **partner: Any) -> X12WmsConfig:
        """The connection to it; what is given is the partner's."""
        return configured(self.root, syntax=self.house.syntax, **partner)

    def opened(
        self, moment: datetime = NOON, folder: Folder | None = None, **partner: Any
    ) -> AbstractAsyncContextManager[X12Wms]:
        """The connector, opened on it."""
        return opened(self.config(**partner), moment, folder)

    @property
    def folder(self) -> LocalFolder:
        """The folder itself."""
        return LocalFolder(self.root)

    def files(self, name: str) -> list[Path]:
        """What lies in a subfolder, hidden files aside."""
        found = (self.root / name).iterdir()
        return sorted(one for one in found if one.is_file() and not one.name.startswith("."))


@pytest.fixture
def edi(tmp_path: Path) -> Edi:
    """A warehouse that speaks X12, and the way to it."""
    return Edi(tmp_path / "edi")

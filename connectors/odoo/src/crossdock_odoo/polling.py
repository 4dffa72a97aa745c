"""What changed in Odoo: documents, done deliveries and stock, by whole closed seconds.

`write_date` has whole seconds on the wire and, up to 18, microseconds in comparisons, so rows are
asked for by `since <= write_date < until` with both ends on whole seconds; `until` is the server's
own present second. Within a window the pages go by id: rows that are written again while we read
leave the window and shift nothing; they come with the next poll. `write_date` is the *start* of
the transaction that wrote, so each window reaches back by `overlap_s` (recordings, flow 12).
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import crossdock
from crossdock import jsontext
from crossdock.identity import digest

from crossdock_odoo.documents import SOURCES, Documents
from crossdock_odoo.emptied import INTERNAL, LEFT, Sweep, as_of, empty
from crossdock_odoo.mapping import LEVEL, PICKING, STAMP
from crossdock_odoo.masterdata import MasterData
from crossdock_odoo.rpc import Rpc

DONE_DELIVERY: list[Any] = [
    ["state", "=", "done"],
    ["picking_type_id.code", "=", "outgoing"],
    ["sale_id", "!=", False],
]
CARRIER_FIELDS = ("carrier_tracking_ref", "carrier_tracking_url", "carrier_id")
"""Of the modules delivery and stock_delivery, which may not be installed."""


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """Times before which everything was given; None: nothing yet. `last` makes each text unique."""

    shipments: str | None = None
    stock: str | None = None
    documents: str | None = None
    last: str = ""

    def dump(self) -> str:
        """The opaque text."""
        places = [2, self.shipments, self.stock, self.documents, self.last]
        return json.dumps(places, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str | None) -> "Cursor":
        """ContractError: it is none of ours."""
        if text is None:
            return cls()
        value = jsontext.parse(text, what="the cursor")
        match value:
            case [1, str() | None as shipments, str() | None as stock, str() as last]:
                return cls(shipments=shipments, stock=stock, last=last)  # before documents
            case [
                2,
                str() | None as shipments,
                str() | None as stock,
                str() | None as documents,
                str() as last,
            ]:
                return cls(shipments=shipments, stock=stock, documents=documents, last=last)
        raise crossdock.ContractError(f"the cursor {jsontext.shorten(text)} is none of Odoo's")


@dataclass
class Poller:
    """One connection's memory of what it has given.

    A record is remembered as given only when a later poll starts from its cursor or one after it:
    what was given and not stored by the caller is given again.
    """

    rpc: Rpc
    master: MasterData
    namespace: str
    _given: dict[tuple[str, int, str], str] = field(default_factory=dict)
    _pending: list[tuple[str, tuple[tuple[str, int, str], ...]]] = field(default_factory=list)
    _types: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._sweep = Sweep(self.rpc, self.master)
        self.documents = Documents(self.rpc, self.master, self.namespace)

    async def poll(self, text: str | None) -> AsyncIterator[crossdock.Raw]:
        """Documents that the configuration names, then deliveries, then stock; each oldest first.

        Without a cursor: deliveries since `overlap_s` ago, for older ones were told by other means
        before Crossdock came; and the stock of every product that has any.
        """
        cursor = Cursor.parse(text)
        self._remember(text)
        until = await self._server_second()
        papers = _shift(cursor.documents or until, -self.rpc.config.overlap_s)
        async for raw in self._documents(cursor, papers, until):
            yield raw
        cursor = replace(cursor, documents=until)
        start = cursor.shipments or _shift(until, 0)
        async for raw in self._shipments(cursor, _shift(start, -self.rpc.config.overlap_s), until):
            cursor = Cursor.parse(raw.cursor)
            yield raw
        # Also when nothing was shipped: the next poll is to start here, not at its own present.
        cursor = replace(cursor, shipments=until)
        since = None if cursor.stock is None else _shift(cursor.stock, -self.rpc.config.overlap_s)
        async for raw in self._stock(cursor, since, until):
            cursor = Cursor.parse(raw.cursor)
            yield raw
        async for raw in self._swept(cursor, until):
            yield raw
        self._forget(since, papers, _shift(start, -self.rpc.config.overlap_s))

    async def _server_second(self) -> str:
        """The server's present second, by the default it would give a new order's date."""
        told = await self.rpc.call("sale.order", "default_get", fields=["date_order"])
        now = told.get("date_order") if isinstance(told, dict) else None
        if not isinstance(now, str):
            raise crossdock.ContractError("sale.order.default_get told no date_order")
        return _shift(now, 0)

    async def _documents(
        self, cursor: Cursor, since: str, until: str
    ) -> AsyncIterator[crossdock.Raw]:
        """What was posted or taken in; the cursor moves when all kinds were given."""
        for kind in self.rpc.config.poll_documents:
            source = SOURCES[kind]
            domain = list(source.domain)
            if self.rpc.config.company is not None:
                domain.append(["company_id", "=", self.rpc.config.company])
            changed = await self._changed(source.model, domain, since, until)
            fresh = [row for row in changed if _mark(source.topic, row) not in self._given]
            for start in range(0, len(fresh), self.rpc.config.page_size):
                page = fresh[start : start + self.rpc.config.page_size]
                ids = [row["id"] for row in page]
                bodies = await self.documents.bodies(kind, ids)
                ours = await self.documents.ours(ids) if kind == "return_receipt" else set()
                for row in page:
                    body = bodies.get(row["id"])
                    if body is None or row["id"] in ours:
                        continue
                    raw = self.raw(
                        source.topic,
                        body,
                        key=f"{kind}:{row['id']}",
                        native=str(row["id"]),
                        cursor=replace(cursor, last=f"{kind}{row['id']}@{until}"),
                        written=body["write_date"],
                    )
                    self._pending.append((raw.cursor or "", (_mark(source.topic, row),)))
                    yield raw

    async def _shipments(
        self, cursor: Cursor, since: str, until: str
    ) -> AsyncIterator[crossdock.Raw]:
        changed = await self._changed("stock.picking", DONE_DELIVERY, since, until)
        fresh = [row for row in changed if _mark(PICKING, row) not in self._given]
        for start in range(0, len(fresh), self.rpc.config.page_size):
            page = fresh[start : start + self.rpc.config.page_size]
            bodies = await self.picking_bodies([row["id"] for row in page])
            for index, row in enumerate(page, start + 1):
                body = bodies.get(row["id"])
                if body is None:
                    continue  # deleted since, or not done any more
                moment = until if index == len(fresh) else row["write_date"]
                order = body["order"]
                raw = self.raw(
                    PICKING,
                    body,
                    key=f"order:{order['external'] or order['id']}",
                    native=str(row["id"]),
                    cursor=replace(cursor, shipments=moment, last=f"p{row['id']}@{until}"),
                    written=body["picking"]["write_date"],
                )
                self._pending.append((raw.cursor or "", (_mark(PICKING, row),)))
                yield raw

    async def _stock(
        self, cursor: Cursor, since: str | None, until: str
    ) -> AsyncIterator[crossdock.Raw]:
        changed = await self._changed("stock.quant", INTERNAL, since, until, "product_id")
        gone = []
        if since is not None:
            domain = [*LEFT, *await self.master.stored("product_id.")]
            gone = await self._changed(
                "stock.move.line", domain, since, until, "product_id", "location_id"
            )
        left = await self._sweep.left(gone)
        marks: dict[int, list[dict[str, Any]]] = {}
        given_as: dict[int, list[tuple[str, int, str]]] = {}
        for topic, rows in ((LEVEL, changed), ("stock.move.line", gone)):
            for row in rows:
                if _mark(topic, row) not in self._given:
                    marks.setdefault(row["product_id"], []).append(row)
                    given_as.setdefault(row["product_id"], []).append(_mark(topic, row))
        # A product stands where its newest changed row stands.
        products = sorted(marks, key=lambda p: max((r["write_date"], r["id"]) for r in marks[p]))
        for start in range(0, len(products), self.rpc.config.page_size):
            page = products[start : start + self.rpc.config.page_size]
            skus = await self.skus(page)
            levels = await self.levels(page, skus)
            for index, product in enumerate(page, start + 1):
                moment = max(row["write_date"] for row in marks[product])
                last = until if index == len(products) else moment
                place = replace(cursor, stock=last, last=f"q{product}@{until}")
                of_product = as_of(levels.get(product, []), product, skus.get(product), left)
                for number, body in enumerate(of_product, 1):
                    complete = number == len(of_product)
                    # only the last one of a product may move the cursor past it
                    here = place if complete else replace(cursor, last=f"q{product}.{number}")
                    native = f"{body['sku'] or product}@{body['warehouse']}"
                    raw = self.raw(
                        LEVEL,
                        body,
                        key=f"stock:{native}",
                        native=native,
                        cursor=here,
                        written=body["write_date"],
                    )
                    given = tuple(given_as[product]) if complete else ()
                    self._pending.append((raw.cursor or "", given))
                    yield raw
                cursor = place

    async def _swept(self, cursor: Cursor, until: str) -> AsyncIterator[crossdock.Raw]:
        """Places whose quants are gone without a trace, as 0 from now on."""
        gone = await self._sweep.gone(until, _shift(until, -self.rpc.config.sweep_s))
        skus = await self.skus(product for product, _ in gone)
        for product, code in gone:
            body = empty(product, skus.get(product, False), code, until)
            native = f"{body['sku'] or product}@{code}"
            place = replace(cursor, last=f"s{product}@{code}@{until}")
            yield self.raw(
                LEVEL, body, key=f"stock:{native}", native=native, written=until, cursor=place
            )

    async def _changed(
        self, model: str, domain: list[Any], since: str | None, until: str, *fields: str
    ) -> list[dict[str, Any]]:
        """Ids and times of all rows of the window, oldest first; one page after another by id."""
        rows: list[dict[str, Any]] = []
        last = 0
        size = self.rpc.config.page_size
        window = [["write_date", "<", until], *domain]
        if since is not None:
            window.insert(0, ["write_date", ">=", since])
        while True:
            page = await self.rpc.search_read(
                model,
                [*window, ["id", ">", last]],
                ["write_date", *fields],
                order="id",
                limit=size,
            )
            rows += page
            if len(page) < size:
                return sorted(rows, key=lambda row: (row["write_date"], row["id"]))
            last = page[-1]["id"]

    async def picking_bodies(self, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """All that `translate` needs of these deliveries, in four calls."""
        fields = ["name", "state", "date_done", "write_date", "sale_id", "picking_type_id"]
        fields += await self._carrier_fields()
        pickings = await self.rpc.read("stock.picking", ids, fields)
        pickings = [row for row in pickings if row["state"] == "done" and row["sale_id"]]
        moves = await self.rpc.search_read(
            "stock.move",
            [["picking_id", "in", [row["id"] for row in pickings]], ["state", "=", "done"]],
            ["picking_id", "product_id", "quantity", "sale_line_id"],
            order="id",
        )
        names = await self.external_names(
            [row["sale_id"] for row in pickings],
            [row["sale_line_id"] for row in moves if row["sale_line_id"]],
        )
        skus = await self.skus(row["product_id"] for row in moves)
        await self._know_types(row["picking_type_id"] for row in pickings)
        lines: dict[int, list[dict[str, Any]]] = {}
        for move in moves:
            if move["quantity"]:
                lines.setdefault(move["picking_id"], []).append(
                    {
                        "sale_line_id": move["sale_line_id"],
                        "external": names.get(("sale.order.line", move["sale_line_id"]), False),
                        "move_id": move["id"],
                        "sku": skus.get(move["product_id"], False),
                        "quantity": move["quantity"],
                    }
                )
        return {
            row["id"]: {
                "picking": {
                    "id": row["id"],
                    "name": row["name"],
                    "state": row["state"],
                    "date_done": row["date_done"],
                    "write_date": row["write_date"],
                    "warehouse": self._types.get(row["picking_type_id"], False),
                    "tracking": row.get("carrier_tracking_ref", False),
                    "tracking_url": row.get("carrier_tracking_url", False),
                    "carrier": row.get("carrier_name", False),
                },
                "order": {
                    "id": row["sale_id"],
                    "external": names.get(("sale.order", row["sale_id"]), False),
                },
                "lines": lines.get(row["id"], []),
            }
            for row in pickings
        }

    async def levels(
        self, products: Sequence[int], skus: Mapping[int, str] | None = None
    ) -> dict[int, list[dict[str, Any]]]:
        """On hand and reserved of these products by warehouse: several quants make one level."""
        warehouses = {id_: code for code, id_ in (await self.master.warehouses()).items()}
        rows = await self.rpc.search_read(
            "stock.quant",
            [["product_id", "in", list(products)], *INTERNAL],
            ["product_id", "warehouse_id", "quantity", "reserved_quantity", "write_date"],
            order="id",
        )
        if skus is None:
            skus = await self.skus(products)
        sums: dict[tuple[int, int], tuple[Decimal, Decimal, str]] = {}
        for row in rows:
            if row["warehouse_id"] in warehouses:
                key = (row["product_id"], row["warehouse_id"])
                on_hand, reserved, written = sums.get(key, (Decimal(0), Decimal(0), ""))
                sums[key] = (
                    on_hand + Decimal(repr(row["quantity"])),
                    reserved + Decimal(repr(row["reserved_quantity"])),
                    max(written, row["write_date"]),
                )
        levels: dict[int, list[dict[str, Any]]] = {}
        for (product, warehouse), (on_hand, reserved, written) in sorted(sums.items()):
            levels.setdefault(product, []).append(
                {
                    "product_id": product,
                    "sku": skus.get(product, False),
                    "warehouse": warehouses[warehouse],
                    "on_hand": float(on_hand),
                    "reserved": float(reserved),
                    "write_date": written,
                }
            )
        return levels

    async def external_names(
        self, orders: Iterable[int], lines: Iterable[int]
    ) -> dict[tuple[str, int], str]:
        """Our names of these records, by model and id; ids of the two models overlap."""
        ids = sorted({*orders, *lines})
        if not ids:
            return {}
        rows = await self.rpc.search_read(
            "ir.model.data",
            [
                ["module", "=", self.namespace],
                ["model", "in", ["sale.order", "sale.order.line"]],
                ["res_id", "in", ids],
            ],
            ["name", "model", "res_id"],
        )
        return {(row["model"], row["res_id"]): row["name"] for row in rows}

    async def skus(self, products: Iterable[int]) -> dict[int, str]:
        """Internal references, read afresh, for they may change; archived products have theirs."""
        ids = sorted(set(products))
        if not ids:
            return {}
        rows = await self.rpc.read("product.product", ids, ["default_code"])
        return {row["id"]: row["default_code"] for row in rows}

    async def _know_types(self, types: Iterable[int]) -> None:
        if set(types) - self._types.keys():
            rows = await self.rpc.search_read(
                "stock.picking.type", [["warehouse_id", "!=", False]], ["warehouse_id"]
            )
            houses = await self.rpc.search_read("stock.warehouse", [], ["code"])
            codes = {row["id"]: row["code"] for row in houses}
            self._types = {row["id"]: codes[row["warehouse_id"]] for row in rows}

    async def _carrier_fields(self) -> tuple[str, ...]:
        return await self.rpc.fields.having("stock.picking", CARRIER_FIELDS)

    def raw(
        self,
        topic: str,
        body: dict[str, Any],
        *,
        key: str,
        native: str,
        written: str,
        cursor: Cursor | None = None,
    ) -> crossdock.Raw:
        """The fingerprint joins the time, for two changes may fall into one second."""
        mark = digest(jsontext.canonical(body).decode())
        return crossdock.Raw(
            topic,
            body,
            key=key,
            delivery_id=f"{topic}:{native}:{written}:{mark}",
            cursor=None if cursor is None else cursor.dump(),
        )

    def _remember(self, text: str | None) -> None:
        """The caller starts from `text`: all that was given up to it is stored on its side."""
        places = [cursor for cursor, _ in self._pending]
        if text is not None and text in places:
            for _, marks in self._pending[: places.index(text) + 1]:
                self._given |= {mark: mark[2] for mark in marks}
        self._pending = []

    def _forget(self, *since: str | None) -> None:
        """What no window reaches any more."""
        known = [moment for moment in since if moment is not None]
        if known:
            oldest = min(known)
            self._given = {m: moment for m, moment in self._given.items() if moment >= oldest}


def _mark(topic: str, row: dict[str, Any]) -> tuple[str, int, str]:
    return topic, row["id"], row["write_date"]


def _shift(text: str, seconds: int) -> str:
    """A time of Odoo's, moved. ContractError: it is none."""
    try:
        moment = datetime.strptime(text[:19], STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise crossdock.ContractError(
            f"{jsontext.shorten(text)} is no time of Odoo's, such as 2026-11-23 03:16:04"
        ) from None
    return (moment + timedelta(seconds=seconds)).strftime(STAMP)

"""A whole deployment of which every process can be killed by itself, and the storm that does it."""

import asyncio
import contextlib
import json
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml
from crossdock.errors import CrossdockError
from crossdock.http import Http
from oracle import Faults, judge
from servers import NatsServer, Process, free_port

HERE = Path(__file__).parent
STALLED_S = 120.0
"""Without any progress this long a run has failed."""
RESTART_S = (0.0, 0.5)
"""How long a killed process stays away, at least and at most."""
STARTING_S = 30.0
"""So long at most a kill waits for its victim to have come up since its last one."""
WHILE_STARTING = 0.2
"""The share of kills that do not wait: to die while starting is a fault too."""


OPEN = {
    "landing": "SELECT id, topic, entity_key, road, state, publishes, published_at, events, reason"
    " FROM landing WHERE NOT settled",
    "outbox": "SELECT id, connection, type, entity_id, cause, publishes, published_at, state"
    " FROM outbox WHERE state = 'open'",
    "effects": "SELECT command_id, connection, type, entity_id, attempts, intent_at, note"
    " FROM effects WHERE receipt_at IS NULL",
    "waiting": "SELECT stage, message_id, entity_key, place, attempts, first_at, next_at, code,"
    " reason FROM waiting",
    "exceptions": "SELECT code, stage, connection, entity_id, message_id, message, opened_at"
    " FROM exceptions WHERE state = 'open'",
    "dead_letters": "SELECT stage, connection, topic, entity_key, reason FROM dead_letters",
    "breakers": "SELECT * FROM breakers",
    "claims": "SELECT id, at FROM claims",
}


class Site:
    """Sandboxes, a nats-server, a gateway and one or more processes of stages, each by itself."""

    def __init__(
        self,
        folder: Path,
        *,
        runners: int = 1,
        ledger: str = "sqlite:///ledger.db",
        bus: Mapping[str, Any] | None = None,
        adjust: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.file = folder / "deployment.yaml"
        self.nats = NatsServer(folder / "nats")
        self.bus = dict(bus or {"url": self.nats.url})
        self.ledger = ledger
        self.adjust = adjust
        port = free_port()
        self.gateway_url = f"http://127.0.0.1:{port}"
        self.gateway = self._part("gateway", port)
        self.ports = [free_port() for _ in range(runners)]
        self.runners = [self._part("stages", port, f"-{n}") for n, port in enumerate(self.ports)]
        self.boxes: dict[str, Any] = {}
        self._clients = AsyncExitStack()
        self._http: dict[str, Http] = {}
        self._vendors: subprocess.Popen[bytes] | None = None

    def _part(self, role: str, port: int, number: str = "") -> Process:
        command = [sys.executable, "-m", "crossdock_runner.cli", "run", str(self.file), "-v"]
        command += ["--only", role, "--port", str(port)]
        return Process(f"{role}{number}", command, self.folder / f"{role}{number}.log")

    @property
    def parts(self) -> list[Process]:
        """What a storm may kill."""
        return [self.gateway, *self.runners, self.nats]

    async def __aenter__(self) -> Self:
        try:
            self._start_vendors()
            if self.bus["url"] == self.nats.url:
                self.nats.start()
            for part in [self.gateway, *self.runners]:
                part.start()
            await self.ready()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._clients.aclose()
        self._stop()

    def _stop(self) -> None:
        for part in [self.gateway, *self.runners, self.nats]:
            part.stop()
        if self._vendors is not None:
            for pipe in (self._vendors.stdin, self._vendors.stdout):
                if pipe is not None:
                    pipe.close()
            try:
                self._vendors.wait(10)
            except subprocess.TimeoutExpired:
                self._vendors.kill()
                self._vendors.wait()

    def _start_vendors(self) -> None:
        with (self.folder / "vendors.log").open("ab") as log:
            self._vendors = subprocess.Popen(
                [sys.executable, str(HERE / "boxes.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._vendors.stdout is not None
        line = self._vendors.stdout.readline()
        assert line, (self.folder / "vendors.log").read_text()[-2000:]
        self.boxes = json.loads(line)
        deployment: dict[str, Any] = {
            "crossdock": 1,
            "environment": "chaos",
            "bus": self.bus,
            "ledger": {"url": self.ledger},
            "connections": {
                "web": self.boxes["shopify"]["connection"],
                "erp": {**self.boxes["odoo"]["connection"], "poll_every_s": 1},
            },
            "domains": {
                "orders": {"capture": ["web"], "execute": "erp"},
                "inventory": {"owner": "erp", "publish_to": ["web"]},
                "fulfillment": {"owner": "erp", "publish_to": ["web"]},
            },
        }
        self.adjust(deployment)
        self.file.write_text(yaml.safe_dump(deployment, sort_keys=False))

    async def ready(self, within_s: float = 60.0) -> None:
        """Until every part says it is ready."""
        deadline = time.monotonic() + within_s
        for url, part in self._addresses().items():
            while True:
                if not part.alive:
                    part.start()
                try:
                    await (await self._client(url)).get("/health/ready", timeout_s=2)
                    break
                except CrossdockError:
                    assert time.monotonic() < deadline, f"{part.name} not ready: {part.tail()}"
                    await asyncio.sleep(0.1)

    async def up(self, part: Process, within_s: float) -> None:
        """Until this one answers, whatever it says; or until the time is over."""
        url = next((url for url, one in self._addresses().items() if one is part), None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while url is not None:
                    with contextlib.suppress(CrossdockError):
                        await (await self._client(url)).get("/health/live", timeout_s=2)
                        return
                    await asyncio.sleep(0.1)

    def _addresses(self) -> dict[str, Process]:
        return {self.gateway_url: self.gateway} | {
            f"http://127.0.0.1:{port}": part
            for port, part in zip(self.ports, self.runners, strict=True)
        }

    async def _client(self, url: str) -> Http:
        if url not in self._http:
            http = Http(name=url, base_url=url, timeout_s=300)
            self._http[url] = await self._clients.enter_async_context(http)
        return self._http[url]

    async def get(self, box: str, path: str) -> dict[str, Any]:
        """One of the vendors' own pages."""
        return dict((await (await self._client(self.boxes[box]["url"])).get(path)).json())

    async def post(self, box: str, path: str, body: object) -> dict[str, Any]:
        """Ask a vendor for something its customers or its staff would do."""
        http = await self._client(self.boxes[box]["url"])
        return dict((await http.post(path, json=body)).json())

    async def sell(self, orders: int, *, seed: int, concurrency: int = 16) -> None:
        """Let the shop sell; its webhooks follow by themselves: 5 % twice, 5 % in wrong order."""
        sale = {
            "orders": orders,
            "seed": seed,
            "hooks_url": f"{self.gateway_url}/hooks/web",
            "duplicates": 0.05,
            "reordered": 0.05,
            "concurrency": concurrency,
            "echo": True,
        }
        await self.post("shopify", "/_sandbox/sell", sale)

    async def ship(self, *, seed: int) -> int:
        """Let the warehouse ship what is ready, a fifth of it in two parcels."""
        answer = await self.post("odoo", "/_sandbox/ship", {"two_parcels": 0.2, "seed": seed})
        return int(answer["shipped"])

    async def progress(self) -> dict[str, int]:
        """Counts, cheap to ask for."""
        return await self.get("observer", "/progress")

    async def faults(self) -> Faults:
        """The oracle's judgement on what the vendors hold now."""
        shop = await self.get("shopify", "/_sandbox/report")
        erp = await self.get("odoo", "/_sandbox/report")
        return judge(shop, erp, await self.get("observer", "/log"))

    async def account(self) -> dict[str, Any]:
        """Our own account, checked by id: beside the oracle, not instead of it."""
        http = await self._client(self.gateway_url)
        return dict((await http.get("/status?audit=1")).json()["account"])

    def unwell(self) -> list[str]:
        """What the processes should never have said."""
        words = ("Traceback", "a fault of ours")
        return [
            f"{part.name}: {line}"
            for part in [self.gateway, *self.runners]
            for line in part.log.read_text(errors="replace").splitlines()
            if any(word in line for word in words)
        ][:20]

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Read the SQLite ledger from outside."""
        with contextlib.closing(sqlite3.connect(self.folder / "ledger.db", timeout=30)) as ledger:
            return ledger.execute(query).fetchall()

    def left_open(self) -> dict[str, list[tuple[Any, ...]]]:
        """What an SQLite ledger says is not done, a few rows of each table: why a run stalled."""
        return {table: self.sql(f"{query} LIMIT 12") for table, query in OPEN.items()}


async def finish(site: Site, *, seed: int, stalled_s: float = STALLED_S) -> Faults:
    """Ship until all is well, or nothing moves any more; what is wrong then."""
    last: object = None
    moved = time.monotonic()
    while True:
        await site.ship(seed=seed)
        now = await site.progress()
        if now != last:
            last, moved = now, time.monotonic()
        arrived = (
            not now["selling"]
            and now["sent"] == now["accepted"]
            and now["erp_orders"] == now["sold"]
            and now["shipped"] == now["pickings"] == now["parcels"]
        )
        if arrived or time.monotonic() - moved > stalled_s:
            faults = await site.faults()
            with contextlib.suppress(CrossdockError):
                account = await site.account()
                if not account["quiet"]:
                    faults["not quiet"] = 1
                if account["difference"]:
                    faults["difference of our own account"] = account["difference"]
            if not faults or time.monotonic() - moved > stalled_s:
                return faults
        await asyncio.sleep(0.5)


@dataclass
class Storm:
    """Random kills while orders flow. The same seed sells the same and kills in the same turn.

    Kills fall all over the run: each waits until its share of the work is done. When `minutes`
    are over no more is sold and nobody is killed any more, and `sold` says how far it came.
    """

    site: Site
    orders: int
    kills: int
    seed: int
    stores_lost: int = 0
    """So often nats-server's store is deleted too."""
    minutes: float = 600.0
    longest_gap_s: float = 60.0
    shortest_gap_s: float = 0.2
    done: Counter[str] = field(default_factory=Counter)
    sold: int = 0

    async def rage(self) -> Faults:
        """Sell, ship, kill and restart to the end; what the oracle finds."""
        chance = random.Random(self.seed)
        victims = self._victims(chance)
        self._deadline = time.monotonic() + 60 * self.minutes
        trade = [asyncio.create_task(self._sell()), asyncio.create_task(self._ship())]
        try:
            for number, (name, lose) in enumerate(victims, 1):
                await self._wait(chance, number / (len(victims) + 1))
                if self._over():
                    break
                await self._kill(name, chance, lose)
            await trade[0]
        finally:
            for task in trade:
                task.cancel()
            await asyncio.gather(*trade, return_exceptions=True)
        await self.site.ready()
        return await finish(self.site, seed=self.seed)

    def _over(self) -> bool:
        return time.monotonic() > self._deadline

    def _victims(self, chance: random.Random) -> list[tuple[str, bool]]:
        """Every part in turn, shuffled; then the losses of the store, anywhere between."""
        parts = [part.name for part in self.site.parts]
        victims = [(parts[number % len(parts)], False) for number in range(self.kills)]
        victims += [(self.site.nats.name, True)] * self.stores_lost
        chance.shuffle(victims)
        return victims

    async def _wait(self, chance: random.Random, share: float) -> None:
        """Until this share of the work is done, but no longer than the longest gap."""
        started = time.monotonic()
        await asyncio.sleep(chance.uniform(self.shortest_gap_s, 4 * self.shortest_gap_s))
        while time.monotonic() - started < self.longest_gap_s and not self._over():
            now = await self.site.progress()
            done = now["accepted"] + 2 * now["erp_orders"] + 2 * now["parcels"]
            if done >= share * self.orders * 6.0:  # 1.9 webhooks and 1.2 parcels an order
                return
            await asyncio.sleep(min(0.5, 0.1 + self.orders / 1000))

    async def _kill(self, name: str, chance: random.Random, lose: bool) -> None:
        part = next(part for part in self.site.parts if part.name == name)
        if chance.random() > WHILE_STARTING:  # else a slow machine would see nothing but starts
            await self.site.up(part, STARTING_S)
        if lose:
            self.site.nats.lose_store()
            self.done["stores lost"] += 1
        else:
            part.kill()
            self.done[f"{name} killed"] += 1
        await asyncio.sleep(chance.uniform(*RESTART_S))
        part.start()
        # what ended by itself meanwhile (no bus to begin with) is started again, as systemd would
        for other in self.site.parts:
            if not other.alive:
                self.done[f"{other.name} ended by itself"] += 1
                other.start()

    async def _sell(self) -> None:
        """In lots, so that a slow machine is not buried and the end can be moved up."""
        lot = max(self.orders // 40, 20)
        while self.sold < self.orders and not self._over():
            now = await self.site.progress()
            if not now["selling"] and self.sold - now["erp_orders"] < 2 * lot:
                orders = min(lot, self.orders - self.sold)
                await self.site.sell(orders, seed=self.seed + self.sold)
                self.sold += orders
            await asyncio.sleep(0.5)

    async def _ship(self) -> None:
        while True:
            await self.site.ship(seed=self.seed)
            await asyncio.sleep(1.0)

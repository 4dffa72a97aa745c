"""The row of the whole line: webhooks in at the gateway, orders in the ERP's own table.

`crossdock run` on a deployment of the demo, the vendors' sandboxes in a process of their own. The
webhooks are real-shaped orders of the sandbox shop, taken once and sent again under new ids by the
bench's own load generator, so that the pretended shop's courier does not set the pace.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from crossdock_runner.bench.load import Load, drive
from crossdock_runner.bench.measure import Goal, Measure, Row, Sample, cpu_s, percentile, rss_mb

CONNECTIONS = 32
TEMPLATES = 40
STALLED_S = 30.0
MARK = "#B"
"""The bench's orders are numbered with it."""

LINE = Row(
    name="line",
    meaning="The whole line: webhook, land, translate, decide, deliver, order in the Odoo sandbox",
    unit="orders/s",
    rounds=1,
    cases={"ours": "crossdock run, SQLite, embedded bus, both sandboxes on this machine"},
    goals=(
        Goal(text="orders a second", case="ours", figure="per_s", at_least=1000.0),
        Goal(text="MB in the runner, at most", case="ours", figure="rss_mb", at_most=300.0),
        Goal(
            text="× the runner's memory at a third of the way",
            case="ours",
            figure="rss_end_mb",
            versus="ours",
            versus_figure="rss_early_mb",
            at_most=1.25,
        ),
        Goal(text="orders missing or doubled", case="ours", figure="wrong", at_most=0.0),
    ),
)


class WholeLine:
    """A fresh deployment for every measurement."""

    row = LINE

    @contextlib.contextmanager
    def open(self, *, quick: bool) -> Iterator[Measure]:
        """See `Bench.open`."""
        seconds = 5.0 if quick else 60.0

        def measure(case: str) -> Sample:
            with tempfile.TemporaryDirectory(prefix="crossdock-bench-") as folder:
                return asyncio.run(_run(Path(folder), seconds))

        yield measure


async def _run(folder: Path, seconds: float) -> Sample:
    from crossdock_runner.site import Site

    site = Site(folder)
    try:
        site.start_sandboxes()
        await warm_up(site)
        orders = await bench_orders(site)
        site.start_runner()
        await site.ready()
        return await _measure(site, orders, seconds)
    finally:
        site.stop()


async def warm_up(site: Any) -> None:
    """Let the shop's sandbox build its GraphQL schema now: it stands still for seconds then."""
    import yaml
    from crossdock import plugins
    from crossdock.http import Http

    web = yaml.safe_load(site.file.read_text())["connections"]["web"]
    settings = {name: value for name, value in web.items() if name != "connector"}
    config: Any = plugins.load(["shopify"])["shopify"].config.model_validate(settings)
    token = {"x-shopify-access-token": str(web["access_token"])}
    async with Http(name="shop", base_url=site.boxes["web"], timeout_s=120) as shop:
        path = f"/admin/api/{config.api_version}/graphql.json"
        await shop.post(path, json={"query": "{ shop { name } }"}, headers=token)


async def bench_orders(site: Any) -> list[tuple[bytes, str]]:
    """Bodies of orders/create that the sandbox shop sells, with the id each goes by."""
    from crossdock.http import Http
    from crossdock.sockets import listen

    bodies: list[bytes] = []
    sock = listen()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError
        ):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                found = re.search(rb"content-length: (\d+)", head)
                body = await reader.readexactly(int(found.group(1)) if found else 0)
                if b"orders/create" in head:
                    bodies.append(body)
                writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, sock=sock)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}/hooks/web"
    async with Http(name="shop", base_url=site.boxes["web"], timeout_s=30) as shop:
        sale = {"orders": TEMPLATES, "seed": 7, "hooks_url": url}
        await shop.post("/_sandbox/sell", json=sale)
        deadline = time.monotonic() + 20
        while len(bodies) < TEMPLATES and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    server.close()
    return [(body, str(json.loads(body)["id"])) for body in bodies]


def signed_requests(site: Any, orders: list[tuple[bytes, str]]) -> "Callable[[int], bytes]":
    """Webhooks that are all new orders, signed as the site's shop signs them."""
    import yaml

    web = yaml.safe_load(site.file.read_text())["connections"]["web"]
    shop, key = str(web["shop"]), str(web["webhook_secret"]).encode()
    cut = []
    for body, native_id in orders:
        name = json.dumps(json.loads(body)["name"]).encode()
        mark, label = native_id.encode(), b'"name":' + name
        cut.append(body.replace(label, b'"name":"@N@"', 1).split(mark))

    def request(at: int) -> bytes:
        body = (b"%d" % (7_000_000_000_000 + at)).join(cut[at % len(cut)])
        body = body.replace(b"@N@", f"{MARK}{at}".encode(), 1)
        signature = base64.b64encode(hmac.digest(key, body, hashlib.sha256)).decode()
        head = (
            f"POST /hooks/web HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            f"x-shopify-topic: orders/create\r\nx-shopify-hmac-sha256: {signature}\r\n"
            f"x-shopify-shop-domain: {shop}\r\nx-shopify-api-version: 2026-04\r\n"
            f"content-length: {len(body)}\r\nx-shopify-event-id: bench-{at}\r\n\r\n"
        )
        return head.encode() + body

    return request


async def until_quiet(site: Any) -> tuple[int, dict[str, int]]:
    """How much was under way, and the runner's counters when nothing is, or nothing moves."""
    from crossdock.http import Http

    async with Http(name="runner", base_url=site.gateway, timeout_s=30) as gateway:

        async def look() -> dict[str, Any]:
            status: dict[str, Any] = (await gateway.get("/status")).json()
            return status

        status, moved = await look(), time.perf_counter()
        account = status["account"]
        behind = account["in_flight"] + account["commands_open"]
        while not account["quiet"] and time.perf_counter() - moved < STALLED_S:
            await asyncio.sleep(0.25)
            status = await look()
            if status["account"] != account:
                account, moved = status["account"], time.perf_counter()
    return behind, status["counts"]


async def accepted_by_erp(site: Any) -> list[str]:
    """The numbers of the bench's orders in the Odoo sandbox's own table.

    The orders the shop itself sold, whose bodies are sent again, may arrive there by its polls.
    """
    from crossdock.http import Http

    async with Http(name="odoo", base_url=site.boxes["erp"], timeout_s=120) as erp:
        report = (await erp.get("/_sandbox/report")).json()
    sold = [str(one["client_order_ref"]) for one in report["orders"] if one["state"] == "sale"]
    return [number for number in sold if number.startswith(MARK)]


async def _measure(site: Any, orders: list[tuple[bytes, str]], seconds: float) -> Sample:
    load = Load(signed_requests(site, orders))
    runner, boxes = site.runner.pid, site._sandboxes.pid
    started, cpu_before, boxes_before = time.perf_counter(), cpu_s(runner), cpu_s(boxes)
    own_before = time.process_time()
    sending = asyncio.create_task(
        drive(load, site.gateway, connections=CONNECTIONS, seconds=seconds)
    )
    early = highest = 0.0
    while not sending.done():
        await asyncio.sleep(min(1.0, seconds / 10))
        now = rss_mb(runner)
        highest = max(highest, now)
        if not early and time.perf_counter() - started > seconds / 3:
            early = now
    await sending
    accepted = load.done - load.refused
    behind, counts = await until_quiet(site)
    wall = time.perf_counter() - started
    end = rss_mb(runner)
    used, boxes_used = cpu_s(runner) - cpu_before, cpu_s(boxes) - boxes_before
    own = time.process_time() - own_before
    names = await accepted_by_erp(site)
    return Sample(
        count=len(names),
        seconds=wall,
        cpu_s=used,
        rss_mb=max(highest, end),
        server_cpu_s=boxes_used,
        more={
            "accepted": accepted,
            "refused": load.refused,
            "behind_when_sending_ended": behind,
            "accept_p99_ms": percentile(load.latencies, 0.99) * 1e3,
            "wrong": abs(accepted - len(set(names))) + len(names) - len(set(names)),
            "rss_early_mb": early,
            "rss_end_mb": end,
            "sandboxes_rss_mb": rss_mb(boxes),
            "bus_rss_mb": _children(runner, rss_mb),
            "bus_cpu_us": _children(runner, cpu_s) / max(len(names), 1) * 1e6,
            "load_cpu_us": own / max(len(names), 1) * 1e6,
            "cores": os.cpu_count() or 1,
        }
        | {
            f"{stage}_messages": counts.get(f"{stage}.messages", 0) / max(len(names), 1)
            for stage in ("translate", "decide", "deliver")
        },
    )


def _children(pid: int, figure: Callable[[int], float]) -> float:
    """Of the runner's children: its nats-server."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return sum(figure(int(child)) for child in children)
    return 0.0


BENCHES = (WholeLine(),)

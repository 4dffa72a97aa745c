"""Row `batch`: orders from a paged HTTP API to canonical JSON, with a checkpoint for each page.

Beside what singer-sdk, airbyte-cdk and dlt need to write the same records as they are, each in an
environment of its own (`nox -s peers` makes them under var/peers). CPU time of whole processes; a
second run over one page separates the start from the cost of a record.
"""

import asyncio
import contextlib
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from crossdock_runner import garbage
from crossdock_runner.bench import payloads
from crossdock_runner.bench.measure import Absent, Goal, Measure, Row, Sample, serving

PAGE = 250
PEERS = {"singer": "singer-sdk", "airbyte": "airbyte-cdk", "dlt": "dlt"}
VENVS = Path("var/peers")
ROW = Row(
    name="batch",
    meaning="Read 10,000 orders (7 KB each) page by page from a local HTTP API, with checkpoints",
    unit="orders/s",
    shown="cpu_us",
    rounds=3,
    cases={
        "ours": "crossdock: Http, by_cursor, translate to checked canonical JSON with ids",
        "orjson": "http.client and orjson, nothing checked",
        "singer": "singer-sdk tap, records as they are",
        "airbyte": "airbyte-cdk declarative source, records as they are",
        "dlt": "dlt rest_api to JSON Lines, records as they are",
    },
    goals=tuple(
        Goal(
            text="× the CPU of ours for each record",
            case=name,
            figure="cpu_us",
            versus="ours",
            at_least=2.0,
        )
        for name in PEERS
    ),
)


@dataclasses.dataclass(frozen=True)
class Batch:
    """See the module."""

    row: Row = ROW

    @contextlib.contextmanager
    def open(self, *, quick: bool) -> Iterator[Measure]:
        """See `Bench.open`."""
        total = 1_000 if quick else 10_000
        with (
            serving("batch", "api", total=total) as (_, ready),
            tempfile.TemporaryDirectory(prefix="crossdock-batch-") as scratch,
        ):
            root = f"http://127.0.0.1:{ready['port']}"

            def measure(case: str) -> Sample:
                return _record_cost(case, root, total, Path(scratch))

            yield measure


def _record_cost(case: str, root: str, total: int, scratch: Path) -> Sample:
    small = _run(case, f"{root}/n/{PAGE}/orders?limit={PAGE}&page=1", scratch, PAGE)
    large = _run(case, f"{root}/n/{total}/orders?limit={PAGE}&page=1", scratch, total)
    return dataclasses.replace(
        large,
        count=total - PAGE,
        seconds=max(large.seconds - small.seconds, 1e-6),
        cpu_s=max(large.cpu_s - small.cpu_s, 1e-6),
        more={"start_s": small.seconds, "whole_cpu_s": large.cpu_s},
    )


def _run(case: str, url: str, scratch: Path, total: int) -> Sample:
    """One whole process; the records it wrote are counted."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    out = folder / "out.jsonl"
    if case in PEERS:
        python = VENVS / case / "bin" / "python"
        if not python.exists():
            raise Absent(f"{PEERS[case]} is not in {VENVS}/{case}: nox -s peers")
        command = [str(python), str(Path(__file__).with_name("batch_peers.py")), case]
    else:
        command = [sys.executable, "-m", "crossdock_runner.bench.batch", case]
    started = time.perf_counter()
    with (folder / "err").open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - ourselves, or a peer asked for
            [*command, url, str(out)], stdout=subprocess.DEVNULL, stderr=errors
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = status
    seconds = time.perf_counter() - started
    if status:
        raise RuntimeError(f"{case} failed: {(folder / 'err').read_text()[-800:]}")
    files = [out] if out.is_file() else [*Path(f"{out}.fs").rglob("orders/*.jsonl")]
    lines = sum(_records(file) for file in files)
    if lines != total:
        raise RuntimeError(f"{case} wrote {lines} records of {total}")
    return Sample(
        count=total,
        seconds=seconds,
        cpu_s=used.ru_utime + used.ru_stime,
        rss_mb=used.ru_maxrss / 1024,
    )


def _records(file: Path) -> int:
    """Lines that hold an order; frameworks write other messages between."""
    with file.open("rb") as lines:
        return sum(
            (b'"line_items"' in line or b'"lines"' in line) and b'"SCHEMA"' not in line[:40]
            for line in lines
        )


def case(name: str, arguments: dict[str, Any]) -> Sample:
    """Runs in the child: the API, until stdin closes."""
    asyncio.run(_serve(int(arguments["total"])))
    return Sample(count=1, seconds=1.0, cpu_s=0.0)


async def _serve(total: int) -> None:
    """Pages made once and kept, so that the reader is what is measured."""
    orders = [payloads.vendor_bytes(number) for number in range(1, PAGE + 1)]
    pages: dict[tuple[int, int], bytes] = {}
    root = ""

    def page(wanted: int, number: int) -> bytes:
        if (wanted, number) not in pages:
            count = max(0, min(PAGE, wanted - (number - 1) * PAGE))
            following = "null"
            if number * PAGE < wanted:
                following = f'"{root}/n/{wanted}/orders?limit={PAGE}&page={number + 1}"'
            head = b'{"orders":[' + b",".join(orders[:count])
            pages[wanted, number] = head + f'],"next":{following}}}'.encode()
        return pages[wanted, number]

    class Api(asyncio.Protocol):
        rest = b""

        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.rest += data
            while b"\r\n\r\n" in self.rest:
                head, self.rest = self.rest.split(b"\r\n\r\n", 1)
                parts = urlsplit(head.split(b" ", 2)[1].decode())
                number = int(parse_qs(parts.query).get("page", ["1"])[0])
                body = page(int(parts.path.split("/")[2]), number)
                head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                self.transport.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Api, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    root = f"http://127.0.0.1:{port}"
    for number in range(1, total // PAGE + 1):
        page(total, number)
    sys.stdout.write(f'{{"port": {port}}}\n')
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


async def _ours(url: str, out: Path) -> None:
    """As a connector's poll and the translate stage do it, to a file instead of the bus."""
    from crossdock import plugins
    from crossdock.connector import Context
    from crossdock.events import Raw
    from crossdock.http import walk
    from crossdock_stages.translate import say

    connector = plugins.load(["shopify"])["shopify"]
    garbage.tune()
    checkpoint = out.with_suffix(".checkpoint")
    async with Context(connection="web").http(base_url=url.split("/n/")[0]) as http:

        async def ask(cursor: str | None) -> Any:
            return await http.get(cursor or url)

        with out.open("wb") as file:
            async for answer in walk(ask, lambda page: page.at("/next")):
                for order in answer.records("/orders"):
                    raw = Raw("orders/create", data=order)
                    for said in say("web", connector, raw, source="crossdock://bench/web"):
                        file.write(said.body + b"\n")
                file.flush()
                checkpoint.write_text(answer.url)


def _orjson(url: str, out: Path) -> None:
    import http.client

    import orjson

    line = http.client.HTTPConnection(urlsplit(url).netloc)
    following: str | None = url
    with out.open("wb") as file:
        while following:
            parts = urlsplit(following)
            line.request("GET", f"{parts.path}?{parts.query}")
            body = orjson.loads(line.getresponse().read())
            file.write(b"\n".join(map(orjson.dumps, body["orders"])) + b"\n")
            following = body["next"]


def main() -> None:
    """One of our own readers: `python -m crossdock_runner.bench.batch ours|orjson URL OUT`."""
    name, url, out = sys.argv[1:4]
    if name == "ours":
        asyncio.run(_ours(url, Path(out)))
    else:
        _orjson(url, Path(out))


if __name__ == "__main__":
    main()

BENCHES = (Batch(),)

"""The gateway on a real socket: nothing a stranger sends ends in a 5xx."""

import asyncio
import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from crossdock.bus import Bus
from crossdock.errors import UnavailableError
from crossdock.http import Http, Response
from crossdock.testing.sandbox import serve
from crossdock_runner import door
from crossdock_runner import gateway as gateway_module
from crossdock_runner.deployment import GatewayConfig
from crossdock_runner.gateway import make_app
from crossdock_stages import intake as intake_module
from crossdock_stages.harness import House
from crossdock_stages.intake import Intake
from crossdock_stages.ledger import Ledger, open_ledger
from crossdock_stages.ledger.audit import audit
from crossdock_stages.ledger.journey import account
from crossdock_stages.ledger.tables import dead_letters
from crossdock_stages.ledger.tables import landing as landing_table
from crossdock_stages.topology import Topology

SECRET = b"hush-hush"
ANY = frozenset(range(400, 600))


class Flaky:
    """A ledger that can be switched off."""

    def __init__(self, ledger: Ledger) -> None:
        self.inner, self.url, self.off = ledger, ledger.url, False
        self.goes = asyncio.Event()
        self.goes.set()

    async def write(self, work: Any) -> Any:
        await self.goes.wait()
        if self.off:
            raise UnavailableError("the ledger failed: a test", outcome="failed")
        return await self.inner.write(work)

    read = write


class Gate:
    """A gateway, its ledger, and a client; its bus is never there."""

    def __init__(self, http: Http, ledger: Flaky, intake: Intake, address: tuple[str, int]) -> None:
        self.http, self.ledger, self.intake, self.address = http, ledger, intake, address

    async def hook(self, body: bytes, *, mark: str | None = None, **options: Any) -> Response:
        genuine = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        headers = {"x-mark": genuine if mark is None else mark, **options.pop("headers", {})}
        path = options.pop("path", "/hooks/web")
        method = options.pop("method", "POST")
        return await self.http.request(method, path, content=body, headers=headers, accept=ANY)

    async def raw(self, data: bytes, *, half_close: bool = False) -> bytes:
        """Bytes as they are, and all that comes back until the connection is closed."""
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(data)
        await writer.drain()
        if half_close:
            writer.write_eof()
        try:
            async with asyncio.timeout(20):
                return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    async def rows(self, table: sa.Table) -> Any:
        return await self.ledger.inner.read(lambda tx: tx.execute(sa.select(table)).all())


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    acme = import_module("crossdock_acme")
    shop = acme.Shop(acme.ShopConfig(secret=SECRET.decode()))
    async with open_ledger(f"sqlite:///{tmp_path}/l.db") as ledger:
        flaky = Flaky(ledger)
        house = House(bus=Bus("nats://127.0.0.1:1"), ledger=flaky)
        intake = Intake(house, Topology(lanes=2))
        config = GatewayConfig(max_body_bytes=65_536)
        app = make_app(house, intake, {"web": shop}, config)
        async with serve(app, http=door.protocol()) as url:
            host, _, port = url.removeprefix("http://").partition(":")
            async with Http(name="gate", base_url=url) as http:
                yield Gate(http, flaky, intake, (host, int(port)))


def check_problem(answer: Response, status: int) -> dict[str, Any]:
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["type"].startswith("https://crossdock.dev/problems/")
    assert document["title"]
    assert "Traceback" not in answer.content.decode()
    return document


async def test_accepted_means_kept_though_the_bus_is_down(gate: Gate) -> None:
    body = b'{"id": 7}'
    answer = await gate.hook(body, headers={"x-delivery": "d1"})
    assert answer.status == 202
    assert answer.json()["status"] == "new"
    (row,) = await gate.rows(landing_table)
    assert (row.id, bytes(row.body), row.delivery_id) == (answer.json()["id"], body, "d1")
    again = await gate.hook(body, headers={"x-delivery": "d1"})
    assert (again.status, again.json()) == (202, {"id": row.id, "status": "duplicate"})
    other = await gate.hook(b'{"id": 8}', headers={"x-delivery": "d1"})
    assert (other.status, other.json()["status"]) == (202, "conflict")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"id": "\\u0000"}',
        b'{"id": "\\ud800"}',
        b'{"id": NaN}',
        b"9" * 5_000,
        b"\xff\xfe",
        b"\xef\xbb\xbf[",
        bytes(range(256)),
    ],
    ids=lambda body: repr(body[:14]),
)
async def test_genuine_nonsense_is_accepted_and_kept_whole(gate: Gate, body: bytes) -> None:
    answer = await gate.hook(body)
    assert answer.status == 202
    (letter,) = await gate.rows(dead_letters)
    assert bytes(letter.body) == body
    assert letter.id == answer.json()["id"]
    assert letter.reason


@pytest.mark.parametrize(
    "mark", ["", "x" * 64, "é" * 10, "\xff\xfe", "0" * 8_000, "'; --"], ids=lambda v: ascii(v)[:12]
)
async def test_a_forgery_is_refused_and_leaves_nothing(gate: Gate, mark: str) -> None:
    body = b'{"id": 1}'
    head = (
        b"POST /hooks/web HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9\r\nx-mark: "
    )
    answer = await gate.raw(head + mark.encode("latin-1") + b"\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 401")
    assert b"application/problem+json" in answer
    assert await gate.rows(landing_table) == []
    assert await gate.rows(dead_letters) == []


async def test_no_mark_at_all_is_a_forgery(gate: Gate) -> None:
    answer = await gate.http.post("/hooks/web", content=b"{}", accept=ANY)
    assert "signature" in check_problem(answer, 401)["detail"]


async def test_every_other_refusal_is_a_problem(gate: Gate) -> None:
    check_problem(await gate.hook(b"{}", path="/hooks/nobody"), 404)
    check_problem(await gate.hook(b"{}", path="/hooks/a%2Fb%00%ff"), 404)
    check_problem(await gate.hook(b"{}", path="/elsewhere"), 404)
    check_problem(await gate.hook(b"{}", path="/"), 404)
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        check_problem(await gate.hook(b"", method=method), 405)
    check_problem(await gate.hook(b"{}", headers={"content-encoding": "gzip"}), 415)
    large = check_problem(await gate.hook(b"x" * 65_537), 413)
    assert large["max_body_bytes"] == 65_536
    assert (await gate.hook(b"x" * 65_536)).status == 202


async def test_a_large_body_without_a_length_is_cut_off(gate: Gate) -> None:
    head = b"POST /hooks/web HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    head += b"transfer-encoding: chunked\r\n\r\n"
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    answer = await gate.raw(head + chunk * 6 + b"0\r\n\r\n")
    assert b" 413 " in answer.partition(b"\r\n")[0] or answer == b""
    assert await gate.rows(dead_letters) == []


@pytest.mark.parametrize(
    "host",
    [b"[", b"]:x", b"a b", b"\xff", b"", b"x" * 5_000, b"[::1", b"evil/../..", b"a:99999999"],
)
@pytest.mark.parametrize(
    "path", [b"/hooks/web", b"/nowhere", b"/hooks/%5b%ff", b"//x", b"/hooks/web?a[=%"]
)
async def test_odd_hosts_and_paths_are_no_fault_of_ours(
    gate: Gate, host: bytes, path: bytes
) -> None:
    body = b'{"id":1}'
    mark = hmac.new(SECRET, body, hashlib.sha256).hexdigest().encode()
    answer = await gate.raw(
        b"POST "
        + path
        + b" HTTP/1.1\r\nhost: "
        + host
        + b"\r\nconnection: close\r\nx-mark: "
        + mark
        + b"\r\ncontent-length: 8\r\n\r\n"
        + body
    )
    assert answer.split(b" ")[1] in {b"202", b"400", b"404"}, answer[:200]


async def test_a_cut_body_is_not_accepted(gate: Gate) -> None:
    head = b"POST /hooks/web HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf"
    await gate.raw(head, half_close=True)
    assert (await gate.hook(b'{"id": 2}')).status == 202
    assert len(await gate.rows(landing_table)) == 1
    assert await gate.rows(dead_letters) == []


async def test_a_slow_body_holds_up_nobody(gate: Gate) -> None:
    body = b'{"id": 3}'
    mark = hmac.new(SECRET, body, hashlib.sha256).hexdigest().encode()
    reader, writer = await asyncio.open_connection(*gate.address)
    writer.write(
        b"POST /hooks/web HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9\r\nx-mark: "
        + mark
        + b"\r\n\r\n"
    )
    for byte in body:
        writer.write(bytes([byte]))
        await writer.drain()
        assert (await gate.hook(b'{"id": 4}')).status == 202
    assert (await reader.read()).startswith(b"HTTP/1.1 202")
    writer.close()


async def test_a_ledger_that_fails_asks_for_patience(gate: Gate) -> None:
    gate.ledger.off = True
    for body in (b'{"id": 1}', b"nonsense"):
        answer = await gate.hook(body)
        check_problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
    ready = await gate.http.get("/health/ready", accept=ANY)
    assert ready.status == 503
    assert any("ledger" in reason for reason in ready.json()["reasons"])
    assert (await gate.http.get("/health/live")).json() == {"live": True}
    gate.ledger.off = False
    assert (await gate.hook(b'{"id": 1}')).status == 202


async def test_a_ledger_that_stands_still_asks_for_patience(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is frozen, or away without a word, refuses nothing: it does not answer."""
    monkeypatch.setattr(intake_module, "LAND_S", 0.05)
    monkeypatch.setattr(gateway_module, "READY_S", 0.05)
    gate.ledger.goes.clear()
    for body in (b'{"id": 1}', b"nonsense", b'{"id": 2}'):
        answer = await gate.hook(body, headers={"x-delivery": body.decode()[-2]})
        check_problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
    for _ in range(2):
        ready = await gate.http.get("/health/ready", accept=ANY)
        assert ready.status == 503
        assert any("ledger does not answer" in reason for reason in ready.json()["reasons"])
    gate.ledger.goes.set()
    again = await gate.hook(b'{"id": 1}', headers={"x-delivery": "1"})
    assert (again.status, again.json()["status"]) == (202, "duplicate"), "it was kept all the same"
    fresh = await gate.hook(b'{"id": 2}', headers={"x-delivery": "2"})
    assert (fresh.status, fresh.json()["status"]) == (202, "new"), "nobody waited for it any more"


async def test_those_who_wait_for_a_ledger_are_bounded(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "DOOR", 3)
    gate.ledger.goes.clear()
    first = asyncio.create_task(gate.hook(b'{"id": 0}'))
    while gate.intake._lander is None or gate.intake._door:
        await asyncio.sleep(0.01)
    waiting = [asyncio.create_task(gate.hook(b'{"id": %d}' % n)) for n in range(1, 4)]
    while len(gate.intake._door) < 3:
        await asyncio.sleep(0.01)
    answer = await gate.hook(b'{"id": 4}')
    check_problem(answer, 503)
    gate.ledger.goes.set()
    assert {(await one).status for one in (first, *waiting)} == {202}
    assert (await gate.hook(b'{"id": 4}')).status == 202


async def test_status_tells_the_account(gate: Gate) -> None:
    await gate.hook(b'{"id": 1}')
    await gate.hook(b"nonsense")
    document = (await gate.http.get("/status?audit=1")).json()
    assert document["account"]["accepted"] == 1
    assert document["account"]["difference"] == 0
    assert document["counts"]["intake.new"] == 1
    assert document["bus"] == {"connected": False}
    ready = await gate.http.get("/health/ready", accept=ANY)
    assert any("still accepted" in reason for reason in ready.json()["reasons"])


async def test_no_mutation_of_a_genuine_body_is_a_fault_of_ours(gate: Gate) -> None:
    chance = random.Random(1)
    sample = b'{"id": 7, "note": "\\u00e4 [1, {\\"a\\": null}]", "lines": [{"n": 1.5e3}]}'
    for _ in range(300):
        body = bytearray(sample)
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(body))
            match chance.randrange(3):
                case 0:
                    body[place] = chance.randrange(256)
                case 1:
                    del body[place]
                case _:
                    body[place:place] = chance.choice(
                        [b"[", b'"', b"\\ud800", b"\x00", b"NaN", b"{"]
                    )
        answer = await gate.hook(bytes(body))
        assert answer.status == 202, bytes(body)
    books = await gate.ledger.inner.read(account)
    assert await gate.ledger.inner.read(audit) == []
    assert books.accepted + books.dead_letters > 0


async def test_a_caller_that_gives_up_does_not_stop_the_ledger(gate: Gate) -> None:
    body = b'{"id": 1}'
    mark = hmac.new(SECRET, body, hashlib.sha256).hexdigest().encode()
    request = (
        b"POST /hooks/web HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\nx-mark: "
        + mark
        + b"\r\n\r\n"
        + body
    )
    for _ in range(30):
        _, writer = await asyncio.open_connection(*gate.address)
        writer.write(request)
        await writer.drain()
        writer.transport.abort()
    assert (await gate.hook(b'{"id": 2}')).status == 202
    json.dumps((await gate.http.get("/status")).json())

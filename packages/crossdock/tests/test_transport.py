"""Our own HTTP/1.1 beneath httpx, against servers on loopback that say what a test wants."""

import asyncio
import datetime
import ipaddress
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from crossdock.errors import PermanentError, UnavailableError
from crossdock.http import Http, dialing
from crossdock.http.transport import MOST_HEAD, Transport

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Vendor:
    """Answers each request with what comes next; knows what it was sent, and how often called."""

    def __init__(self, *answers: bytes, hold_s: float = 0.0) -> None:
        self.answers = list(answers)
        self.hold_s = hold_s
        self.asked: list[bytes] = []
        self.connections = self.open = self.most = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                found = [line for line in head.split(b"\r\n") if b"content-length" in line.lower()]
                length = int(found[0].partition(b":")[2]) if found else 0
                self.asked.append(head + await reader.readexactly(length))
                self.open += 1
                self.most = max(self.most, self.open)
                await asyncio.sleep(self.hold_s)
                self.open -= 1
                answer = self.answers.pop(0) if self.answers else OK
                writer.write(answer.removesuffix(b"CLOSE"))
                await writer.drain()
                if answer.endswith(b"CLOSE"):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def calling(vendor: Vendor, **options: Any) -> AsyncIterator[Http]:
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with Http(name="vendor", base_url=url, timeout_s=5, **options) as http:
        assert isinstance(http._client._transport, Transport)
        yield http
    server.close()


async def test_calls_one_after_the_other_share_a_connection() -> None:
    vendor = Vendor()
    async with calling(vendor) as http:
        for number in range(5):
            answer = await http.post("/x", content=b"%d" % number)
            assert answer.content == b"ok"
    assert vendor.connections == 1
    assert [one.rpartition(b"\r\n")[2] for one in vendor.asked] == [b"0", b"1", b"2", b"3", b"4"]


async def test_calls_at_once_are_as_many_as_may_be() -> None:
    vendor = Vendor(hold_s=0.01)
    async with calling(vendor, max_connections=3) as http:
        await asyncio.gather(*(http.get("/x") for _ in range(12)))
    assert (vendor.connections, vendor.most) == (3, 3)


async def test_a_full_pool_says_that_nothing_was_sent() -> None:
    vendor = Vendor(hold_s=0.3)
    async with calling(vendor, max_connections=1) as http:
        slow = asyncio.create_task(http.get("/x"))
        while not vendor.open:
            await asyncio.sleep(0.001)
        with pytest.raises(UnavailableError) as caught:
            await http.get("/y", timeout_s=0.05)
        assert caught.value.outcome == "not_sent"
        await slow
        assert (await http.get("/z")).content == b"ok"


@pytest.mark.parametrize(
    ("answer", "content", "connections"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", 1),
        (CHUNKED + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc", 1),
        (CHUNKED + b"1\r\na\r\n0\r\nx-end: 1\r\n\r\n", b"a", 1),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the endCLOSE", b"until the end", 2),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na", b"a", 2),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\na", b"a", 2),
        (b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK, b"ok", 1),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK, b"ok", 1),
    ],
)  # fmt: skip
async def test_every_way_to_end_a_body(answer: bytes, content: bytes, connections: int) -> None:
    vendor = Vendor(answer)
    async with calling(vendor) as http:
        first = await http.get("/x")
        assert first.content == content
        assert "x-end" not in first.headers
        assert "link" not in first.headers
        assert (await http.get("/x")).content == b"ok"
    assert vendor.connections == connections


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabCLOSE",
        CHUNKED + b"5\r\nabCLOSE",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 2 * MOST_HEAD + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nCLOSE",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"CLOSE",
    ],
)
async def test_what_is_no_whole_answer_leaves_the_outcome_unknown(answer: bytes) -> None:
    vendor = Vendor(answer)
    async with calling(vendor) as http:
        with pytest.raises(UnavailableError) as caught:
            await http.post("/x")
        assert caught.value.outcome == "unknown"
        assert (await http.post("/x")).content == b"ok"
    assert vendor.connections == 2


async def test_a_head_alone_is_the_whole_answer_to_head() -> None:
    vendor = Vendor(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    async with calling(vendor) as http:
        answer = await http.request("HEAD", "/x")
        assert (answer.status, answer.content) == (200, b"")
        assert answer.headers["content-length"] == "1000"
        assert (await http.get("/x")).content == b"ok"


@pytest.mark.parametrize("farewell", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
async def test_a_connection_that_was_closed_meanwhile_is_not_used(farewell: bytes) -> None:
    vendor = Vendor()
    async with calling(vendor) as http:
        await http.post("/x")
        # at once, before our loop has looked: only the socket itself can tell
        vendor.writers[0].write(farewell)
        number = vendor.writers[0].get_extra_info("socket").fileno()
        with socket.socket(fileno=os.dup(number)) as raw:
            raw.shutdown(socket.SHUT_WR)
        assert (await http.post("/x")).content == b"ok"
    assert vendor.connections == 2


async def test_what_nobody_asked_for_is_no_answer_to_the_next_call() -> None:
    vendor = Vendor(OK + b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nsmuggle")
    async with calling(vendor) as http:
        assert (await http.get("/x")).content == b"ok"
        assert (await http.get("/x")).content == b"ok"
    assert vendor.connections == 2


async def test_whoever_is_cancelled_leaves_no_trace() -> None:
    vendor = Vendor(hold_s=0.01)
    async with calling(vendor, max_connections=2) as http:
        for pause_s in (0, 0.001, 0.005, 0.01, 0.011):
            tasks = [asyncio.create_task(http.get("/x")) for _ in range(8)]
            await asyncio.sleep(pause_s)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        answers = await asyncio.gather(*(http.get("/x") for _ in range(8)))
        assert [answer.content for answer in answers] == [b"ok"] * 8
        transport: Any = http._client._transport
        assert (len(transport._busy), transport._places._value) == (0, 2)


async def test_a_reader_that_is_slow_makes_the_vendor_wait() -> None:
    size = 32 * 1024 * 1024
    vendor = Vendor(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    transport = Transport(trust=ssl.create_default_context(), most=1)
    async with httpx.AsyncClient(transport=transport) as client, client.stream("GET", url) as got:
        read = 0
        async for chunk in got.aiter_raw():
            read += len(chunk)
            await asyncio.sleep(0)
            (connection,) = transport._busy
            assert connection._unread < 1024 * 1024
    server.close()
    assert read == size


async def test_places_are_shared_by_all_hosts() -> None:
    first, second = Vendor(), Vendor()
    other = await asyncio.start_server(second.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}/y"
    async with calling(first, max_connections=1) as http:
        for address in ("/x", url, "/x", "/x"):
            assert (await http.get(address)).content == b"ok"
    other.close()
    assert (first.connections, second.connections) == (2, 1)


@pytest.mark.parametrize("header", ["a\r\nx-evil: 1", "a\nb", "a\0b", " a", "a\x7f"])
async def test_a_header_cannot_smuggle_another(header: str) -> None:
    vendor = Vendor()
    async with calling(vendor) as http:
        with pytest.raises(PermanentError) as caught:
            await http.get("/x", headers={"x-own": header})
    assert "evil" not in str(caught.value)
    assert vendor.asked == []


async def test_cookies_are_kept_as_httpx_keeps_them() -> None:
    cookie = b"HTTP/1.1 200 OK\r\nset-cookie: lb=7; path=/\r\ncontent-length: 0\r\n\r\n"
    vendor = Vendor(OK, cookie)
    async with calling(vendor) as http:
        for _ in range(3):
            await http.get("/x")
    assert [b"lb=7" in one for one in vendor.asked] == [False, False, True]


async def test_with_a_proxy_httpx_carries_calls_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    http = Http(name="a", base_url="https://a.example")
    assert not isinstance(http._client._transport, Transport)
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.setenv("NO_PROXY", "localhost")
    http = Http(name="a", base_url="https://a.example")
    assert isinstance(http._client._transport, Transport)


def _self_signed(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server for 127.0.0.1 shows, and what trusts it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vendor")])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "vendor.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    trusting = ssl.create_default_context(cafile=str(pem))
    return server, trusting


async def test_over_tls(tmp_path: Path) -> None:
    shown, trusting = _self_signed(tmp_path)
    vendor = Vendor()
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0, ssl=shown)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
    async with httpx.AsyncClient(transport=Transport(trust=trusting, most=2)) as client:
        answers = [await client.post(url, content=b"a" * 100_000) for _ in range(4)]
    assert [answer.content for answer in answers] == [b"ok"] * 4
    assert [one[-100_000:] for one in vendor.asked] == [b"a" * 100_000] * 4
    assert vendor.connections == 1
    doubting = Transport(trust=ssl.create_default_context(), most=2)
    async with httpx.AsyncClient(transport=doubting) as client:
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await client.get(url)
    server.close()
    assert len(vendor.asked) == 4


def test_addresses_are_tried_one_family_after_the_other() -> None:
    six, four = socket.AF_INET6, socket.AF_INET
    found = [(six, "::1"), (six, "::2"), (four, "10.0.0.1"), (six, "::1"), (six, "::3")]
    assert dialing.in_turn(found) == ["::1", "10.0.0.1", "::2", "::3"]
    assert dialing.in_turn([]) == []


class Net:
    """Addresses that refuse, answer, or never say a word."""

    def __init__(self, **ways: str) -> None:
        self.ways = {f"10.0.0.{number[1:]}": way for number, way in ways.items()}
        self.tried: list[str] = []
        self.aborted: list[str] = []

    async def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, 0, 0, "", (address, port)) for address in self.ways]

    async def create_connection(self, make: Any, address: str, port: int, **_: Any) -> Any:
        self.tried.append(address)
        if self.ways[address] == "silent":
            await asyncio.Event().wait()
        if self.ways[address] == "refuses":
            raise ConnectionRefusedError(address)
        return self, address

    def abort(self) -> None:
        self.aborted.append("one")


@pytest.mark.parametrize(
    ("ways", "answered"),
    [
        ({"n1": "answers", "n2": "answers"}, "10.0.0.1"),
        ({"n1": "refuses", "n2": "answers"}, "10.0.0.2"),
        ({"n1": "silent", "n2": "answers"}, "10.0.0.2"),
        ({"n1": "silent", "n2": "refuses", "n3": "answers"}, "10.0.0.3"),
    ],
)
async def test_the_first_address_that_answers_is_taken(
    ways: dict[str, str], answered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = Net(**ways)
    monkeypatch.setattr(dialing, "NEXT_AFTER_S", 0.01)
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", net.getaddrinfo)
    monkeypatch.setattr(loop, "create_connection", net.create_connection)
    assert await dialing.dial(asyncio.Protocol, "vendor.example", 443, None) == answered


async def test_no_address_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Net(n1="refuses", n2="refuses")
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", net.getaddrinfo)
    monkeypatch.setattr(loop, "create_connection", net.create_connection)
    with pytest.raises(ConnectionRefusedError):
        await dialing.dial(asyncio.Protocol, "vendor.example", 443, None)
    assert net.tried == ["10.0.0.1", "10.0.0.2"]

"""The HTTP client against a real server on loopback: every failure is one of our errors."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from crossdock import http as client
from crossdock.errors import (
    AuthError,
    ConflictError,
    ContractError,
    CrossdockError,
    PermanentError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)
from crossdock.http import Http
from crossdock.testing.sandbox import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

TRACEBACK = (
    "<html><style>p {color: red}</style><h2>Traceback <em>(most recent call last)</em></h2>"
    '<pre>  File "/srv/shop.py", line 1, in pay(secret)</pre><script>steal()</script></html>'
)


async def status(request: Request) -> Response:
    headers = dict(request.query_params)
    code = int(headers.pop("code"))
    return Response("said no", code, headers)


async def page(_: Request) -> Response:
    return Response(TRACEBACK, 500, media_type="text/html")


async def echo(request: Request) -> Response:
    return JSONResponse(
        {
            "method": request.method,
            "body": (await request.body()).decode(),
            "type": request.headers.get("content-type"),
            "own": request.headers.get("x-own"),
        }
    )


async def not_json(_: Request) -> Response:
    return Response("<xml/>")


async def hang(_: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


async def huge(_: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b"x" * 1024 * 1024

    return StreamingResponse(body())


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    app = Starlette(
        routes=[
            Route("/status", status),
            Route("/page", page),
            Route("/echo", echo, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            Route("/not-json", not_json),
            Route("/hang", hang, methods=["POST"]),
            Route("/huge", huge),
        ]
    )
    async with serve(app) as url, Http(name="acme", base_url=url, headers={"x-own": "1"}) as made:
        yield made


class Wire:
    """A server that answers each connection with fixed bytes, then cuts it."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    async def __aenter__(self) -> str:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answer)
        await writer.drain()
        writer.close()

    async def __aexit__(self, *_: object) -> None:
        self.server.close()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (301, RejectedError),
        (302, RejectedError),
        (400, RejectedError),
        (401, AuthError),
        (403, AuthError),
        (404, RejectedError),
        (408, RateLimitedError),
        (409, ConflictError),
        (410, RejectedError),
        (412, ConflictError),
        (413, RejectedError),
        (422, RejectedError),
        (425, RateLimitedError),
        (429, RateLimitedError),
        (451, RejectedError),
        (500, UnavailableError),
        (502, UnavailableError),
        (503, UnavailableError),
        (504, UnavailableError),
        (599, UnavailableError),
    ],
)
async def test_every_status_is_one_of_our_errors(
    http: Http, code: int, expected: type[CrossdockError]
) -> None:
    with pytest.raises(CrossdockError) as caught:
        await http.get("/status", params={"code": str(code), "x-request-id": "req-7"})
    assert type(caught.value) is expected
    assert caught.value.request_id == "req-7"
    assert caught.value.parts["status"] == code
    assert "GET /status at acme" in str(caught.value)
    assert "req-7" in str(caught.value)
    if isinstance(caught.value, UnavailableError):
        assert caught.value.outcome == "unknown"
    if isinstance(caught.value, RejectedError):
        assert caught.value.reason == f"http_{code}"


async def test_the_caller_may_ask_to_see_a_refusal(http: Http) -> None:
    answer = await http.get("/status", params={"code": "422"}, accept={422})
    assert answer.status == 422
    assert answer.content == b"said no"


@pytest.mark.parametrize("code", [429, 502, 503, 504])
@pytest.mark.parametrize("seconds", ["0", "7", "1.5", "86400"])
async def test_retry_after_as_a_number(http: Http, code: int, seconds: str) -> None:
    with pytest.raises(RateLimitedError) as caught:
        await http.get("/status", params={"code": str(code), "retry-after": seconds})
    assert caught.value.retry_after_s == min(float(seconds), 3600)


async def test_retry_after_is_obeyed_as_a_date_and_survives_nonsense() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    soon = client.retry_after_s({"retry-after": later})
    assert soon is not None
    assert 80 < soon <= 90
    assert client.retry_after_s({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}) == 0
    assert client.retry_after_s({"retry-after": "Fri, 31 Dec 9999 23:59:59 -2359"}) == 3600
    for nonsense in ("", "-1", "soon", "1e9", "١٢", "inf", "Mon, 99 Foo 0000 99:99:99 +9999"):
        assert client.retry_after_s({"retry-after": nonsense}) is None


async def test_without_retry_after_a_429_has_a_default(http: Http) -> None:
    with pytest.raises(RateLimitedError) as caught:
        await http.get("/status", params={"code": "429", "retry-after": "soon"})
    assert caught.value.retry_after_s == client.DEFAULT_RETRY_AFTER_S


async def test_a_time_out_leaves_the_outcome_unknown(http: Http) -> None:
    with pytest.raises(UnavailableError, match="may or may not") as caught:
        await http.post("/hang", json={}, timeout_s=0.05)
    assert caught.value.outcome == "unknown"


async def test_a_refused_connection_was_not_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        async with Http(name="acme", base_url=f"http://127.0.0.1:{free.getsockname()[1]}") as http:
            with pytest.raises(UnavailableError, match="no connection") as caught:
                await http.get("/")
    assert caught.value.outcome == "not_sent"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
    ],
    ids=["nothing", "half a body", "half a chunk", "no http", "no gzip"],
)
async def test_a_broken_answer_leaves_the_outcome_unknown(answer: bytes) -> None:
    async with Wire(answer) as url, Http(name="acme", base_url=url) as http:
        with pytest.raises(UnavailableError) as caught:
            await http.get("/")
    assert caught.value.outcome == "unknown"


async def test_a_huge_answer_is_refused(http: Http) -> None:
    with pytest.raises(PermanentError, match="larger than"):
        await http.get("/huge")


@pytest.mark.parametrize("path", ["http://[", "http://\x00/", "foo://bar/", "https://"])
async def test_an_impossible_address_is_one_of_our_errors(http: Http, path: str) -> None:
    with pytest.raises(CrossdockError):
        await http.get(path)


async def test_a_page_of_html_leaves_no_markup_in_the_message(http: Http) -> None:
    with pytest.raises(UnavailableError) as caught:
        await http.get("/page")
    message = str(caught.value)
    for word in ("<", ">", "Traceback", "secret", "steal", "color", "\n"):
        assert word not in message


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"a  b\n\tc", "a b c"),
        (b"\x00\x1b[31m", "��[31m"),
        (b"\xff", "�"),
        (b"x" * 5_000, "x" * 299 + "…"),
        (b"1 < 2 <b>", "1 < 2"),
        (b'{"error": "Traceback (most recent call last):\\n  File x"}', '{"error": "'),
        (b"<p " + b"a" * 5_000, ""),
        (b"<script>" + b"a" * 5_000, ""),
    ],
)
def test_an_excerpt_is_one_clean_line(body: bytes, shown: str) -> None:
    assert client.excerpt(body) == shown


async def test_json_goes_out_and_comes_back(http: Http) -> None:
    answer = await http.post("/echo", json={"a": "ä"})
    assert answer.json() == {
        "method": "POST",
        "body": '{"a":"ä"}',
        "type": "application/json",
        "own": "1",
    }
    assert (await http.put("/echo", content=b"x")).json()["method"] == "PUT"
    with pytest.raises(ContractError, match="the answer to GET /not-json at acme"):
        (await http.get("/not-json")).json()


def test_an_answer_is_parsed_once() -> None:
    """Paging reads the cursor of a page, then the connector its records."""
    from crossdock.http import Response

    answer = Response(200, {}, b'{"items": [1], "next": null}', "GET orders")
    assert answer.json() is answer.json()
    for _ in range(2):
        with pytest.raises(ContractError):
            Response(200, {}, b"{", "GET orders").json()


def test_the_authorities_are_read_once() -> None:
    """30 ms of CPU for each connection otherwise; every connection trusts the same."""
    contexts = set()
    for name in ("a", "b"):
        transport = Http(name=name, base_url="https://a.example")._client._transport
        contexts.add(transport._pool._ssl_context)
    assert len(contexts) == 1

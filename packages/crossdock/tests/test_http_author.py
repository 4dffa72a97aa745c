"""What the HTTP client does for a connector's author, against real and hostile servers."""

import asyncio
import gc
import gzip
import logging
import traceback
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from crossdock.connector import Config, Context, secrets_in
from crossdock.errors import (
    AuthError,
    ContractError,
    CrossdockError,
    PermanentError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)
from crossdock.http import (
    Call,
    Http,
    Redactor,
    Retry,
    Token,
    TokenAuth,
    basic,
    by_bookmark,
    by_cursor,
    by_link,
    by_number,
    oauth,
    walk,
)
from crossdock.pacing import Pacer
from crossdock.testing.sandbox import serve
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

QUICK = Retry(attempts=3, first_s=0.001, total_s=5)
Answer = Callable[[Request], Awaitable[Response]]


class Vendor:
    """Answers every path by one function, and remembers the requests."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[Request] = []
        self.bodies: list[bytes] = []

        async def take(request: Request) -> Response:
            self.requests.append(request)
            self.bodies.append(await request.body())
            return await answer(request)

        methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
        self.app = Starlette(routes=[Route("/{path:path}", take, methods=methods)])


class Raw:
    """Answers each connection with chunks of bytes, pausing between them, then cuts it."""

    def __init__(self, *chunks: bytes, pause_s: float = 0.0, endless: bytes = b"") -> None:
        self.chunks, self.pause_s, self.endless = chunks, pause_s, endless
        self.heads: list[bytes] = []

    async def __aenter__(self) -> str:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            for chunk in self.chunks:
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(self.pause_s)
            while self.endless:
                writer.write(self.endless)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def __aexit__(self, *_: object) -> None:
        self.server.close()


def head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()


async def fail(http: Http, path: str = "/", **options: Any) -> CrossdockError:
    with pytest.raises(CrossdockError) as caught:
        await http.get(path, **options)
    return caught.value


class TestHostileServers:
    async def test_an_endless_body_is_refused(self) -> None:
        raw = Raw(head("content-type: text/plain"), endless=b"x" * 65536)
        async with raw as url, Http(name="acme", base_url=url, max_bytes=200_000) as http:
            error = await fail(http)
        assert isinstance(error, PermanentError)
        assert "larger than 200000 bytes" in str(error)

    async def test_a_body_that_drips_is_given_up_after_the_whole_time(self) -> None:
        drips = [b"x"] * 2000
        raw = Raw(head("content-length: 2000"), *drips, pause_s=0.05)
        async with raw as url, Http(name="acme", base_url=url, timeout_s=0.4) as http:
            error = await fail(http)
        assert isinstance(error, UnavailableError)
        assert error.outcome == "unknown"
        assert "no whole answer within 0.4 s" in str(error)

    async def test_a_head_that_drips_too(self) -> None:
        raw = Raw(b"HTTP/1.1 200 OK\r\n", *[b"x-a: b\r\n"] * 2000, pause_s=0.05)
        async with raw as url, Http(name="acme", base_url=url, timeout_s=0.4) as http:
            assert isinstance(await fail(http), UnavailableError)

    async def test_a_bomb_is_not_unpacked(self) -> None:
        bomb = gzip.compress(b"0" * 50_000_000)
        assert len(bomb) < 100_000
        raw = Raw(head("content-encoding: gzip", f"content-length: {len(bomb)}") + bomb)
        async with raw as url, Http(name="acme", base_url=url, max_bytes=1_000_000) as http:
            error = await fail(http)
        assert isinstance(error, PermanentError)

    @pytest.mark.parametrize("keep", [0, 1, 10, 40])
    async def test_truncated_gzip_is_not_taken_for_the_whole(self, keep: int) -> None:
        packed = gzip.compress(b'{"orders": [1, 2, 3]}' * 50)[: -keep or None]
        raw = Raw(head("content-encoding: gzip", f"content-length: {len(packed)}") + packed)
        async with raw as url, Http(name="acme", base_url=url) as http:
            if keep == 0:
                assert len((await http.get("/")).content) == 21 * 50
                return
            error = await fail(http)
        assert isinstance(error, UnavailableError)
        assert error.outcome == "unknown"

    @pytest.mark.parametrize(
        "packed",
        [
            zlib.compress(b"hello" * 100),
            zlib.compressobj(9, zlib.DEFLATED, -15).compress(b"")
            + (lambda c: c.compress(b"hello" * 100) + c.flush())(
                zlib.compressobj(9, zlib.DEFLATED, -15)
            ),
        ],
        ids=["zlib", "raw"],
    )
    async def test_both_kinds_of_deflate_are_read(self, packed: bytes) -> None:
        raw = Raw(head("content-encoding: deflate", f"content-length: {len(packed)}") + packed)
        async with raw as url, Http(name="acme", base_url=url) as http:
            assert (await http.get("/")).content == b"hello" * 100

    async def test_gzip_of_several_members_is_read_whole(self) -> None:
        packed = gzip.compress(b"one") + gzip.compress(b"two")
        raw = Raw(head("content-encoding: gzip", f"content-length: {len(packed)}") + packed)
        async with raw as url, Http(name="acme", base_url=url) as http:
            assert (await http.get("/")).content == b"onetwo"

    async def test_an_encoding_nobody_asked_for_is_refused(self) -> None:
        raw = Raw(head("content-encoding: br", "content-length: 3") + b"abc")
        async with raw as url, Http(name="acme", base_url=url) as http:
            assert "not asked for" in str(await fail(http))

    async def test_a_page_instead_of_json_may_pass(self) -> None:
        async def page(_: Request) -> Response:
            return Response("<html>We are in maintenance</html>", media_type="text/html")

        async with serve(Vendor(page).app) as url, Http(name="acme", base_url=url) as http:
            answer = await http.get("/orders")
            with pytest.raises(UnavailableError, match=r"text/html.*maintenance") as caught:
                answer.json()
        assert caught.value.outcome == "unknown"

    async def test_json_that_is_none_breaks_the_contract(self) -> None:
        async def broken(_: Request) -> Response:
            return Response('{"a": ', media_type="application/json")

        async with serve(Vendor(broken).app) as url, Http(name="acme", base_url=url) as http:
            with pytest.raises(ContractError):
                (await http.get("/orders")).json()


class TestCredentials:
    """They go to the vendor's own origin and nowhere else, and nobody reads them."""

    @pytest.fixture
    async def thief(self) -> AsyncIterator[tuple[Vendor, str]]:
        async def answer(_: Request) -> Response:
            return JSONResponse({"stolen": True})

        vendor = Vendor(answer)
        async with serve(vendor.app) as url:
            yield vendor, url

    async def test_a_redirect_to_another_host_carries_none(self, thief: tuple[Vendor, str]) -> None:
        other, other_url = thief

        async def away(_: Request) -> Response:
            return Response(status_code=302, headers={"location": other_url + "/report"})

        auth = TokenAuth(_token("the-bearer-token"))
        async with (
            serve(Vendor(away).app) as url,
            Http(
                name="acme", base_url=url, headers={"X-Api-Key": "the-api-key"}, auth=auth
            ) as http,
        ):
            error = await fail(http, "/reports/1")
            assert isinstance(error, RejectedError), "a redirect is not followed unasked"
            assert not other.requests
            answer = await http.get("/reports/1", follow=True, headers={"X-Own": "own-header"})
            assert answer.json() == {"stolen": True}
        (request,) = other.requests
        names = set(request.headers)
        assert not names & {"authorization", "x-api-key", "x-own", "cookie"}

    async def test_a_redirect_at_home_carries_them(self) -> None:
        async def around(request: Request) -> Response:
            if request.url.path == "/old":
                return Response(status_code=302, headers={"location": "/new"})
            return JSONResponse({"key": request.headers.get("x-api-key")})

        async with (
            serve(Vendor(around).app) as url,
            Http(name="acme", base_url=url, headers={"X-Api-Key": "the-api-key"}) as http,
        ):
            answer = await http.get("/old", follow=True)
        assert answer.json() == {"key": "the-api-key"}

    async def test_a_signature_may_cover_the_calls_own_headers(self) -> None:
        """Its idempotency key, say: a header of one call is known to whoever signs that call."""

        class Signed:
            async def headers(self, http: Http, call: Call) -> dict[str, str]:
                return {"x-covers": f"{call.method} {call.headers['idempotency-key']}"}

            def refused(self, sent: object) -> bool:
                return False

        async def echo(request: Request) -> Response:
            return JSONResponse(request.headers.get("x-covers"))

        async with (
            serve(Vendor(echo).app) as url,
            Http(name="acme", base_url=url, auth=Signed()) as http,
        ):
            answer = await http.put("/", json={}, idempotency_key="cmd_1")
        assert answer.json() == "PUT cmd_1"

    async def test_redirects_end(self) -> None:
        async def round_(_: Request) -> Response:
            return Response(status_code=302, headers={"location": "/again"})

        vendor = Vendor(round_)
        async with serve(vendor.app) as url, Http(name="acme", base_url=url) as http:
            error = await fail(http, "/", follow=True)
        assert isinstance(error, RejectedError)
        assert len(vendor.requests) == 6

    async def test_a_post_is_never_redirected(self) -> None:
        async def away(_: Request) -> Response:
            return Response(status_code=307, headers={"location": "/other"})

        vendor = Vendor(away)
        async with serve(vendor.app) as url, Http(name="acme", base_url=url) as http:
            with pytest.raises(RejectedError, match="HTTP 307 to /other"):
                await http.post("/", json={}, follow=True)
        assert len(vendor.requests) == 1

    async def test_an_absolute_address_elsewhere_carries_none(
        self, thief: tuple[Vendor, str]
    ) -> None:
        other, other_url = thief
        auth = TokenAuth(_token("the-bearer-token"))
        async with Http(
            name="acme",
            base_url="http://127.0.0.1:9/",
            headers={"Authorization": "Bearer static-one", "X-Api-Key": "the-api-key"},
            auth=auth,
        ) as http:
            await http.get(other_url + "/x")
        (request,) = other.requests
        assert not set(request.headers) & {"authorization", "x-api-key"}

    async def test_they_are_in_no_message_log_or_repr(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The vendor gives back everything it was sent, in every way there is."""
        caplog.set_level(logging.DEBUG)
        secrets = ["key-0123456789", "tok/en+with=signs", "hook-secret-77"]

        async def parrot(request: Request) -> Response:
            said = "; ".join(f"{name}: {value}" for name, value in request.headers.items())
            text = f"You sent {said} to {request.url} and also {secrets[2]}"
            return Response(text, 400, headers={"x-request-id": f"id-{secrets[0]}"})

        class Settings(Config):
            key: SecretStr
            more: dict[str, SecretStr]

        config = Settings(key=SecretStr(secrets[0]), more={"hook": SecretStr(secrets[2])})
        context = Context(connection="acme", secrets=secrets_in(config))
        assert secrets[0] not in repr(context)
        auth = TokenAuth(_token(secrets[1]))
        async with (
            serve(Vendor(parrot).app) as url,
            context.http(base_url=url, headers=basic("shop", secrets[0]), auth=auth) as http,
        ):
            told = [repr(http), repr(auth)]
            for path in ("/a", f"/b?api_key={secrets[0]}", f"/c?token={secrets[1]}"):
                error = await fail(http, path)
                told += [str(error), repr(error), repr(error.parts), str(error.__cause__)]
            answer = await http.get("/a", accept={400})
            told.append(repr(answer))
        told += [record.getMessage() for record in caplog.records]
        assert any("GET /a at acme" in text for text in told)
        encoded = basic("shop", secrets[0])["Authorization"].removeprefix("Basic ")
        for text in told:
            for secret in (*secrets, encoded):
                assert secret not in text, text

    @pytest.mark.parametrize("key", ["key-0123456789\n", "schlüssel-01234", "key-\udc00-0123456"])
    async def test_one_that_cannot_be_sent_is_not_shown_either(self, key: str) -> None:
        """An API key read from a file with its newline is the commonest mistake."""

        class Settings(Config):
            key: SecretStr

        context = Context(connection="acme", secrets=secrets_in(Settings(key=SecretStr(key))))
        async with (
            serve(Vendor(_ok).app) as url,
            context.http(base_url=url, headers={"X-Api-Key": key}) as http,
        ):
            error = await fail(http)
        assert isinstance(error, PermanentError)
        shown = "".join(traceback.format_exception(error))
        assert key.strip()[:10] not in shown
        assert "0123456" not in str(error)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Authorization: Bearer abcdef123456", "Authorization: Bearer [hidden]"),
            ('{"access_token": "abc", "x": 1}', '{"access_token":"[hidden]", "x": 1}'),
            ("/cb?client_secret=abc&page=2", "/cb?client_secret=[hidden]&page=2"),
            ("postgresql://me:pw@host/db", "postgresql://[hidden]@host/db"),
            ("the token bucket is empty", "the token bucket is empty"),
            ("basic needs of users are met", "basic needs of users are met"),
        ],
    )
    def test_what_looks_like_a_secret_is_hidden(self, text: str, expected: str) -> None:
        found = Redactor()(text)
        assert found.replace('": "', '":"') == expected.replace('": "', '":"')


async def _ok(_: Request) -> Response:
    return JSONResponse({})


def _token(value: str, expires_in_s: float | None = None) -> Callable[[Http], Awaitable[Token]]:
    async def fetch(_: Http) -> Token:
        return Token(value=value, expires_in_s=expires_in_s)

    return fetch


class Identity:
    """A vendor with a token endpoint: tokens are numbered, old ones are refused."""

    def __init__(self, *, expires_in: object = 3600) -> None:
        self.expires_in = expires_in
        self.issued = 0
        self.valid: set[str] = set()
        self.forms: list[dict[str, Any]] = []
        self.refuse = False
        self.vendor = Vendor(self.answer)

    async def answer(self, request: Request) -> Response:
        if request.url.path == "/token":
            assert "authorization" not in request.headers
            self.forms.append(dict(parse_qsl((await request.body()).decode())))
            await asyncio.sleep(0.02)
            if self.refuse:
                return JSONResponse({"error": "invalid_client"}, 400)
            self.issued += 1
            self.valid = {f"Bearer token-number-{self.issued}"}
            return JSONResponse(
                {
                    "access_token": f"token-number-{self.issued}",
                    "expires_in": self.expires_in,
                    "refresh_token": f"refresh-{self.issued}",
                }
            )
        if request.headers.get("authorization") not in self.valid:
            return JSONResponse({"error": "expired"}, 401)
        return JSONResponse({"ok": True})

    def auth(self, url: str, **more: Any) -> TokenAuth:
        return TokenAuth(oauth(url + "/token", client_id="us", client_secret="very-secret", **more))

    @property
    def calls(self) -> int:
        return len(self.vendor.requests) - len(self.forms)


@pytest.mark.parametrize("body", [float("nan"), "\udc00", {"a": "\ud800"}])
async def test_a_body_that_cannot_be_written_breaks_the_contract(body: Any) -> None:
    async with Http(name="acme", base_url="http://127.0.0.1:9") as http:
        with pytest.raises(ContractError, match="POST / at acme: the body cannot be written"):
            await http.post("/", json=body)
        with pytest.raises(PermanentError):
            await http.get("/", params={"q": "\udc00"})


class TestTokens:
    async def test_many_calls_at_once_fetch_one(self) -> None:
        box = Identity()
        async with (
            serve(box.vendor.app) as url,
            Http(name="acme", base_url=url, auth=box.auth(url, scope="orders")) as http,
        ):
            answers = await asyncio.gather(*(http.get("/orders") for _ in range(12)))
            assert all(answer.json() == {"ok": True} for answer in answers)
            assert box.issued == 1
            box.valid = set()  # the vendor forgets it before its time
            await asyncio.gather(*(http.post("/orders", json={}) for _ in range(12)))
        assert box.issued == 2
        assert box.forms[0] == {
            "grant_type": "client_credentials",
            "client_id": "us",
            "client_secret": "very-secret",
            "scope": "orders",
        }

    async def test_it_is_renewed_before_it_expires(self, monkeypatch: pytest.MonkeyPatch) -> None:
        box = Identity(expires_in="10")
        async with (
            serve(box.vendor.app) as url,
            Http(name="acme", base_url=url, auth=(auth := box.auth(url))) as http,
        ):
            await http.get("/orders")
            await http.get("/orders")
            assert box.issued == 1
            auth._renew_at -= 9.01  # nine of its ten seconds have passed
            await http.get("/orders")
        assert box.issued == 2
        assert box.calls == 3, "no call was refused"

    async def test_a_refresh_token_is_used_and_replaced(self) -> None:
        box = Identity()
        async with (
            serve(box.vendor.app) as url,
            Http(name="acme", base_url=url, auth=box.auth(url, refresh_token="refresh-0")) as http,
        ):
            await http.get("/orders")
            box.valid = set()
            await http.get("/orders")
        assert [form["refresh_token"] for form in box.forms] == ["refresh-0", "refresh-1"]

    async def test_a_401_is_answered_by_one_new_token_and_no_more(self) -> None:
        box = Identity()

        async def never(request: Request) -> Response:
            answer = await box.answer(request)
            return answer if request.url.path == "/token" else JSONResponse({}, 401)

        vendor = Vendor(never)
        async with (
            serve(vendor.app) as url,
            Http(name="acme", base_url=url, auth=box.auth(url), retry=QUICK) as http,
        ):
            error = await fail(http, "/orders")
        assert isinstance(error, AuthError)
        assert box.issued == 2
        assert len(vendor.requests) == 4

    async def test_refused_credentials_are_an_auth_error_for_all_who_wait(self) -> None:
        box = Identity()
        box.refuse = True
        async with (
            serve(box.vendor.app) as url,
            Http(name="acme", base_url=url, auth=box.auth(url)) as http,
        ):
            errors = await asyncio.gather(
                *(http.get("/orders") for _ in range(6)), return_exceptions=True
            )
        assert all(isinstance(error, AuthError) for error in errors)
        assert "invalid_client" in str(errors[0])
        assert "very-secret" not in str(errors[0])
        assert len(box.forms) == 1
        assert box.calls == 0

    async def test_a_token_endpoint_that_is_away_means_not_sent(self) -> None:
        async def away(_: Request) -> Response:
            return Response(status_code=500)

        async with (
            serve(Vendor(away).app) as url,
            Http(name="acme", base_url=url, auth=Identity().auth(url)) as http,
        ):
            with pytest.raises(UnavailableError) as caught:
                await http.post("/orders", json={})
        assert caught.value.outcome == "not_sent"

    async def test_a_renewal_that_fails_when_all_have_gone_is_no_noise(self) -> None:
        """As when a connection is closed while its token is renewed."""
        noise: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, said: noise.append(said))
        gone = asyncio.Event()

        async def fetch(_: Http) -> Token:
            await gone.wait()
            raise RejectedError("no such client", reason="gone")

        auth = TokenAuth(fetch)
        async with Http(name="acme", base_url="http://127.0.0.1:9", auth=auth) as http:
            waiting = [asyncio.create_task(http.get("/orders")) for _ in range(2)]
            await asyncio.sleep(0.01)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            gone.set()
            await asyncio.sleep(0.01)
        del waiting, http
        gc.collect()
        assert noise == []

    async def test_whoever_gives_up_waiting_ends_it_for_nobody(self) -> None:
        box = Identity()
        async with (
            serve(box.vendor.app) as url,
            Http(name="acme", base_url=url, auth=box.auth(url)) as http,
        ):
            first = asyncio.create_task(http.get("/orders"))
            await asyncio.sleep(0.005)
            second = asyncio.create_task(http.get("/orders"))
            await asyncio.sleep(0.005)
            first.cancel()
            assert (await second).json() == {"ok": True}
        assert box.issued == 1


class TestRepeating:
    """A call that may have done something is never made again blindly."""

    @staticmethod
    def failing(times: int, **answer: Any) -> Vendor:
        left = [times]

        async def sometimes(_: Request) -> Response:
            if left[0]:
                left[0] -= 1
                return Response("broken", **answer)
            return JSONResponse({"ok": True})

        return Vendor(sometimes)

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
    async def test_safe_methods_are_repeated(self, method: Any) -> None:
        vendor = self.failing(2, status_code=500)
        async with serve(vendor.app) as url, Http(name="a", base_url=url, retry=QUICK) as http:
            assert (await http.request(method, "/x")).json() == {"ok": True}
        assert len(vendor.requests) == 3

    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    @pytest.mark.parametrize("code", [500, 502, 503])
    async def test_others_are_not(self, method: Any, code: int) -> None:
        vendor = self.failing(1, status_code=code)
        async with serve(vendor.app) as url, Http(name="a", base_url=url, retry=QUICK) as http:
            with pytest.raises(UnavailableError) as caught:
                await http.request(method, "/x", json={})
        assert caught.value.outcome == "unknown"
        assert len(vendor.requests) == 1

    async def test_a_time_out_of_a_post_is_unknown_and_not_repeated(self) -> None:
        async def hang(_: Request) -> Response:
            await asyncio.sleep(5)
            return Response()

        vendor = Vendor(hang)
        async with serve(vendor.app) as url, Http(name="a", base_url=url, retry=QUICK) as http:
            with pytest.raises(UnavailableError) as caught:
                await http.post("/x", json={}, timeout_s=0.1)
        assert caught.value.outcome == "unknown"
        assert len(vendor.requests) == 1

    async def test_with_an_idempotency_key_they_are_and_the_key_stays_the_same(self) -> None:
        vendor = self.failing(2, status_code=500)
        async with serve(vendor.app) as url, Http(name="a", base_url=url, retry=QUICK) as http:
            await http.post("/x", json={}, idempotency_key="cmd_7")
        assert [r.headers["idempotency-key"] for r in vendor.requests] == ["cmd_7"] * 3
        async with Http(
            name="a", base_url=url, idempotency_header="X-Amzn-Idempotency-Token"
        ) as http:
            for bad in ("", "ä", "x" * 256, "a\r\nx-evil: 1"):
                with pytest.raises(PermanentError, match="idempotency key"):
                    await http.post("/x", idempotency_key=bad)

    async def test_what_was_not_sent_is_repeated_whatever_it_is(self) -> None:
        async with Http(name="a", base_url="http://127.0.0.1:9", retry=QUICK) as http:
            with pytest.raises(UnavailableError) as caught:
                await http.post("/x", json={})
        assert caught.value.outcome == "not_sent"

    async def test_a_429_is_repeated_when_the_vendor_said_so(self) -> None:
        vendor = self.failing(1, status_code=429, headers={"retry-after": "0.05"})
        async with serve(vendor.app) as url, Http(name="a", base_url=url, retry=QUICK) as http:
            assert (await http.post("/x", json={})).status == 200
        assert len(vendor.requests) == 2

    async def test_too_long_a_wait_is_the_ledgers(self) -> None:
        vendor = self.failing(1, status_code=429, headers={"retry-after": "120"})
        async with serve(vendor.app) as url, Http(name="a", base_url=url, retry=QUICK) as http:
            error = await fail(http)
            assert isinstance(error, RateLimitedError)
            assert error.retry_after_s == 120
            again = await fail(http)
            assert isinstance(again, RateLimitedError)
            assert "used up until" in str(again)
        assert len(vendor.requests) == 1, "the second call was not sent at all"

    async def test_a_no_is_never_repeated(self) -> None:
        vendor = self.failing(3, status_code=422)
        async with serve(vendor.app) as url, Http(name="a", base_url=url, retry=QUICK) as http:
            assert isinstance(await fail(http), RejectedError)
        assert len(vendor.requests) == 1

    async def test_context_repeats_and_a_bare_client_does_not(self) -> None:
        for made, expected in ((Context(connection="a").http, 2), (None, 1)):
            vendor = self.failing(1, status_code=500)
            async with serve(vendor.app) as url:
                client = made(base_url=url) if made else Http(name="a", base_url=url)
                async with client as http:
                    if made:
                        await http.get("/x")
                    else:
                        await fail(http)
            assert len(vendor.requests) == expected


class TestBudgets:
    async def test_a_limit_is_learnt_from_answers_and_kept(self) -> None:
        left = [5]

        async def limited(_: Request) -> Response:
            left[0] -= 1
            code = 429 if left[0] < 0 else 200
            return JSONResponse(
                {},
                code,
                {
                    "x-ratelimit-limit": "5",
                    "x-ratelimit-remaining": str(max(left[0], 0)),
                    "x-ratelimit-reset": "60",
                },
            )

        vendor = Vendor(limited)
        async with serve(vendor.app) as url, Http(name="acme", base_url=url) as http:
            for _ in range(5):
                await http.get("/x")
            error = await fail(http, "/x")
        assert isinstance(error, RateLimitedError)
        assert "acme: rate budget used up until" in str(error)
        assert 50 < error.retry_after_s <= 60
        assert len(vendor.requests) == 5, "the vendor never had to refuse"

    async def test_clients_of_one_connection_share_a_pacer(self) -> None:
        vendor = TestRepeating.failing(1, status_code=429, headers={"retry-after": "60"})
        pacer = Pacer("acme")
        context = Context(connection="acme", pacer=pacer)
        async with (
            serve(vendor.app) as url,
            context.http(base_url=url) as one,
            context.http(base_url=url) as two,
        ):
            await fail(one)
            await fail(two)
            assert (await two.get("/", bucket="reports")).status == 200
        assert len(vendor.requests) == 2


def _pages(answer: Callable[[dict[str, str]], Response]) -> Vendor:
    async def page(request: Request) -> Response:
        return answer(dict(request.query_params))

    return Vendor(page)


async def _collect(pages: AsyncIterator[Any], pick: Callable[[Any], Any]) -> list[Any]:
    return [item async for page in pages for item in pick(page)]


class TestPaging:
    async def test_by_link(self) -> None:
        def answer(query: dict[str, str]) -> Response:
            at = int(query.get("page", "1"))
            more = {"link": f'</orders?page={at + 1}>; rel="next", </orders>; rel="first"'}
            return JSONResponse([at], headers=more if at < 4 else {})

        vendor = _pages(answer)
        async with serve(vendor.app) as url, Http(name="acme", base_url=url) as http:
            found = await _collect(by_link(http, "/orders"), lambda page: page.json())
        assert found == [1, 2, 3, 4]

    async def test_a_link_to_another_host_is_not_followed(self) -> None:
        vendor = _pages(
            lambda _: JSONResponse([], headers={"link": '<http://evil.example/x>; rel="next"'})
        )
        async with serve(vendor.app) as url, Http(name="acme", base_url=url) as http:
            with pytest.raises(ContractError, match="another host"):
                await _collect(by_link(http, "/orders"), lambda page: page.json())

    async def test_by_cursor(self) -> None:
        def answer(query: dict[str, str]) -> Response:
            at = int(query.get("after", "0"))
            following = str(at + 1) if at < 3 else None
            return JSONResponse({"items": [at], "meta": {"next": following}})

        vendor = _pages(answer)
        async with serve(vendor.app) as url, Http(name="acme", base_url=url) as http:
            pages = by_cursor(
                http, "/orders", following="/meta/next", param="after", params={"limit": "1"}
            )
            found = await _collect(pages, lambda page: page.json()["items"])
        assert found == [0, 1, 2, 3]
        assert all(r.query_params["limit"] == "1" for r in vendor.requests)

    @pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"]], ids=["stuck", "circle"])
    async def test_a_cursor_that_does_not_advance_is_found_out(self, cursors: list[str]) -> None:
        told = iter(cursors * 5)
        vendor = _pages(lambda _: JSONResponse({"items": [1], "next": next(told)}))
        async with serve(vendor.app) as url, Http(name="acme", base_url=url) as http:
            pages = by_cursor(http, "/orders", following="/next")
            with pytest.raises(ContractError, match="came a second time"):
                await _collect(pages, lambda page: page.json()["items"])
        assert len(vendor.requests) == len(cursors)

    async def test_by_number(self) -> None:
        def answer(query: dict[str, str]) -> Response:
            at = int(query["page"])
            return JSONResponse({"orders": [at, -at] if at < 4 else []})

        vendor = _pages(answer)
        async with serve(vendor.app) as url, Http(name="acme", base_url=url) as http:
            pages = by_number(http, "/orders", items="/orders")
            found = await _collect(pages, lambda page: page.json()["orders"])
            short = by_number(http, "/orders", items="/orders", size=5)
            assert len(await _collect(short, lambda page: page.json()["orders"])) == 2
        assert found == [1, -1, 2, -2, 3, -3]

    async def test_a_number_that_is_not_heeded_is_found_out(self) -> None:
        vendor = _pages(lambda _: JSONResponse([1, 2]))
        async with serve(vendor.app) as url, Http(name="acme", base_url=url) as http:
            with pytest.raises(ContractError, match="does not heed 'page'"):
                await _collect(by_number(http, "/orders"), lambda page: page.json())
        assert len(vendor.requests) == 2

    async def test_by_bookmark(self) -> None:
        def answer(query: dict[str, str]) -> Response:
            since = int(query.get("since_id", "0"))
            return JSONResponse({"orders": [{"id": n} for n in range(since + 1, 8)][:3]})

        vendor = _pages(answer)
        async with serve(vendor.app) as url, Http(name="acme", base_url=url) as http:
            pages = by_bookmark(http, "/orders", items="/orders", key="/id", param="since_id")
            found = await _collect(pages, lambda page: page.json()["orders"])
            assert [one["id"] for one in found] == [1, 2, 3, 4, 5, 6, 7]
            pages = by_bookmark(
                http, "/orders", items="/orders", key="/id", param="since_id", start="5"
            )
            assert len(await _collect(pages, lambda page: page.json()["orders"])) == 2

    async def test_a_bookmark_that_includes_its_own_record_is_found_out(self) -> None:
        vendor = _pages(lambda _: JSONResponse([{"id": 7}]))
        async with serve(vendor.app) as url, Http(name="acme", base_url=url) as http:
            pages = by_bookmark(http, "/orders", key="/id", param="since_id", start="7")
            with pytest.raises(ContractError, match="does not advance"):
                await _collect(pages, lambda page: page.json())

    async def test_anything_with_cursors_can_be_walked(self) -> None:
        async def ask(cursor: str | None) -> int:
            return int(cursor or 0)

        found = [n async for n in walk(ask, lambda n: str(n + 1) if n < 3 else None)]
        assert found == [0, 1, 2, 3]
        with pytest.raises(ContractError, match="more than 3 pages"):
            [n async for n in walk(ask, lambda n: str(n + 1), most=3)]


@pytest.mark.parametrize(
    "name", ["X-Request-Id", "x-amzn-RequestId", "Request-Id", "X-Correlation-ID", "CF-Ray"]
)
async def test_the_vendors_own_id_of_a_request_is_in_the_error(name: str) -> None:
    async def no(_: Request) -> Response:
        return Response("no", 422, headers={name: "req-77"})

    async with serve(Vendor(no).app) as url, Http(name="acme", base_url=url) as http:
        error = await fail(http)
    assert error.request_id == "req-77"
    assert "(request id req-77)" in str(error)


@pytest.mark.parametrize(
    ("dates", "moment"),
    [
        ([b"Thu, 01 Jan 2026 00:00:03 GMT"], "2026-01-01T00:00:03+00:00"),
        # a proxy's beside the vendor's
        (
            [b"Sun, 29 Nov 2026 06:48:23 GMT", b"Thu, 01 Jan 2026 00:00:03 GMT"],
            "2026-01-01T00:00:03+00:00",
        ),
        ([], None),
        ([b"soon"], None),
        ([b"Thu, 41 Jan 2026 00:00:03 GMT"], None),
    ],
)
async def test_the_vendors_present_is_the_date_of_its_answer(
    dates: list[bytes], moment: str | None
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"date", one) for one in dates]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body"})

    async with serve(app, dated=False) as url, Http(name="acme", base_url=url) as http:
        answer = await http.get("x")
    if moment is not None:
        assert answer.date.isoformat() == moment
    else:
        with pytest.raises(ContractError, match="no Date by which to tell the vendor's present"):
            _ = answer.date


async def test_headers_of_the_author_win_over_the_clients_own() -> None:
    async def echo(request: Request) -> Response:
        return JSONResponse(dict(request.headers))

    async with (
        serve(Vendor(echo).app) as url,
        Http(
            name="a", base_url=url, headers={"Accept": "application/json", "User-Agent": "me"}
        ) as http,
    ):
        sent = (await http.get("/", headers={"accept": "text/csv"})).json()
        assert (sent["accept"], sent["user-agent"]) == ("text/csv", "me")
        assert (await http.get("/")).json()["accept"] == "application/json"

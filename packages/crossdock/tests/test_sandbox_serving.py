"""A sandbox that ends leaves nothing behind: no listener, no answer still being made."""

import asyncio
import contextlib

import pytest
from crossdock.errors import UnavailableError
from crossdock.http import Http
from crossdock.testing.sandbox import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


class Slow:
    """Answers `/quick` at once and `/slow` never."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.ended: list[str] = []
        self.app = Starlette(routes=[Route("/quick", self.quick), Route("/slow", self.slow)])

    async def quick(self, _: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    async def slow(self, _: Request) -> PlainTextResponse:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.append("slow")
        return PlainTextResponse("never")


async def test_an_answer_in_the_making_ends_with_the_sandbox() -> None:
    slow = Slow()
    async with contextlib.AsyncExitStack() as clients:
        async with serve(slow.app) as url:
            http = await clients.enter_async_context(Http(name="box", base_url=url))
            asking = asyncio.create_task(http.get("slow"))
            await slow.asked.wait()
        with pytest.raises(UnavailableError) as caught:
            await asking
        assert caught.value.outcome == "unknown"
        assert slow.ended == ["slow"]
        with pytest.raises(UnavailableError) as caught:
            await http.get("quick")
        assert caught.value.outcome == "not_sent"


async def test_it_serves_the_date_as_servers_do() -> None:
    async with serve(Slow().app) as url, Http(name="box", base_url=url) as http:
        answer = await http.get("quick")
        assert answer.content == b"here"
        assert "GMT" in answer.headers["date"]

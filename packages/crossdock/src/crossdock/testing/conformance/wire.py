"""Between a connector and its sandbox: sees every request, and misbehaves as told.

An ASGI application around the sandbox's. Faults happen to the bytes, so the connector cannot know
that it is a test, and an author need not build faults into the sandbox for the kit's sake.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Literal

Kind = Literal["answer", "cut", "lost", "instead", "silent"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the other side says."""

    status: int = 200
    body: Any = b""
    """Bytes as they are; anything else as JSON. A function is given the request's headers."""
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self, seen: "Seen") -> bytes:
        """The body's bytes."""
        body = self.body(seen) if callable(self.body) else self.body
        return body if isinstance(body, bytes) else json.dumps(body).encode()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to one request.

    `answer`: the sandbox never sees it, `answer` comes back. `cut`: the connection is cut before
    the sandbox sees it. `lost`: the sandbox does it, then the connection is cut. `instead`: the
    sandbox does it, but `answer` comes back. `silent`: nobody ever answers.
    """

    kind: Kind
    answer: Answer = Answer()


CUT = Fault(kind="cut")
LOST = Fault(kind="lost")
SILENT = Fault(kind="silent")


def refuse(status: int, body: Any = b"", **headers: str) -> Fault:
    """An answer with this status and nothing done. `retry_after="7"` is a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(kind="answer", answer=Answer(status=status, body=body, headers=named))


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request that passed. `number` counts from 1 since the plan was made."""

    number: int
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


Plan = Callable[[Seen], Fault | None]


class Wire:
    """Serve this instead of the sandbox's application."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._plan: Plan | None = None
        self._number = 0
        self.present: datetime | None = None
        """The vendor's clock as its answers tell it; None: the sandbox's own, or this machine's."""
        self.seen: list[Seen] = []
        self.hit: list[tuple[Seen, Fault]] = []

    def plan(self, plan: Plan | None) -> None:
        """From now on each request is put to `plan`; counting begins anew."""
        self._plan = plan
        self._number = 0
        self.hit = []

    def always(self, fault: Fault) -> None:
        """Every request meets this."""
        self.plan(lambda _: fault)

    def only(self, number: int, fault: Fault) -> None:
        """The `number`-th request from now meets this."""
        self.plan(lambda seen: fault if seen.number == number else None)

    def dies(self, number: int, fault: Fault) -> None:
        """The `number`-th request meets this and all later ones too, or a dead line where the
        fault is one of a single answer; so that no client can mend it by asking again at once."""
        after = fault if fault.kind == "answer" else CUT
        self.plan(
            lambda seen: None if seen.number < number else fault if seen.number == number else after
        )

    @property
    def count(self) -> int:
        """Requests since the last plan."""
        return self._number

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See the module."""
        await self._pass(scope, receive, self._dated(send))

    def _dated(self, send: Any) -> Any:
        """With one Date, `present` or the sandbox's own; what has two is read as either."""

        async def dated(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                own = [value for name, value in headers if name.lower() == b"date"]
                if self.present is not None or not own:
                    told = format_datetime(self.present or datetime.now(UTC), usegmt=True)
                    rest = [pair for pair in headers if pair[0].lower() != b"date"]
                    message = {**message, "headers": [*rest, (b"date", told.encode())]}
            await send(message)

        vars(dated)["__self__"] = send.__self__  # `_cut` asks it for the transport
        return dated

    async def _pass(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox/"):
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        self._number += 1
        seen = Seen(
            number=self._number,
            method=scope["method"],
            path=scope["path"],
            query=scope.get("query_string", b"").decode("latin-1"),
            headers={k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]},
            body=body,
        )
        self.seen.append(seen)
        fault = self._plan(seen) if self._plan is not None else None
        if fault is None:
            await self._app(scope, _again(body, receive), send)
            return
        self.hit.append((seen, fault))
        if fault.kind in {"lost", "instead"}:
            await self._app(scope, _again(body, receive), _nowhere)
        if fault.kind == "silent":
            await _until_gone(receive)
        elif fault.kind in {"cut", "lost"}:
            await _cut(send)
        else:
            await _answer(send, fault.answer, seen)


async def _read(receive: Any) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def _again(body: bytes, receive: Any) -> Any:
    """The body once more, for the application behind."""
    told = False

    async def once() -> Any:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


async def _nowhere(message: Any) -> None:
    """The answer that nobody will read."""


async def _until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(send: Any) -> None:
    """Close the connection without an answer, in the middle of uvicorn's cycle."""
    transport = send.__self__.transport
    transport.abort()
    for _ in range(3):  # until the server has noticed, so that it logs nothing
        await asyncio.sleep(0)


async def _answer(send: Any, answer: Answer, seen: Seen) -> None:
    content = answer.content(seen)
    headers = {"content-type": "application/json", **answer.headers}
    headers.setdefault("content-length", str(len(content)))
    raw = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": content})

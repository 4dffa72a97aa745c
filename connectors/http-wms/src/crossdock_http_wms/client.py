"""One warehouse: what may be asked of it and told to it.

No `try` is needed here: `context.http` turns every failure into an error that says what to do next.
"""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import crossdock
from crossdock.errors import ContractError, RejectedError
from crossdock.http import Call, Http, walk
from crossdock.identity import fingerprint
from crossdock.jsontext import dump, shorten
from crossdock.reading import Flag, Required, Shape, Text, TypedDict

from crossdock_http_wms.config import HttpWmsConfig, ListName
from crossdock_http_wms.mapping import HEAD, NativeId, address
from crossdock_http_wms.messages import ASKS, LIST_OF, LISTS, Ask
from crossdock_http_wms.signing import sign, verify

PROTOCOL = "1"
LONGEST_ID = 200


class _Held(TypedDict, total=False):
    """What the warehouse answers to what we ask: its own name of the thing."""

    id: Required[NativeId]
    cancelled: Flag


class _About(TypedDict):
    """Who answers there."""

    name: Text
    protocol: Text


class _Page(TypedDict):
    """One page of a list; `next` is the place behind its last item."""

    items: list[Any]
    next: Text
    more: Flag


HELD = Shape(_Held)
ABOUT = Shape(_About)
PAGE = Shape(_Page)


@dataclass(frozen=True)
class Signed:
    """Signs each call as Standard Webhooks does; see `signing` for what stands in its id."""

    config: HttpWmsConfig

    async def headers(self, http: Http, call: Call) -> Mapping[str, str]:
        """See `Auth`."""
        url = urlsplit(call.url)
        target = f"{url.path}?{url.query}" if url.query else url.path
        key = call.headers.get("idempotency-key", "")
        message_id = f"{call.method} {target} {key}".strip()
        secret = self.config.signing_secret.get_secret_value()
        return sign(secret, message_id, int(time.time()), call.body)

    def refused(self, sent: Mapping[str, str]) -> bool:
        """See `Auth`: there is no other secret to try."""
        return False


@dataclass(frozen=True)
class HttpWms:
    """The ports."""

    config: HttpWmsConfig
    http: Http
    context: crossdock.Context

    async def probe(self) -> crossdock.Health:
        """Ask who is there; a wrong signing secret is refused there as anywhere."""
        about = ABOUT.of((await self.http.get("")).json(), "the warehouse")
        if about["protocol"] != PROTOCOL:
            raise RejectedError(
                f"{about['name']} speaks version {shorten(about['protocol'])} of the protocol, "
                f"we speak {PROTOCOL}",
                reason="protocol",
            )
        return crossdock.Health(version=about["protocol"], notes=(about["name"],))

    def receive(self, request: crossdock.Request) -> crossdock.Raw:
        """One message: verified over its bytes before anything is parsed."""
        secrets = (self.config.webhook_secret, self.config.webhook_secret_before)
        message_id = verify(
            [one.get_secret_value() for one in secrets if one is not None],
            request.headers,
            request.body,
            self.context.now().timestamp(),
        )
        if len(message_id) > LONGEST_ID:
            raise ContractError(f"a webhook-id has at most {LONGEST_ID} characters")
        head = HEAD.read(crossdock.Raw("the message", data=request.body))
        return crossdock.Raw(
            head["type"], data=request.body, key=address(head), delivery_id=message_id
        )

    async def poll(self, cursor: str | None) -> AsyncIterator[crossdock.Raw]:
        """What changed in each list, from its own place on."""
        places = _places(cursor)
        for name in self.config.reads:
            async for page in self._pages(name, {}, start=places.get(name)):
                here = json.dumps(places)
                places[name] = page["next"]
                there = json.dumps(places)
                last = len(page["items"]) - 1
                for index, item in enumerate(page["items"]):
                    # a place is one of whole pages: within a page it stays before it
                    yield _record(name, item, there if index == last else here)

    async def snapshot(self, window: crossdock.Window) -> AsyncIterator[crossdock.Raw]:
        """Everything of a kind; messages of other kinds in the same list are left out."""
        name = LIST_OF.get(window.kind)
        if name is None:
            raise RejectedError(
                f"there is no list of {shorten(window.kind)}; there are {', '.join(LIST_OF)}",
                reason="unknown_kind",
            )
        limits = {"since": window.since, "until": window.until}
        params = {key: at.isoformat() for key, at in limits.items() if at is not None}
        async for page in self._pages(name, params):
            for item in page["items"]:
                raw = _record(name, item, None)
                if raw.topic == name or raw.topic.startswith(f"{window.kind}."):
                    yield raw

    async def _pages(
        self, name: ListName, params: Mapping[str, str], *, start: str | None = None
    ) -> AsyncIterator[_Page]:
        async def ask(after: str | None) -> _Page:
            given = {"limit": str(self.config.page_size), **params}
            if after:
                given["after"] = after
            return PAGE.of((await self.http.get(name, params=given)).json(), name)

        def following(page: _Page) -> str | None:
            return page["next"] if page["more"] else None

        async for page in walk(ask, following, start=start, what=f"the list {name}"):
            yield page

    async def apply(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Put the thing under our id, or call it off: either may be done twice."""
        ask = _ask(command)
        data = command.data.model_copy(update={"id": command.entity_id})
        path, method = _path(ask, command), self.http.put
        if ask.verb == "cancel":
            path, method = f"{path}/cancel", self.http.post
        answer = await method(
            path,
            content=data.dump(),
            headers={"content-type": "application/json"},
            idempotency_key=command.id,
        )
        return crossdock.Receipt(native_id=HELD.of(answer.json(), ask.path)["id"])

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """What an earlier try left under our id. What is told again as it is now, is not looked at:
        an older state of it may be there."""
        ask = _ask(command)
        if command.type.endswith(".publish"):
            return None
        answer = await self.http.get(_path(ask, command), accept={404})
        if answer.status == 404:
            return None
        held = HELD.of(answer.json(), ask.path)
        if ask.verb == "cancel" and not held.get("cancelled", False):
            return None
        return crossdock.Receipt(native_id=held["id"])


def _ask(command: crossdock.Command[Any]) -> Ask:
    ask = ASKS.get(command.type)
    if ask is None:
        raise RejectedError(
            f"a warehouse is asked for {', '.join(ASKS)}, not {command.type}", reason="not_handled"
        )
    return ask


def _path(ask: Ask, command: crossdock.Command[Any]) -> str:
    return f"{ask.path}/{quote(command.entity_id, safe='')}"


def _record(name: ListName, item: Any, cursor: str | None) -> crossdock.Raw:
    """One item of a list; one that is no message is landed all the same, and refused there."""
    data = dump(item)
    mark = fingerprint(data)[:32]
    try:
        head = HEAD.of(item, name)
    except ContractError:
        return crossdock.Raw(
            name, data=data, key=f"{name}:{mark}", delivery_id=f"{name}:{mark}", cursor=cursor
        )
    return crossdock.Raw(
        head["type"],
        data=data,
        key=address(head),
        delivery_id=f"{head['type']}:{head['id']}:{mark}",
        cursor=cursor,
    )


def _places(cursor: str | None) -> dict[str, str]:
    """Where each list was left. ContractError: this is no cursor of ours."""
    if cursor is None:
        return {}
    try:
        places = json.loads(cursor)
    except (ValueError, RecursionError):
        places = None
    if not isinstance(places, dict) or not all(
        name in LISTS and isinstance(place, str) for name, place in places.items()
    ):
        raise ContractError(f"the cursor {shorten(cursor)} is none of ours; begin anew without it")
    return places


@asynccontextmanager
async def open_http_wms(
    config: HttpWmsConfig, context: crossdock.Context
) -> AsyncIterator[HttpWms]:
    """Nothing is sent until a port is used."""
    base = f"{str(config.url).rstrip('/')}/"
    async with context.http(base_url=base, auth=Signed(config)) as http:
        yield HttpWms(config, http, context)

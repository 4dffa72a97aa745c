"""Every example of docs/guides/http.md, run against a server on loopback."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from crossdock.connector import Context
from crossdock.testing.sandbox import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "http.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
COST = {
    "requestedQueryCost": 10,
    "actualQueryCost": 2,
    "throttleStatus": {
        "maximumAvailable": 2000,
        "currentlyAvailable": 1998,
        "restoreRate": 100,
    },
}


async def answer(request: Request) -> Response:
    path, query = request.url.path, request.query_params
    match path:
        case "/orders" if request.method == "POST":
            if "idempotency-key" in request.headers:
                return JSONResponse({"id": "1"}, 201)
            return JSONResponse({"errors": ["no lines"]}, 422)
        case "/orders":
            return JSONResponse({"orders": [1, 2]})
        case "/refunds":
            return JSONResponse(dict(parse_qsl((await request.body()).decode())))
        case "/token":
            return JSONResponse({"access_token": "token-1", "expires_in": 3600})
        case "/login":
            return JSONResponse({"session": "session-1"})
        case "/me":
            sent = request.headers.get("authorization") or request.headers.get("x-session")
            known = sent in {"Bearer token-1", "session-1"}
            return JSONResponse({"name": "us"}, 200 if known else 401)
        case "/by-link":
            more = {} if "page" in query else {"link": '</by-link?page=2>; rel="next"'}
            return JSONResponse([1], headers=more)
        case "/by-cursor":
            following = None if "after" in query else "2"
            return JSONResponse({"items": [1], "meta": {"next": following}})
        case "/by-number":
            return JSONResponse({"items": [query["page"]] if query["page"] < "3" else []})
        case "/by-bookmark":
            return JSONResponse({"items": [] if "since_id" in query else [{"id": 7}]})
        case "/search":
            after = (await request.json())["after"]
            return JSONResponse({"items": [1], "next": None if after else "2"})
        case "/graphql":
            return JSONResponse({"data": {}, "extensions": {"cost": COST}})
    return JSONResponse({})


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
async def test_example(number: int) -> None:
    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
    context = Context(connection="acme")
    code = compile(
        EXAMPLES[number],
        f"{GUIDE.name}, example {number}",
        "exec",
        flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
    )
    async with serve(app) as url, context.http(base_url=url) as http:
        names: dict[str, Any] = {
            "context": context,
            "url": url,
            "http": http,
            "command_id": "cmd_1",
        }
        running = eval(code, names)
        if inspect.isawaitable(running):
            await running
    expected = {
        "orders": [1, 2],
        "reasons": ["no lines"],
        "pages": [[1], [1]],
        "me": {"name": "us"},
        "found": [1, 1, 1, 1, "1", "2", {"id": 7}],
    }
    for name, value in expected.items():
        assert names.get(name, value) == value


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 10

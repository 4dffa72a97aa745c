"""A sandbox beside its vendor's OpenAPI: what does not fit is noted, what fits is not."""

import json
from typing import Any

import pytest
from crossdock.http import Http
from crossdock.testing.openapi import HeldTo
from crossdock.testing.sandbox import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PARCEL = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "note": {"type": "string", "nullable": True},
        "to": {"$ref": "#/components/schemas/Place"},
        "free": {"type": "object"},
    },
}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3",
    "paths": {
        "/parcels": {
            "get": {
                "parameters": [{"name": "page", "in": "query"}],
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "array",
                                    "items": {"$ref": "#/components/schemas/Told"},
                                }
                            }
                        }
                    }
                },
            },
            "post": {
                "requestBody": {"$ref": "#/components/requestBodies/Parcel"},
                "responses": {"201": {"description": "made"}},
            },
        },
        "/parcels/{id}": {"get": {"responses": {}}},
        "/parcels/count": {"get": {"responses": {}}},
    },
    "components": {
        "schemas": {
            "Parcel": PARCEL,
            "Place": {"type": "object", "properties": {"city": {"type": "string"}}},
            "Told": {
                "allOf": [
                    {"$ref": "#/components/schemas/Parcel"},
                    {"type": "object", "properties": {"state": {"enum": ["made", "sent"]}}},
                ]
            },
        },
        "requestBodies": {
            "Parcel": {
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Parcel"}}}
            }
        },
    },
}


def asked(body: Any, status: int = 201) -> list[str]:
    held = HeldTo(Starlette(), DOCUMENT)
    return held.compare("POST", "/parcels", [], json.dumps(body).encode(), status, b"")


def told(rows: Any, query: tuple[str, ...] = (), *, closed: bool = True) -> list[str]:
    held = HeldTo(Starlette(), DOCUMENT, closed=closed)
    return held.compare("GET", "/parcels", [*query], b"", 200, json.dumps(rows).encode())


GOOD = {"id": 1, "note": None, "to": {"city": "Graz"}, "free": {"any": 1}}


def test_what_fits_is_no_fault() -> None:
    assert asked(GOOD) == told([{**GOOD, "state": "sent"}], ("page",)) == []
    assert told([{**GOOD, "odd": 1, "to": {"town": "x"}}], closed=False) == []
    assert asked({"id": "no number"}, status=400) == []  # it was refused, as it should be


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (lambda: asked({"id": "1"}), "POST /parcels: asked /id: '1' is not of type 'integer'"),
        (lambda: asked({**GOOD, "odd": 1}), "asked /: Unevaluated properties are not allowed"),
        (lambda: asked({**GOOD, "to": {"town": "x"}}), "asked /to: Unevaluated properties"),
        (lambda: told([{**GOOD, "state": "lost"}]), "200 told /0/state: 'lost' is not one of"),
        (lambda: told([{**GOOD, "odd": 1}]), "200 told /0: Unevaluated properties"),
        (lambda: told([], ("sice",)), "GET /parcels: parameter 'sice' is not documented"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(found: Any, word: str) -> None:
    assert any(word in fault for fault in found())


async def test_it_stands_between_a_client_and_the_sandbox() -> None:
    async def parcels(request: Request) -> Response:
        sent = await request.body()
        return JSONResponse({"id": 1} if sent else [{"id": 1}])

    routes = [
        Route("/v2/parcels", parcels, methods=["GET", "POST"]),
        Route("/v2/other", parcels),
        Route("/_sandbox/report", parcels),
    ]
    held = HeldTo(Starlette(routes=routes), DOCUMENT, below="/v2")
    async with serve(held) as url, Http(name="acme", base_url=url) as http:
        await http.get("v2/parcels", params={"page": "2"})
        await http.get("_sandbox/report")
        assert held.faults == []
        await http.post("v2/parcels", json={"id": 1, "odd": 2})
        await http.get("v2/other")
    assert [fault.partition(" (")[0] for fault in held.faults] == [
        "POST /parcels: asked /: Unevaluated properties are not allowed",
        "GET /other: the vendor documents no such thing",
    ]


def test_the_path_that_says_more_is_taken() -> None:
    held = HeldTo(Starlette(), DOCUMENT)
    named = {path: held._operation("GET", path) for path in ("/parcels/count", "/parcels/7")}
    assert {path: one.name for path, one in named.items() if one} == {
        "/parcels/count": "GET /parcels/count",
        "/parcels/7": "GET /parcels/{id}",
    }

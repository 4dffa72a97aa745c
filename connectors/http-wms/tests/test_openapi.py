"""The published OpenAPI: current, and what the sandbox does when schemathesis attacks it."""

import asyncio
import re
import time
from typing import Any
from urllib.parse import urlsplit

import schemathesis
from crossdock.testing.sandbox import serve
from crossdock_http_wms import openapi
from crossdock_http_wms.messages import ASKS, LISTS, MESSAGES
from crossdock_http_wms.sandbox import HttpWmsSandbox
from crossdock_http_wms.signing import sign
from hypothesis import HealthCheck, Phase, given, settings
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

EXAMPLES = 3
"""Of each operation, in each mode: enough to find what was wrong here at first, and quick."""


BEYOND_SCHEMAS = re.compile(r"more than|U\+0000")
"""What a canonical document may be refused for although it fits its schema
(docs/guides/partners.md, "What no schema can say")."""


class Signed(AuthBase):
    """Signs each request of schemathesis as Crossdock signs its own."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        body = request.body or b""
        if isinstance(body, str):
            body = body.encode()
        url = urlsplit(str(request.url))
        target = f"{url.path}?{url.query}" if url.query else url.path
        call = f"{request.method} {target}"[:4000]
        request.headers.update(sign(self.secret, call, int(time.time()), body))
        return request


def test_it_is_current() -> None:
    """`python -m crossdock_http_wms.openapi --write` writes it anew."""
    assert openapi.FILE.read_text("utf-8") == openapi.text()


def test_it_tells_everything() -> None:
    document = openapi.document()
    assert set(document["webhooks"]) == set(MESSAGES)
    for name in LISTS:
        assert "get" in document["paths"][f"/{name}"]
    told = {
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
    }
    assert set(ASKS) <= told


def test_a_webhook_is_never_refused_for_what_it_says() -> None:
    """Intake keeps it as a dead letter and accepts: sending it again would change nothing."""
    for hook in openapi.document()["webhooks"].values():
        assert set(hook["post"]["responses"]) == {"202", "401", "503"}


async def test_schemathesis_finds_nothing() -> None:
    """Every operation, with data that fits and data that does not, each signed."""
    box = HttpWmsSandbox()
    seeded(box)
    async with serve(box.app) as url:
        calls = await asyncio.to_thread(attack, url, box.signing_secret)
    assert calls > 50


def seeded(box: HttpWmsSandbox) -> None:
    """Something in every list, so that answers have items to be checked."""
    box.house.receive("WH", {"TEE-S": 3, "TEE-M": 1})
    box.house.count("WH", {"TEE-S": 2})


def attack(url: str, secret: str) -> int:
    """How many calls were made. A failed check raises."""
    document = openapi.document()
    del document["security"]  # every request is signed below; test_client.py has unsigned ones
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    calls = 0
    for result in schema.get_all_operations():
        operation: Any = result.ok()
        wrong = [GenerationMode.NEGATIVE] if operation.path != "/" else []  # it takes nothing
        for mode in (GenerationMode.POSITIVE, *wrong):
            calls += examine(operation, mode, Signed(secret))
    return calls


def examine(operation: Any, mode: GenerationMode, auth: Signed) -> int:
    """A few calls of one operation."""
    calls = 0

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def one(case: Any) -> None:
        nonlocal calls
        calls += 1
        answer = case.call(auth=auth)
        if mode is GenerationMode.POSITIVE and answer.status_code in (400, 422):
            assert BEYOND_SCHEMAS.search(answer.text), answer.text
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])

    one()
    return calls

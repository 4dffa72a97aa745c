"""Every static sandbox pair of Amazon's is answered by the sandbox, and fits Amazon's own model."""

import re
from typing import Any

import pytest
from crossdock import RejectedError
from crossdock.http import Http
from crossdock.testing.sandbox import serve
from crossdock_amazon.rates import LIMITS
from crossdock_amazon.sandbox import AmazonSandbox
from crossdock_amazon.sandbox_models import as_text, operations, pairs

from conftest import Opened

PAIRS = {f"{one['model']}/{one['name']}": one for one in pairs()}
OPERATIONS = {(one.model, one.id): one for one in operations()}
# what Amazon publishes against its own models, each told by its first fault
AGAINST_THE_MODEL = {
    f"externalFulfillmentShipments_2024-09-11/{name}": f'{at}: "GIFT" is not one of "PRODUCT", '
    '"SHIPPING" or 3 other candidates'
    for name, at in (
        ("getShipment.200.1", "/lineItems/0/charges/1/chargeType"),
        ("getShipments.200.0", "/shipments/0/lineItems/0/charges/1/chargeType"),
    )
} | {
    "finances_2024-06-19/listSummary.200.0": (
        '/summaries/0/periodStart: "2025-01-12" is not a "date-time"'
    ),
}


def address(pair: dict[str, Any]) -> tuple[str, dict[str, str], Any]:
    """Path, query and body of the request that a pair is about."""
    told = {
        name: as_text(one["value"])
        for name, one in pair["request"]["parameters"].items()
        if "value" in one and name not in {"body", "payload"}
    }
    wanted = re.findall(r"\{(\w+)\}", pair["path"])
    path = re.sub(r"\{(\w+)\}", lambda match: told.get(match[1], "any"), pair["path"])
    body = next(
        (
            one.get("value", {})
            for name, one in pair["request"]["parameters"].items()
            if name in {"body", "payload"}
        ),
        None,
    )
    return path, {name: text for name, text in told.items() if name not in wanted}, body


async def test_all_of_them_are_answered_as_published() -> None:
    assert len(PAIRS) == 111
    async with (
        serve(AmazonSandbox().app) as url,
        Http(name="amazon", base_url=f"{url}/static") as http,
    ):
        other = {}
        for name, pair in PAIRS.items():
            path, query, body = address(pair)
            answer = await http.request(
                pair["method"],
                path.lstrip("/"),
                params=query,
                json=body,
                accept=set(range(400, 600)),
            )
            told = answer.json() if answer.content else None
            wanted = None if told is None else pair.get("response")
            if (answer.status, told) != (int(pair["status"]), wanted):
                other[name] = (answer.status, str(told)[:200])
    assert not other


@pytest.mark.parametrize("name", PAIRS)
def test_each_fits_its_model(name: str) -> None:
    pair = PAIRS[name]
    operation = OPERATIONS[pair["model"], pair["operationId"]]
    status = int(pair["status"])
    body = pair.get("response")  # two pairs say nothing of a body
    faults = [] if body is None else list(operation.answer_faults(status, body))
    assert faults[:1] == ([AGAINST_THE_MODEL[name]] if name in AGAINST_THE_MODEL else [])


async def test_our_client_reads_those_of_the_operations_that_it_uses(
    box: AmazonSandbox, opened: Opened
) -> None:
    """The good ones as they are, the refusals as a person's case in Amazon's words."""
    mine = [one for one in PAIRS.values() if f"{one['model']}.{one['operationId']}" in LIMITS]
    assert len(mine) > 20
    refused = 0
    async with serve(AmazonSandbox().app) as url, opened(url=f"{url}/static") as port:
        for pair in mine:
            path, query, body = address(pair)
            call = port.api.call(
                f"{pair['model']}.{pair['operationId']}",
                pair["method"],
                path.lstrip("/"),
                params=query,
                body=body,
            )
            if pair["status"] == "200":
                assert (await call).json() == pair["response"]
                continue
            with pytest.raises(RejectedError) as caught:
                await call
            first = pair["response"]["errors"][0]
            assert f"{first['code']}: {first['message']}" in caught.value.message
            assert caught.value.reason == f"http_{pair['status']}"
            refused += 1
    assert refused > 5

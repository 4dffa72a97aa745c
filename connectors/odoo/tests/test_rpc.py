"""Both dialects, and what every recorded error becomes."""

import json
from pathlib import Path
from typing import Any

import crossdock
import pytest
from crossdock import plugins
from crossdock.testing.sandbox import serve
from crossdock_odoo.loading import refusal
from crossdock_odoo.rpc import Fault, error_of
from crossdock_odoo.sandbox import Misbehaviour, OdooSandbox
from crossdock_odoo.sandbox_errors import OdooFault, validation_error

RECORDINGS = Path(__file__).parent / "recordings"


def _recorded_faults() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in sorted(RECORDINGS.glob("*/*/*/*.json")):
        step = json.loads(path.read_text())
        answers = [step["response"]] if "response" in step else step["parallel_results"]
        for answer in answers:
            body = answer["body"]
            if isinstance(body, dict) and isinstance(body.get("error"), dict):
                body = body["error"].get("data")
            if isinstance(body, dict) and "name" in body and "debug" in body:
                found.append((str(path.relative_to(RECORDINGS)), body))
    return found


def test_every_recorded_error_is_classified_by_its_name() -> None:
    faults = _recorded_faults()
    assert len(faults) > 70
    for path, body in faults:
        error = error_of(Fault(name=body["name"], message=body["message"]), "x")
        name = body["name"].rpartition(".")[2]
        if name in ("Unauthorized", "AccessDenied", "SessionExpiredException"):
            assert isinstance(error, crossdock.AuthError), path
        elif name in ("SerializationFailure", "OperationalError"):
            assert isinstance(error, crossdock.UnavailableError), path
        else:
            assert isinstance(error, crossdock.RejectedError), path
            assert error.reason == name
        assert "traceback" not in str(error).lower()
        assert len(str(error)) < 500


def test_recorded_refusals_of_load(recording: Any) -> None:
    step = recording("19.0/json-2/05-partner/12-load-with-a-bad-row")
    error = refusal("res.partner", step["response"]["body"], step["request"]["body"]["data"])
    assert isinstance(error, crossdock.RejectedError)
    assert error.reason == "bad_country_id"
    assert "country_id of row 0 (crossdock.partner_x9b_1003): No matching record" in str(error)
    step = recording("19.0/json-2/15-concurrency/03-four-workers-load-the-same-external-id")
    error = refusal("sale.order", step["parallel_results"][0]["body"], step["request"]["data"])
    assert isinstance(error, crossdock.UnavailableError)
    assert error.outcome == "failed"


class RacingSandbox(OdooSandbox):
    """Somebody else confirms the order just before us; 17 then speaks of followers."""

    def run(self, model: str, method: str, *args: Any, **named: Any) -> Any:
        if method == "action_confirm":
            super().run(model, method, *args, **named)
            raise self.recorded
        return super().run(model, method, *args, **named)

    recorded: OdooFault = validation_error("")


@pytest.mark.parametrize("folder", ["19.0/json-2", "18.0/jsonrpc", "17.0/jsonrpc"])
async def test_a_lost_race_of_confirm_is_no_error(
    folder: str, connect: Any, order: Any, command: Any, recording: Any
) -> None:
    step = recording(f"{folder}/15-concurrency/01-four-workers-confirm-one-order")
    losers = [result["body"] for result in step["parallel_results"]]
    losers = [body.get("error", {}).get("data", body) for body in losers if isinstance(body, dict)]
    lost = next(body for body in losers if "name" in body)
    box = RacingSandbox(version=int(folder[:2]))
    box.recorded = OdooFault(lost["name"], lost["message"])
    async with connect(box) as odoo:
        receipt = await odoo.apply(command(order()))
    assert receipt.native_id == "1"


async def test_probe(box: OdooSandbox, connect: Any) -> None:
    async with connect(box) as odoo:
        health = await odoo.probe()
    assert health.version == f"Odoo {box.version}.0"


async def test_a_database_that_is_not_there(box: OdooSandbox, connect: Any) -> None:
    async with connect(box, database="nosuchdb") as odoo:
        with pytest.raises(crossdock.AuthError, match="no database 'nosuchdb'"):
            await odoo.rpc.call("res.partner", "search_count", domain=[])


async def test_login_is_asked_for_where_it_is_needed(connect: Any) -> None:
    async with connect(OdooSandbox(version=18), login="") as odoo:
        with pytest.raises(crossdock.ConfigError, match="login"):
            await odoo.rpc.call("res.partner", "search_count", domain=[])
    async with connect(OdooSandbox(version=19), login="") as odoo:
        assert await odoo.rpc.call("res.partner", "search_count", domain=[]) == 0


async def test_no_records_is_no_call(connect: Any) -> None:
    async with connect(OdooSandbox()) as odoo:
        with pytest.raises(ValueError, match="no records"):
            await odoo.rpc.call("sale.order", "action_confirm", ids=[])


async def test_taxes_and_warehouses_that_are_configured_must_exist(
    connect: Any, order: Any, command: Any
) -> None:
    async with connect(OdooSandbox(), taxes={"0.19": "No such tax"}) as odoo:
        with pytest.raises(crossdock.ConfigError, match="No such tax"):
            await odoo.apply(command(order()))
    async with connect(OdooSandbox(), warehouses=["NOPE"]) as odoo:
        with pytest.raises(crossdock.ConfigError, match=r"NOPE.*WH"):
            await odoo.apply(command(order()))
    async with connect(OdooSandbox(), taxes={"0.19": "20%"}) as odoo:
        assert "total 70.43" in (await odoo.apply(command(order()))).note


async def test_a_server_that_is_down(box: OdooSandbox, connect: Any) -> None:
    """What reads is asked again, three times in all; what writes is not."""
    async with connect(box) as odoo:
        box.faults.append(Misbehaviour("down", 2, match="search_count"))
        assert isinstance(await odoo.rpc.call("res.partner", "search_count", domain=[]), int)
        box.faults.append(Misbehaviour("down", 3, match="search_count"))
        with pytest.raises(crossdock.UnavailableError):
            await odoo.rpc.call("res.partner", "search_count", domain=[])
        box.faults.append(Misbehaviour("down", 1, match="create"))
        with pytest.raises(crossdock.UnavailableError):
            await odoo.rpc.call("res.partner", "create", vals_list=[{"name": "A"}])
    assert box.calls["res.partner.create"] == 0


async def test_registered_and_controlled_over_http(order: Any, command: Any) -> None:
    """As `crossdock demo` uses it."""
    connector = plugins.load(["odoo"])["odoo"]
    assert connector.ports == {"Applies", "Polls", "Probes", "Snapshots", "Translates"}
    box = OdooSandbox()
    context = crossdock.Context(connection="erp")
    async with serve(box.app) as url, context.http(base_url=url) as http:
        told = dict(box.connection(url))
        assert told.pop("connector") == "odoo"
        async with connector.open(connector.config(**told), context) as odoo:
            await odoo.apply(command(order()))
        stock = {"sku": "TOTE", "on_hand": 50}
        assert (await http.post("_sandbox/stock", json=stock)).status == 200
        fault = {"kind": "slow", "count": 1, "seconds": 0.01, "match": "sale.order/load"}
        assert (await http.post("_sandbox/faults", json=fault)).json() == {"faults": 1}
        with pytest.raises(crossdock.RejectedError):
            await http.post("_sandbox/faults", json={"kind": "earthquake"})
        options = {"two_parcels": 1.0, "seed": 1, "limit": None}
        first = await http.post("_sandbox/ship", json=options)
        second = await http.post("_sandbox/ship", json=options)
        assert (first.json(), second.json()) == ({"shipped": 1}, {"shipped": 1})
        made = (await http.get("_sandbox/report")).json()
    assert [picking["state"] for picking in made["pickings"]] == ["done", "done"]
    assert len({picking["tracking"] for picking in made["pickings"]}) == 2
    assert made["stock"]["TOTE"] == {"WH": {"on_hand": 47.0, "reserved": 0.0}}
    assert made["calls"]["sale.order.action_confirm"] == 1

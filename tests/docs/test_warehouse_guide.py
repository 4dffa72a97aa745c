"""The commands of docs/guides/warehouses.md, run by a shell against a gateway and a warehouse."""

import asyncio
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from crossdock import Context, Raw
from crossdock.bus import Bus
from crossdock.canonical import Fulfillment
from crossdock.testing.sandbox import serve
from crossdock_http_wms.client import open_http_wms
from crossdock_http_wms.config import HttpWmsConfig
from crossdock_http_wms.mapping import translate
from crossdock_http_wms.sandbox import HttpWmsSandbox
from crossdock_runner.deployment import GatewayConfig
from crossdock_runner.gateway import make_app
from crossdock_stages.harness import House
from crossdock_stages.intake import Intake
from crossdock_stages.ledger import open_ledger
from crossdock_stages.ledger.tables import landing
from crossdock_stages.topology import Topology

GUIDE = (Path(__file__).parents[2] / "docs/guides/warehouses.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(sh|json)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


def noon() -> datetime:
    return datetime(2026, 1, 31, 12, tzinfo=UTC)


async def shell(script: str, folder: Path, env: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        "sh", "-ec", script, cwd=folder, env=env, stdout=-1, stderr=-1
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_the_commands_of_the_guide(tmp_path: Path) -> None:
    box = HttpWmsSandbox()
    box.house.clock = noon
    box.house.receive("DC1", {"TEE-M": 40})
    given = {**box.connection("http://127.0.0.1:9")}
    given.pop("connector")
    config = HttpWmsConfig.model_validate(given)
    async with (
        open_ledger(f"sqlite:///{tmp_path}/l.db") as ledger,
        open_http_wms(config, Context(connection="dc1")) as wms,
        serve(box.app) as warehouse,
    ):
        house = House(bus=Bus("nats://127.0.0.1:1"), ledger=ledger)
        intake = Intake(house, Topology(lanes=2))
        app = make_app(house, intake, {"dc1": wms}, GatewayConfig())
        async with serve(app) as gateway:
            env = {
                "PATH": "/usr/bin:/bin",
                "CROSSDOCK": gateway,
                "WMS": warehouse,
                "WEBHOOK_SECRET": box.webhook_secret,
                "SIGNING_SECRET": box.signing_secret,
            }
            define = BLOCKS[0][1]
            answers = [
                await shell(f"{define}\n{text}", tmp_path, env) if kind == "sh" else text
                for kind, text in BLOCKS[1:]
            ]
        rows = await ledger.read(lambda tx: tx.execute(sa.select(landing)).all())
    posted, taken, told_taken, listed, told_listed = answers
    assert posted.strip().endswith("202")
    (row,) = rows
    assert (row.topic, row.delivery_id) == ("fulfillment.shipped", "msg_sh-77-1")
    (event,) = translate(Raw(row.topic, data=row.body))
    assert isinstance(event.data, Fulfillment)
    assert event.data.lines[0].quantity == 2
    assert json.loads(taken) == json.loads(told_taken) | {"id": json.loads(taken)["id"]}
    assert list(box.house.asked["fulfillment-orders"]) == ["fuo_0123456789abcdefghjkmnpqrs"]
    assert json.loads(listed) == json.loads(told_listed)

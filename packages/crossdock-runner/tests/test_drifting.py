"""A field that a vendor begins to send is told once, with its sample; nothing fails for it."""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from crossdock_runner.drifting import Landed, Search, drift_of
from crossdock_stages.ledger import fields, landing, open_ledger


def payload(number: int, body: object, topic: str = "orders/create") -> Landed:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Landed(f"lnd_{number:04}", "web", topic, float(number), data)


def test_a_new_field_is_told_with_where_it_was_seen_first() -> None:
    search = Search(since=10.0)
    for one in (
        payload(1, {"id": 1, "lines": [{"sku": "A"}]}),
        payload(11, {"id": 2, "lines": [{"sku": "A"}, {"sku": "B", "gift": True}]}),
        payload(12, {"id": 3, "lines": []}),
        payload(13, {"id": 4, "lines": [{"gift": False}], "note": {"by": "ada"}}),
    ):
        search.see(one)
    told = {
        field.field: (field.landing_id, field.sample, field.seen, field.of)
        for field in search.found()
    }
    assert told == {
        "/lines/*/gift": ("lnd_0011", True, 2, 3),
        "/note/by": ("lnd_0013", "ada", 1, 1),
        "/lines": ("lnd_0012", [], 1, 2),
    }


def test_what_was_always_there_a_new_topic_and_nonsense_are_no_drift() -> None:
    search = Search(since=10.0)
    for one in (
        payload(1, {"id": 1}),
        payload(2, b"\xff not json"),
        payload(11, {"id": 2}),
        payload(12, {"new": 1}, topic="refunds/create"),
        payload(13, b"<html>"),
    ):
        search.see(one)
    assert search.found() == []


def test_the_command_reads_what_was_noted_and_the_landing_zone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    file = tmp_path / "deployment.yaml"
    file.write_text(
        "crossdock: 1\nenvironment: test\nledger: {url: sqlite:///ledger.db}\n"
        "connections:\n  web: {connector: shopify, shop: http://127.0.0.1:9, "
        "access_token: a, webhook_secret: b}\n"
    )
    monkeypatch.chdir(tmp_path)

    async def fill() -> None:
        async with open_ledger("sqlite:///ledger.db") as ledger:
            rows = [
                landing.Landed(
                    id=landing.new_id(at),
                    connection="web",
                    topic="orders/create",
                    entity_key="order:1",
                    delivery_id=f"d{at}",
                    road="webhook",
                    headers={},
                    body=json.dumps(body).encode(),
                    received_at=at,
                )
                for at, body in ((now - 9e5, {"id": 1}), (now - 60, {"id": 1, "tip": "2.00"}))
            ]
            await ledger.write(lambda tx: landing.land(tx, rows))
            noted = fields.Field(
                connection="web",
                topic="orders/create",
                field="/tip",
                told=True,
                landing_id="lnd_1",
                sample='"2.00"',
                payloads=1,
                at=now - 60,
            )
            await ledger.write(lambda tx: fields.add(tx, [noted]))

    asyncio.run(fill())

    def ask(**options: object) -> int:
        asked = {"connection": None, "topic": None, "since": None, "as_json": False}
        return drift_of(file, **{**asked, "payloads": True, **options})  # type: ignore[arg-type]

    assert ask(as_json=True) == 0
    (field,) = json.loads(capsys.readouterr().out)["fields"]
    assert (field["field"], field["sample"], field["seen"], field["of"]) == ("/tip", "'2.00'", 1, 1)
    assert ask(connection="erp") == 0
    assert "no field was seen first" in capsys.readouterr().out
    assert ask(since=datetime.now(UTC).isoformat(), as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["fields"] == []
    assert ask(since="yesterday", as_json=True) == 2

    assert ask(payloads=False) == 0
    out = capsys.readouterr().out
    assert "web  orders/create  /tip\n    first seen " in out
    assert out.endswith('in lnd_1\n    as "2.00"\n')
    assert ask(payloads=False, topic="refunds/create") == 0
    assert "no field was seen first" in capsys.readouterr().out

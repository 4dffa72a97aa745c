"""`crossdock replay` by time alone, and in parts: none is left out, however many there are."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from crossdock_runner.replaying import replay_selection
from crossdock_stages import replay
from crossdock_stages.ledger import landing, open_ledger


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "deployment.yaml"
    file.write_text(
        "crossdock: 1\nenvironment: test\nledger: {url: sqlite:///ledger.db}\n"
        "connections:\n  web: {connector: shopify, shop: http://127.0.0.1:9, "
        "access_token: a, webhook_secret: b}\n"
    )
    monkeypatch.chdir(tmp_path)
    start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()

    async def fill() -> None:
        async with open_ledger("sqlite:///ledger.db") as ledger:
            rows = [
                landing.Landed(
                    id=f"lnd_{n}",
                    connection="web",
                    topic="themes/publish" if n % 2 else "orders/create",
                    entity_key=f"order:{n}",
                    delivery_id=str(n),
                    road="webhook",
                    headers={},
                    body=b"{}",
                    received_at=start + n * 60,
                )
                for n in range(7)
            ]
            await ledger.write(lambda tx: landing.land(tx, rows))

    asyncio.run(fill())
    return file


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ({"until": "2026-01-01T00:05:00Z"}, 5),
        ({"since": "2026-01-01T00:02:00Z", "until": "2026-01-01T00:05:00Z"}, 3),
        ({"since": "2026-01-01T02:02:00+02:00"}, 5),
        ({"topic": "orders/create"}, 4),
        ({"connection": "web"}, 7),
        ({"reference": "lnd_3"}, 1),
    ],
    ids=str,
)
def test_every_way_to_choose(
    deployment: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: dict[str, str],
    chosen: int,
) -> None:
    monkeypatch.setattr(replay, "PART", 2)
    asked = dict.fromkeys(("reference", "connection", "topic", "since", "until")) | words
    for apply in (False, True):
        code = replay_selection(
            asked["reference"],
            deployment,
            connection=asked["connection"],
            topic=asked["topic"],
            since=asked["since"],
            until=asked["until"],
            apply=apply,
            as_json=True,
        )
        told = json.loads(capsys.readouterr().out)
        assert (code, told["chosen"], told["applied"]) == (0, chosen, chosen if apply else 0)
        assert sum(told["counts"].values()) == chosen
        assert all(one["reason"] or one["says"] for one in told["outcomes"])

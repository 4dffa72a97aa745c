"""`crossdock translate` on every order-like sample that Shopify publishes, as published."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RECORDINGS = Path(__file__).parents[2] / "connectors/shopify/tests/recordings"
TOPICS = {
    "orders/create": "order.placed",
    "orders/updated": "order.updated",
    "orders/paid": "order.paid",
    "orders/cancelled": "order.cancelled",
    "fulfillments/create": "fulfillment.shipped",
}


def translate(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crossdock_runner.cli", "translate", "shopify", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("wrapped", [True, False])
def test_sample_becomes_events(topic: str, wrapped: bool, tmp_path: Path) -> None:
    sample = RECORDINGS / f"{topic.replace('/', '.')}.json"
    if not wrapped:
        bare = tmp_path / "body.json"
        bare.write_text(json.dumps(json.loads(sample.read_text())["response"]))
        sample = bare
    done = translate(str(sample), "--topic", topic, "--json")
    assert done.returncode == 0, done.stderr
    (event,) = json.loads(done.stdout)["events"]
    assert event["type"] == f"crossdock.{TOPICS[topic]}.v1"
    assert event["data"]["id"] == event["subject"]


def test_a_broken_payload_names_connector_topic_pointer_and_value(tmp_path: Path) -> None:
    body = json.loads((RECORDINGS / "orders.create.json").read_text())["response"]
    body["line_items"][2]["quantity"] = "many"
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(body))
    done = translate(str(broken), "--topic", "orders/create", "--json")
    assert done.returncode == 1
    for part in ("shopify", "orders/create", "/line_items/2/quantity", "many"):
        assert part in done.stderr
    assert json.loads(done.stdout)["pointer"] == "/line_items/2/quantity"
    assert "Traceback" not in done.stderr


def test_wrong_use_is_exit_code_2(tmp_path: Path) -> None:
    assert translate(str(tmp_path / "nowhere.json")).returncode == 2
    unknown = subprocess.run(
        [sys.executable, "-m", "crossdock_runner.cli", "translate", "shopfy", "-"],
        input="{}",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert unknown.returncode == 1
    assert "did you mean 'shopify'?" in unknown.stderr

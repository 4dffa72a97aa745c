"""docs/guides/scale.md: its deployment loads, its bus configuration is one nats-server takes."""

import re
import subprocess
from pathlib import Path

import pytest
from crossdock.bus.embedded import find_server
from crossdock_runner import deployment

GUIDE = (Path(__file__).parents[2] / "docs/guides/scale.md").read_text()


def fence(language: str) -> str:
    (body,) = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return str(body)


def test_the_deployment_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ODOO_KEY", "SHOPIFY_TOKEN", "SHOPIFY_SECRET", "PG_PASSWORD"):
        monkeypatch.setenv(name, "not-a-real-one")
    file = tmp_path / "deployment.yaml"
    file.write_text(fence("yaml"))
    loaded = deployment.load(file)
    assert loaded.bus.replicas == 3
    assert loaded.bus.url.count("nats://") == 3
    assert loaded.ledger_url.startswith("postgresql://crossdock:not-a-real-one@")


def test_nats_server_takes_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "n1.conf"
    config.write_text(fence("conf").replace("/var/lib/nats", str(tmp_path)))
    done = subprocess.run(
        [str(find_server()), "-t", "-c", str(config)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    config.write_text(fence("conf").replace("jetstream", "jetstraem"))
    done = subprocess.run(
        [str(find_server()), "-t", "-c", str(config)], capture_output=True, text=True
    )
    assert done.returncode != 0, "the check can fail"

"""What the documents say is true: links lead somewhere, commands exist, YAML runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from crossdock_runner import deployment, domains

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/*/README.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, _ in LINK.findall(page.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_architecture_names_files_that_exist() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    sources = list(ROOT.glob("packages/*/src/**/*.py"))
    for name in {code for code in CODE.findall(text) if code.endswith(".py")}:
        assert any(str(path).endswith(f"/{name}") for path in sources), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_shown_exists(page: Path) -> None:
    """`crossdock x --y` in a text or a fence: the command knows x and --y."""
    text = page.read_text()
    shown = [c for c in CODE.findall(text) if c.startswith("crossdock ")]
    shown += [
        line.split("#")[0].strip()
        for language, body in FENCE.findall(text)
        if language in {"sh", "bash", "console"}
        for line in body.splitlines()
        if line.lstrip("$ ").startswith("crossdock ")
    ]
    for command in shown:
        words = command.lstrip("$ ").split()
        if len(words) < 2 or not re.fullmatch(r"[a-z]+", words[1]):
            continue
        path = [words[1]]
        inner = words[2] if len(words) > 2 and words[1] in {"schema", "new"} else ""
        if inner.isalpha() and inner.islower():
            path.append(words[2])
        answer = help_of(tuple(path))
        for option in (word.split("=")[0] for word in words[2:] if word.startswith("--")):
            assert option in answer, f"{page.name}: {command}: {option}"


_helps: dict[tuple[str, ...], str] = {}


def help_of(path: tuple[str, ...]) -> str:
    if path not in _helps:
        command = [sys.executable, "-m", "crossdock_runner.cli", *path, "--help"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"there is no command {' '.join(path)}: {done.stderr}"
        _helps[path] = done.stdout
    return _helps[path]


def test_the_readme_deployment_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = [
        body
        for language, body in FENCE.findall((ROOT / "README.md").read_text())
        if language == "yaml"
    ]
    for name in ("ODOO_KEY", "SHOPIFY_TOKEN", "SHOPIFY_SECRET"):
        monkeypatch.setenv(name, "not-a-real-one")
    file = tmp_path / "deployment.yaml"
    file.write_text(text)
    loaded = deployment.load(file)
    assert set(loaded.connections) == {"erp", "web"}


def test_every_key_of_the_deployment_is_documented() -> None:
    """docs/reference/deployment.md names each key that the file may have."""
    text = (ROOT / "docs/reference/deployment.md").read_text()
    for model in (
        deployment.BusConfig,
        deployment.LedgerConfig,
        deployment.GatewayConfig,
        domains.OrdersConfig,
        domains.ReturnsConfig,
        domains.PaymentsConfig,
        domains.SettlementConfig,
        domains.OwnedConfig,
        domains.InventoryConfig,
        domains.FulfillmentConfig,
        domains.CatalogConfig,
        domains.PricingConfig,
        domains.OverrideConfig,
        domains.LocationConfig,
        domains.DomainsConfig,
    ):
        for key in model.model_fields:
            assert f"`{key}`" in text, f"{model.__name__}.{key}"


def test_every_error_is_documented() -> None:
    from crossdock import errors

    text = (ROOT / "docs/reference/errors.md").read_text()
    for name in vars(errors):
        if name.endswith("Error"):
            assert f"`{name}`" in text, name

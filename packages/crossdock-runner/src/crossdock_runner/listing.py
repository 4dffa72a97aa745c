"""`crossdock connectors`: what is installed and what it can do."""

import re
from importlib import resources
from importlib.util import find_spec
from typing import Any

from crossdock import plugins
from crossdock.errors import CrossdockError

from crossdock_runner.output import print_json, say

_PORTS = ("Webhooks", "Polls", "Translates", "Applies", "Snapshots", "Probes")


def list_connectors(*, as_json: bool) -> int:
    """Exit code 0; a connector that cannot be loaded is listed with the reason."""
    rows = [_row(name) for name in sorted(plugins.installed())]
    if as_json:
        print_json({"connectors": rows})
        return 0
    for row in rows:
        say(f"{row['name']}  {row['title']}  ({row['plugin']})")
        if row["error"]:
            say(f"    cannot be loaded: {row['error']}")
            continue
        say(f"    ports    {', '.join(row['ports'])}")
        say(f"    handles  {', '.join(row['handles']) or 'nothing'}")
        say(f"    sandbox  {'yes' if row['sandbox'] else 'no'}")
        say(f"    tier     {row['tier'] or 'not examined'}")
    if not rows:
        say("none; install one with `pip install crossdock-shopify`")
    return 0


def _tier(module: str) -> str | None:
    """What quality.yaml in the package says; see docs/reference/quality.md."""
    spec = find_spec(module)
    if spec is None or spec.submodule_search_locations is None:
        return None  # one module alone has no files beside it
    file = resources.files(module) / "quality.yaml"
    if not file.is_file():
        return None
    found = re.search(r"^tier: ([a-z]+)$", file.read_text("utf-8"), re.MULTILINE)
    return found[1] if found and found[1] != "none" else None


def _row(name: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": name,
        "title": "",
        "plugin": plugins.installed()[name].value,
        "ports": [],
        "handles": [],
        "sandbox": False,
        "tier": None,
        "error": None,
    }
    try:
        connector = plugins.load([name])[name]
        ports = connector.ports
    except CrossdockError as error:
        row["error"] = str(error)
        return row
    row.update(
        title=connector.title,
        plugin=connector.plugin,
        ports=[port for port in _PORTS if port in ports],
        handles=sorted(connector.handles),
        sandbox=connector.sandbox is not None,
        tier=_tier(plugins.installed()[name].module),
    )
    return row

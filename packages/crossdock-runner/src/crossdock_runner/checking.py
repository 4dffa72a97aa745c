"""`crossdock check`: is this deployment good, and with `--live`, is everybody there?"""

import asyncio
from pathlib import Path
from typing import Any

from crossdock.connector import Context, Probes
from crossdock.errors import CrossdockError

from crossdock_runner import deployment as deployments
from crossdock_runner.deployment import ConnectionSetup, Deployment, DeploymentError
from crossdock_runner.output import complain, print_json, say


def check_deployment(file: Path, *, live: bool, as_json: bool) -> int:
    """Exit code 0 when the file (and with `live` every connection) is good."""
    try:
        deployment = deployments.load(file)
    except DeploymentError as error:
        if as_json:
            print_json(
                {"ok": False, "faults": [_fault(error, i) for i in range(len(error.faults))]}
            )
        else:
            complain(str(error))
            complain(f"{len(error.faults)} to mend")
        return 1
    probes = asyncio.run(_probe_all(deployment)) if live else []
    good = all(probe["ok"] for probe in probes)
    if as_json:
        print_json({"ok": good, "faults": [], "connections": probes})
        return 0 if good else 1
    say(
        f"{file}: good. {len(deployment.connections)} connections, "
        f"{len(deployment.rules.domains)} domains"
    )
    for probe in probes:
        state = "there" if probe["ok"] else "NOT there"
        say(f"  {probe['connection']} ({probe['connector']}): {state}. {probe['says']}")
    return 0 if good else 1


def _fault(error: DeploymentError, index: int) -> dict[str, Any]:
    fault = error.faults[index]
    return {
        "line": fault.mark.line if fault.mark else None,
        "column": fault.mark.column if fault.mark else None,
        "key": fault.key,
        "message": fault.message,
    }


async def _probe_all(deployment: Deployment) -> list[dict[str, Any]]:
    setups = deployment.connections.values()
    return list(await asyncio.gather(*(_probe(deployment, setup) for setup in setups)))


async def _probe(deployment: Deployment, setup: ConnectionSetup) -> dict[str, Any]:
    """Open one connection and ask it; writes nothing."""
    answer: dict[str, Any] = {"connection": setup.name, "connector": setup.connector.name}
    context = Context(connection=setup.name, environment=deployment.environment)
    try:
        async with setup.connector.open(setup.config, context) as port:
            if not isinstance(port, Probes):
                return {**answer, "ok": True, "says": "it opened; it cannot be probed"}
            health = await port.probe()
    except CrossdockError as error:
        return {**answer, "ok": False, "says": str(error)}
    says = ". ".join((health.version, *health.notes)).strip(". ")
    return {**answer, "ok": True, "says": says, "rate_budget": health.rate_budget}

"""Is it registered as it should be?"""

import subprocess
import sys

from crossdock.connector import Connector
from crossdock.testing.conformance.bench import Case
from crossdock.testing.conformance.kit import Failed, check
from crossdock.testing.sandbox import serve

_FEATURES = {
    "webhooks": "Webhooks",
    "polls": "Polls",
    "applies": "Applies",
    "snapshots": "Snapshots",
    "probes": "Probes",
}
_HEAVY = ("starlette", "uvicorn", "hypothesis", "pytest", "graphql", "crossdock.testing")


@check("plugin.is-found", "bronze")
async def is_found(case: Case) -> None:
    """A deployment finds the connector by its name, through the entry point."""
    if case.connector.name != case.name:
        raise Failed(
            f"it registers {case.connector.name!r}, not {case.name!r}",
            "use one spelling in register(…) and in [project.entry-points.crossdock]",
        )


@check("plugin.ports-agree", "bronze")
async def ports_agree(case: Case) -> None:
    """What the features declare is what the code can do; the other checks rely on it."""
    ports = case.connector.ports
    for feature, port in _FEATURES.items():
        declared, there = bool(getattr(case.features, feature)), port in ports
        if declared != there:
            raise Failed(
                f"features say {feature}={declared}, but {port} is "
                f"{'there' if there else 'not there'}",
                f"declare {feature} in Features, or {'drop' if there else 'write'} the method",
            )


@check("plugin.handles-what-it-applies", "bronze")
async def handles(case: Case) -> None:
    """Decide sends a command only to a connector that lists it in `handles`."""
    if case.features.applies != bool(case.connector.handles):
        raise Failed(
            f"applies is {case.features.applies}, handles is {sorted(case.connector.handles)}",
            "list every command that `apply` understands in register(handles=…)",
        )


@check("plugin.every-command-is-examined", "bronze", wants=lambda f: f.applies)
async def every_command(case: Case) -> None:
    """A command that is never tried here is never known to work."""
    missing = sorted(case.connector.handles - set(case.subject.commands))
    if missing:
        raise Failed(
            f"handles {', '.join(missing)}, which the subject does not make",
            "add a function for each to Subject.commands",
        )


@check("plugin.sandbox-starts", "bronze")
async def sandbox_starts(case: Case) -> None:
    """Demo, tests and benchmarks all begin with `connection(url)` of a fresh sandbox."""
    box = case.sandbox()
    async with serve(box.app) as url:
        told = box.connection(url)
    if told.get("connector") != case.name:
        raise Failed(
            f"connection() says connector {told.get('connector')!r}",
            f"return connector: {case.name!r} with everything its config needs",
        )
    case.configure(case.given(box, url))


@check("plugin.sandboxes-are-apart", "bronze")
async def sandboxes_apart(case: Case) -> None:
    """Two sandboxes share nothing, or one test's vendor remembers another's."""
    one, two = case.sandbox(), case.sandbox()
    if one is two or one.app is two.app:
        raise Failed(
            "two calls of the sandbox's factory give the same object", "make a new one each time"
        )


@check("plugin.imports-lightly", "silver")
def imports_lightly(case: Case) -> None:
    """A runner in production has no sandbox and no test tools installed."""
    if isinstance(case.subject.connector, Connector):
        module = case.connector.translate.__module__.partition(".")[0]
    else:
        module = case.connector.plugin.partition(" ")[0].partition(":")[0]
    code = f"import sys; sys.path[:] = {sys.path!r}; import {module}\n"
    code += f"print(*[name for name in {_HEAVY!r} if name in sys.modules])"
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode or done.stdout.strip():
        raise Failed(
            f"importing {module} brings {done.stdout.strip() or done.stderr.strip()[-300:]}",
            "import such things in the sandbox module alone, and register it as text",
        )

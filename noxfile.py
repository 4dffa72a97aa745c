"""Every check is a session. `python3 dev.py test` runs the default ones, `-s NAME` any other.

Sessions share the environment that uv made, so a warm run costs no installing.
"""

import json
import os
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = "none"

CODE = ["packages", "connectors", "tests", "noxfile.py", "dev.py", "conftest.py"]
ROOT = Path(__file__).parent


@nox.session
def lint(session: nox.Session) -> None:
    """Style, formatting, and which room may import which."""
    session.run("ruff", "check", *CODE)
    session.run("ruff", "format", "--check", *CODE)
    session.run("lint-imports", "--no-logo")


@nox.session
def types(session: nox.Session) -> None:
    """`mypy --strict` over everything that is shipped."""
    sources = sorted(
        str(path)
        for pattern in ("packages/*/src", "connectors/*/src")
        for path in ROOT.glob(pattern)
    )
    session.run("mypy", *sources)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests but the long ones, on four processes: many of them wait for servers."""
    session.run("pytest", "-n", "4", "--dist", "worksteal", *session.posargs)


@nox.session
def canonical(session: nox.Session) -> None:
    """The published contracts with 2,000 drawn cases an entity and every labelled change."""
    session.run(
        "pytest",
        "tests/canonical",
        "-n",
        "2",
        "--hypothesis-profile",
        "canonical",
        "--timeout",
        "1800",
        *session.posargs,
    )


@nox.session
def kills(session: nox.Session) -> None:
    """1,000 orders, 21 kills: a few minutes of `chaos` (docs/quality/reliability.md)."""
    session.run(
        "pytest",
        "tests/chaos/test_storm.py",
        "-k",
        "random_kills",
        "-s",
        *session.posargs,
        env={"CROSSDOCK_CHAOS_ORDERS": "1000", "CROSSDOCK_CHAOS_KILLS": "21"},
    )


@nox.session
def chaos(session: nox.Session) -> None:
    """The long forms of every fault; each prints its seed, CROSSDOCK_CHAOS_SEED repeats one.

    CROSSDOCK_CHAOS_MINUTES bounds the storms (docs/quality/reliability.md).
    """
    session.run("pytest", "tests/chaos", "-s", *session.posargs, env={"CROSSDOCK_CHAOS": "long"})


@nox.session
def oversell(session: nox.Session) -> None:
    """Ten channels, 50 things of 100, 500 orders a second: how much is oversold, by each way."""
    session.run(
        "pytest",
        "packages/crossdock-stages/tests/test_oversell.py",
        "packages/crossdock-stages/tests/test_allocation.py",
        "-s",
        *session.posargs,
        env={"CROSSDOCK_OVERSELL_THINGS": "50", "CROSSDOCK_ALLOCATION_EXAMPLES": "1000"},
    )


@nox.session
def reconcile_large(session: nox.Session) -> None:
    """100,000 orders and 100,000 positions in three systems, every class of difference in them."""
    session.run(
        "pytest",
        "packages/crossdock-stages/tests/test_reconcile_large.py",
        "-s",
        *session.posargs,
        env={"CROSSDOCK_RECONCILE_SIZE": "100000"},
    )


@nox.session
def silence(session: nox.Session) -> None:
    """A day of 24,000 orders: webhooks off for an hour, 1 % dropped, 1 % a day late; one cycle."""
    session.run(
        "pytest",
        "packages/crossdock-stages/tests/test_reconcile.py",
        "-k",
        "silence",
        "-s",
        "--timeout",
        "3600",
        *session.posargs,
        env={"CROSSDOCK_SILENCE_ORDERS": "24000"},
    )


@nox.session
def propagation(session: nox.Session) -> None:
    """From a landed order to less stock at three shops, the whole line at 200 orders a second."""
    session.run("pytest", "tests/e2e/propagation.py", "-s", *session.posargs)


@nox.session
def decisions(session: nox.Session) -> None:
    """Events of orders' lives decided on in a second, with the ledger on SQLite."""
    session.run("pytest", "packages/crossdock-stages/tests/decisions.py", "-s", *session.posargs)


@nox.session
def life(session: nox.Session) -> None:
    """2,000 lives of an order of 50 steps each, with crashes, repetitions and outages."""
    session.run(
        "pytest",
        "packages/crossdock-stages/tests/test_life.py",
        "--timeout",
        "7200",
        *session.posargs,
        env={"CROSSDOCK_LIFE_EXAMPLES": "2000", "CROSSDOCK_LIFE_STEPS": "50"},
    )


@nox.session
def ajv(session: nox.Session) -> None:
    """ajv, jsonschema and jsonschema-rs agree on every payload; needs node and npm, says so."""
    session.run("pytest", "tests/canonical_parity/ajv_parity.py", *session.posargs)


@nox.session
def live_odoo(session: nox.Session) -> None:
    """The Odoo connector against a real server (connectors/odoo/README.md); prints rates."""
    names = [f"CROSSDOCK_TEST_ODOO_{name}" for name in ("URL", "DB", "LOGIN", "KEY")]
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        session.error(
            f"set {', '.join(missing)}: the address of a test server such as "
            "http://127.0.0.1:8069, its database, a user's login and that user's API key. "
            "Never a production database: records are created and stay"
        )
    session.run(
        "pytest",
        "connectors/odoo/tests/live",
        "-o",
        "python_files=live_*.py",
        "--timeout",
        "900",
        *session.posargs,
    )


@nox.session
def live_vendure(session: nox.Session) -> None:
    """A real storefront sells through the line; needs node 20 and npm (docs/quality/vendure.md).

    Vendure is GPL-3.0 and runs as a peer in a process of its own, installed in var/vendure.
    """
    peer, home = ROOT / "tests" / "live_vendure" / "peer", ROOT / "var" / "vendure"
    home.mkdir(parents=True, exist_ok=True)
    wanted = (peer / "package.json").read_text()
    installed = home / "node_modules" / ".crossdock-installed"
    for file in peer.iterdir():
        (home / file.name).write_text(file.read_text())
    if not installed.is_file() or installed.read_text() != wanted:
        session.run(
            "npm", "install", "--no-audit", "--no-fund", "--prefix", str(home), external=True
        )
        installed.write_text(wanted)
    session.run(
        "pytest",
        "tests/live_vendure",
        "-o",
        "python_files=live_*.py",
        "--import-mode",
        "prepend",
        *session.posargs,
    )


@nox.session
def pins(session: nox.Session) -> None:
    """Resolve anew and write the versions, without addresses, to constraints.txt and pyproject."""
    session.run("uv", "lock", "--upgrade", external=True)
    text = session.run(
        "uv",
        "export",
        "--quiet",
        "--no-hashes",
        "--no-emit-workspace",
        "--all-groups",
        "--all-extras",
        "--no-annotate",
        "--no-header",
        silent=True,
        external=True,
    )
    lines = [line for line in str(text).splitlines() if "==" in line]
    (ROOT / "constraints.txt").write_text("\n".join(lines) + "\n")
    quoted = "".join(f"    {json.dumps(line)},\n" for line in lines)
    project = ROOT / "pyproject.toml"
    text = project.read_text()
    start = text.index("constraint-dependencies = [")
    end = text.index("[tool.uv.workspace]")
    project.write_text(f"{text[:start]}constraint-dependencies = [\n{quoted}]\n\n{text[end:]}")


@nox.session
def peers(session: nox.Session) -> None:
    """What `crossdock bench --only batch` measures beside us, each in var/peers/<name>."""
    for name in ("singer-sdk", "airbyte-cdk", "dlt"):
        venv = ROOT / "var" / "peers" / name.partition("-")[0]
        session.run("uv", "venv", "--quiet", "--clear", str(venv), external=True)
        python = str(venv / "bin" / "python")
        session.run(
            "uv",
            "pip",
            "install",
            "--no-config",
            "--quiet",
            "--python",
            python,
            name,
            external=True,
        )


@nox.session
def template(session: nox.Session) -> None:
    """Every combination of the connector template's answers passes the whole kit; takes long."""
    session.run(
        "pytest",
        "tests/template/all_templates.py",
        "-n",
        "2",
        "--timeout",
        "1800",
        *session.posargs,
        env={"PYTHONPATH": "tests/template"},
    )

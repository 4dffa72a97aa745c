"""The `crossdock` command. Nothing heavy is imported before a command runs, so `--help` is quick.

Exit codes: 0 done, 1 the thing examined is not good, 2 used wrongly. With `--json` one JSON
document goes to stdout and nothing else; messages go to stderr.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from crossdock_runner.options import AsJson, DeploymentFile, DeploymentOption, Role
from crossdock_runner.schemas import app as schema_app

app = typer.Typer(
    name="crossdock",
    help="Commerce messages between storefronts, marketplaces, tills, warehouses and ERPs.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(schema_app, name="schema")
new_app = typer.Typer(help="Make something new from a template.", no_args_is_help=True)
app.add_typer(new_app, name="new")


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"crossdock {version('crossdock-runner')}")
        raise typer.Exit


@app.callback()
def crossdock(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Tell it and end."),
    ] = False,
) -> None:
    """Commerce messages between storefronts, marketplaces, tills, warehouses and ERPs."""


@new_app.command("connector")
def new_connector(
    name: Annotated[str, typer.Argument(help="As in `connector: acme-pos`.")],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where its folder is made.")] = Path(),
    kind: Annotated[
        str | None,
        typer.Option(help="storefront, marketplace, pos, wms, carrier, payment or other."),
    ] = None,
    auth: Annotated[
        str | None, typer.Option(help="bearer, api-key, basic, oauth2 or hmac.")
    ] = None,
    news: Annotated[str | None, typer.Option(help="polling, webhooks or both.")] = None,
    title: Annotated[
        str | None, typer.Option(help="The vendor's own spelling, as in EasyPost.")
    ] = None,
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Ask nothing; take the first of each list.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a connector package whose sandbox starts and whose conformance tests pass."""
    from crossdock_runner.creating import new_connector as make

    raise typer.Exit(
        make(
            name,
            output=output,
            kind=kind,
            authentication=auth,
            news=news,
            no_input=no_input,
            title=title,
            as_json=as_json,
        )
    )


@app.command()
def demo(
    orders: Annotated[int, typer.Option(min=1, max=100_000, help="How many to sell.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed sells the same orders.")] = 1,
    state: Annotated[
        Path | None,
        typer.Option(help="Keep ledger, bus and logs in this folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a shop and an ERP in sandboxes with Crossdock between, and prove that nothing is lost."""
    from crossdock_runner.demo import run_demo

    raise typer.Exit(run_demo(orders, seed=seed, state=state, as_json=as_json))


@app.command()
def run(
    file: DeploymentFile = Path("deployment.yaml"),
    only: Annotated[
        Role | None, typer.Option(help="This part of it; the others are processes of their own.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Listen here instead of at the file's gateway.port."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell more.")] = False,
) -> None:
    """Run a deployment until SIGTERM or Ctrl-C."""
    from crossdock_runner.run import run_deployment

    raise typer.Exit(run_deployment(file, only=only, port=port, verbose=verbose))


@app.command()
def check(
    file: DeploymentFile = Path("deployment.yaml"),
    live: Annotated[
        bool, typer.Option("--live", help="Also ask every connection whether it is there.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Validate a deployment; every fault at once, with line, value, what is allowed."""
    from crossdock_runner.checking import check_deployment

    raise typer.Exit(check_deployment(file, live=live, as_json=as_json))


@app.command()
def domains(file: DeploymentFile = Path("deployment.yaml"), as_json: AsJson = False) -> None:
    """Show who owns what, who is told, and how soon they really knew."""
    from crossdock_runner.governing import show_domains

    raise typer.Exit(show_domains(file, as_json=as_json))


@app.command()
def translate(
    connector: Annotated[str, typer.Argument(help="Its name, as in `crossdock connectors`.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A raw payload; - reads stdin.")],
    topic: Annotated[str, typer.Option(help="The vendor's word for what it is.")] = "",
    header: Annotated[
        list[str] | None, typer.Option(help="A header it came with, as Name=Value; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a vendor's payload means in canonical events, offline."""
    from crossdock_runner.translating import translate_file

    raise typer.Exit(
        translate_file(connector, file, topic=topic, headers=header or [], as_json=as_json)
    )


@app.command()
def validate(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="Files or folders; - reads stdin.")
    ],
    name: Annotated[
        str | None,
        typer.Option("--as", help="The contract: order, order/v1, an event type, an address."),
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A JSON Schema of your own instead.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="producer (closed, the default) or consumer (open).")
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", help="json, jsonl (a document a line), or auto.")
    ] = "auto",
    as_json: AsJson = False,
) -> None:
    """Validate payloads against the published contracts; every fault with its JSON pointer."""
    from crossdock_runner.validating import validate_files

    raise typer.Exit(
        validate_files(
            files,
            name=name,
            schema=schema,
            profile=profile,
            format_=format_,
            as_json=as_json,
        )
    )


@app.command()
def connectors(as_json: AsJson = False) -> None:
    """List what is installed and what it can do."""
    from crossdock_runner.listing import list_connectors

    raise typer.Exit(list_connectors(as_json=as_json))


@app.command()
def drift(
    file: DeploymentOption = Path("deployment.yaml"),
    connection: Annotated[str | None, typer.Option(help="Only what this connection said.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only this topic.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Fields seen first at or after this time; a week ago.")
    ] = None,
    payloads: Annotated[
        bool, typer.Option("--payloads", help="Read every payload kept, and count; slower.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell which fields the vendors began to send, with a sample of each. News, not a failure."""
    from crossdock_runner.drifting import drift_of

    raise typer.Exit(
        drift_of(
            file,
            connection=connection,
            topic=topic,
            since=since,
            payloads=payloads,
            as_json=as_json,
        )
    )


@app.command()
def trace(
    reference: Annotated[
        str, typer.Argument(help="Any id: order number, canonical, native, event, delivery.")
    ],
    file: Annotated[Path, typer.Option("--deployment", "-d", help="The deployment.yaml.")] = Path(
        "deployment.yaml"
    ),
    as_json: AsJson = False,
) -> None:
    """Tell the whole journey of one order, and why it waits if it does."""
    from crossdock_runner.tracing import trace_reference

    raise typer.Exit(trace_reference(reference, file, as_json=as_json))


@app.command()
def status(file: DeploymentOption = Path("deployment.yaml"), as_json: AsJson = False) -> None:
    """Tell where everything accepted is, and which connection waits for what."""
    from crossdock_runner.statusing import show_status

    raise typer.Exit(show_status(file, as_json=as_json))


@app.command()
def bench(
    only: Annotated[
        list[str] | None, typer.Option(help="Measure this row alone; repeatable.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, max=50, help="How often each case is measured.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small and rough, one round.")] = False,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw the ratios as SVG.")
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the tables between this page's marks."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure every stage beside a yardstick in the same run: rates, ratios, memory."""
    from crossdock_runner.bench.command import run_bench

    raise typer.Exit(
        run_bench(
            only=only or [], rounds=rounds, quick=quick, chart=chart, page=page, as_json=as_json
        )
    )


Action = Annotated[str, typer.Argument(help="list, show, retry, resolve or assign.")]
CaseIds = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Which cases.")]
OfState = Annotated[str, typer.Option(help="list, show: open, resolved or all.")]
Everything = Annotated[bool, typer.Option("--all", help="All that are open and fit the filters.")]
OfConnection = Annotated[str | None, typer.Option(help="Only cases of this connection.")]
Reason = Annotated[str, typer.Option(help="Why it is resolved; kept with it.")]


@app.command()
def exceptions(
    action: Action = "list",
    ids: CaseIds = None,
    file: DeploymentOption = Path("deployment.yaml"),
    everything: Everything = False,
    connection: OfConnection = None,
    code: Annotated[str | None, typer.Option(help="Only cases with this code.")] = None,
    reason: Reason = "",
    owner: Annotated[
        str, typer.Option(help="assign: whose case it shall be; else: only cases of this person.")
    ] = "",
    severity: Annotated[str, typer.Option(help="Only critical, error, warning or info.")] = "",
    state: OfState = "open",
    as_json: AsJson = False,
) -> None:
    """Work the exception desk: list, show, assign, retry, resolve."""
    from crossdock_runner.desk import work_desk

    raise typer.Exit(
        work_desk(
            "exceptions",
            action,
            ids or [],
            file,
            everything=everything,
            connection=connection,
            code=code,
            reason=reason,
            owner=owner,
            severity=severity,
            state=state,
            as_json=as_json,
        )
    )


@app.command()
def dead(
    action: Action = "list",
    ids: CaseIds = None,
    file: DeploymentOption = Path("deployment.yaml"),
    everything: Everything = False,
    connection: OfConnection = None,
    reason: Reason = "",
    state: OfState = "open",
    as_json: AsJson = False,
) -> None:
    """Work the dead letters: list, show, retry (after a mapping was mended), resolve."""
    from crossdock_runner.desk import work_desk

    raise typer.Exit(
        work_desk(
            "dead",
            action,
            ids or [],
            file,
            everything=everything,
            connection=connection,
            code=None,
            reason=reason,
            owner="",
            severity="",
            state=state,
            as_json=as_json,
        )
    )


@app.command()
def replay(
    reference: Annotated[
        str | None, typer.Argument(help="Any id: order number, landing id, native id …")
    ] = None,
    file: DeploymentOption = Path("deployment.yaml"),
    connection: Annotated[str | None, typer.Option(help="What this connection said.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only this topic.")] = None,
    since: Annotated[str | None, typer.Option(help="Landed at or after this time (UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="Landed before this time (UTC).")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Really tell it again.")] = False,
    as_json: AsJson = False,
) -> None:
    """See what today's mapping makes of yesterday's payloads; with --apply, tell them again."""
    from crossdock_runner.replaying import replay_selection

    raise typer.Exit(
        replay_selection(
            reference,
            file,
            connection=connection,
            topic=topic,
            since=since,
            until=until,
            apply=apply,
            as_json=as_json,
        )
    )


@app.command()
def reconcile(
    domains: Annotated[
        list[str] | None, typer.Argument(metavar="[DOMAIN]...", help="Which; else all that can.")
    ] = None,
    file: DeploymentOption = Path("deployment.yaml"),
    since: Annotated[
        str, typer.Option(help="How far back orders and shipments are compared: 2h, 7d.")
    ] = "7d",
    apply: Annotated[bool, typer.Option("--apply", help="Make the repairs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare what systems hold with what the ledger knows; show causes and the repair plan."""
    from crossdock_runner.reconciling import reconcile as compare

    raise typer.Exit(compare(domains or [], file, since=since, do=apply, as_json=as_json))


def main() -> None:
    """The console script: our own errors become one message and exit code 1."""
    try:
        app()
    except Exception as error:
        from crossdock.errors import CrossdockError

        if not isinstance(error, CrossdockError):
            raise
        if "--json" in sys.argv:
            from crossdock_runner.output import print_json

            print_json({"error": error.message, "code": error.code})
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()

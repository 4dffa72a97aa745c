"""`crossdock schema`: the published contracts. list, show, export, diff."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from crossdock_runner.options import AsJson
from crossdock_runner.outlining import outline
from crossdock_runner.output import complain, print_json, say

app = typer.Typer(
    help="The published contracts: list, show, export, diff.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
ProfileOption = Annotated[
    str, typer.Option("--profile", help="producer (closed) or consumer (open).")
]


@app.command("list")
def list_schemas(as_json: AsJson = False) -> None:
    """List every entity with its version, its events and where its schema lies."""
    from crossdock import schemas
    from crossdock.publish import events_of

    rows = [
        {
            "kind": model.kind,
            "version": schemas.version(model),
            "id": schemas.schema_id(model.kind, model.major),
            "title": schemas.title(model),
            "events": [event.type for event in events_of(model.kind)]
            if model.major == schemas.model_named(model.kind).major
            else [],
        }
        for model in schemas.models()
    ]
    if as_json:
        print_json({"schemas": rows})
        return
    for row in rows:
        facts = ", ".join(name.split(".")[2] for name in row["events"]) or "earlier version"
        say(f"{row['kind']:<20} {row['version']:<5} {facts}")
    say(f"{len(rows)} schemas, {sum(len(row['events']) for row in rows)} events")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="order, order/v1 or crossdock.order.placed.v1")],
    profile: ProfileOption = "producer",
    short: Annotated[
        bool, typer.Option("--short", help="A line for each field instead of the JSON Schema.")
    ] = False,
) -> None:
    """Print one schema."""
    from crossdock import publish, schemas

    if profile not in schemas.PROFILES:
        complain(f"there is no profile {profile!r}; write producer or consumer")
        raise typer.Exit(2)
    side: schemas.Profile = "producer" if profile == "producer" else "consumer"
    schema = publish.with_examples(schemas.model_named(name), side)
    if short:
        say("\n".join(outline(schema)))
    else:
        print_json(schema)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where to write; files of ours are replaced.")],
    reference: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the HTML reference here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write schemas, examples, AsyncAPI and index into a folder; stale files are removed."""
    from crossdock import publish

    documents = publish.documents()
    stale = [
        path
        for path in folder.glob("*/v*/**/*")
        if path.is_file() and str(path.relative_to(folder).as_posix()) not in documents
    ]
    for path in stale:
        path.unlink()
    for name, text in documents.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    if reference is not None:
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(publish.reference(), encoding="utf-8")
    if as_json:
        print_json({"written": len(documents), "removed": len(stale)})
    else:
        say(f"{len(documents)} files written, {len(stale)} removed")


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="A schema file, or a folder as `export` makes it.")],
    new: Annotated[Path, typer.Argument(help="The same, newer.")],
    profile: Annotated[
        str | None, typer.Option(help="producer or consumer; default: as the schema says.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether NEW may follow OLD without a new major version, and why. Exit 1: it may not."""
    from crossdock import compat

    if profile not in {None, "producer", "consumer"}:
        complain(f"there is no profile {profile!r}; write producer or consumer")
        raise typer.Exit(2)
    findings: list[dict[str, Any]] = []
    for name, before, after in _pairs(old, new):
        if before is None:
            continue
        if after is None:
            findings.append(compat.removed_schema(name).as_json() | {"schema": name})
            continue
        side = profile or before.get("x-profile", "producer")
        findings += [
            finding.as_json() | {"schema": name} for finding in compat.diff(before, after, side)
        ]
    verdict = compat.overall([finding["verdict"] for finding in findings])
    if as_json:
        print_json({"verdict": verdict, "findings": findings})
    else:
        for finding in findings:
            say(
                f"{finding['verdict']:<10} {finding['schema']}{finding['pointer']}  "
                f"{finding['rule']}: {finding['reason']}"
            )
        say(verdict if findings else "equal")
    raise typer.Exit(0 if verdict == "compatible" else 1)


def _pairs(old: Path, new: Path) -> list[tuple[str, Any, Any]]:
    if old.is_file() and new.is_file():
        return [(old.name, _read(old), _read(new))]
    names = {
        path.relative_to(folder).as_posix()
        for folder in (old, new)
        for path in folder.glob("*/v*/schema*.json")
    }
    return [(name, _read(old / name), _read(new / name)) for name in sorted(names)]


def _read(path: Path) -> Any:
    if not path.exists():
        return None
    from crossdock import jsontext

    value = jsontext.parse(path.read_bytes(), what=str(path))
    if not isinstance(value, dict):
        complain(f"{path} is no JSON Schema: it holds {json.dumps(value)[:40]}")
        raise typer.Exit(2)
    return value

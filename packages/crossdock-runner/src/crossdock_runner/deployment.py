"""deployment.yaml as frozen models; every fault at once, each with its place and its remedy."""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from crossdock import plugins
from crossdock.connector import Config, Connector
from crossdock.errors import ConfigError
from crossdock.jsontext import shorten
from crossdock_stages.rules import Rules
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crossdock_runner import domains, governance, yamltext
from crossdock_runner.domains import CountryCode, DomainsConfig, LocationConfig, Name, Word
from crossdock_runner.yamltext import Document, Fault


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class BusConfig(_Part):
    """Where the messages travel."""

    url: str = "embedded"
    """`embedded` starts a nats-server of our own; else `nats://host:4222`, several by commas."""
    credentials: str | None = None
    """Path of a NATS credentials file."""
    store: str = "var/nats"
    """Folder of the embedded server, relative to this file."""
    lanes: int = Field(default=4, ge=1, le=12)
    """Ordered lanes for each stage. Changing it needs a drained bus."""
    replicas: Literal[1, 3, 5] = 1
    """Copies of each stream; 3 needs a cluster."""


class LedgerConfig(_Part):
    """Where the truth is kept."""

    url: str = "sqlite:///var/ledger.db"
    """`sqlite:///path` relative to this file, or `postgresql://…`."""


class GatewayConfig(_Part):
    """Where webhooks arrive: at /hooks/<connection>."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str | None = None
    """The address that vendors use, where a proxy stands in front; for signatures that cover it."""
    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    """A larger request is answered 413."""


class _File(_Part):
    crossdock: Literal[1]
    environment: Name = "default"
    bus: BusConfig = BusConfig()
    ledger: LedgerConfig = LedgerConfig()
    gateway: GatewayConfig = GatewayConfig()
    connections: Mapping[Name, Mapping[str, Any]]
    regions: Mapping[Name, tuple[CountryCode, ...]] = Field(default_factory=dict)
    """Region to its countries, ISO 3166-1 alpha-2."""
    locations: Mapping[Word, LocationConfig] = Field(default_factory=dict)
    """Where goods lie, in the order in which they are tried for shipping."""
    domains: DomainsConfig = DomainsConfig()


@dataclass(frozen=True, kw_only=True)
class ConnectionSetup:
    """One connection: its connector and its checked configuration."""

    name: str
    connector: Connector
    config: Config
    poll_every_s: float
    """How long to pause between two polls."""


class _Common(_Part):
    """The keys of every connection, whatever its connector."""

    connector: str
    poll_every_s: float | None = Field(default=None, ge=0.2, le=86_400)


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A file that can be run."""

    path: Path
    environment: str
    bus: BusConfig
    ledger_url: str
    bus_store: Path
    gateway: GatewayConfig
    connections: Mapping[str, ConnectionSetup]
    rules: Rules


class DeploymentError(ConfigError):
    """The file cannot be run; `faults` has every reason, the message one line for each."""

    def __init__(self, path: Path, faults: Iterable[Fault]) -> None:
        self.path = path
        self.faults = sorted(
            faults, key=lambda f: (f.mark.line if f.mark else 0, f.mark.column if f.mark else 0)
        )
        lines = []
        for fault in self.faults:
            place = f":{fault.mark.line}:{fault.mark.column}" if fault.mark else ""
            key = f"{fault.key}: " if fault.path else ""
            lines.append(f"{path}{place}: {key}{fault.message}")
        super().__init__("\n".join(lines))


def load(path: Path) -> Deployment:
    """Read, check and resolve. DeploymentError lists all faults at once."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DeploymentError(path, [Fault((), f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise DeploymentError(path, [Fault((), "is not UTF-8")]) from error
    document = yamltext.read(text)
    faults = list(document.faults)
    if document.value is None or not isinstance(document.value, dict):
        if not faults:
            faults.append(Fault((), "must be a mapping that begins with `crossdock: 1`"))
        raise DeploymentError(path, faults)
    value = _resolve(document.value, (), document, faults, path.parent)
    file = _file(value, document, faults)
    setups = _connections(value.get("connections"), document, faults)
    if file is not None:
        faults += _url_faults(file, document)
        faults += _domain_faults(file, value, setups, document)
    if faults or file is None:
        raise DeploymentError(path, faults)
    governed = domains.governed(file.domains)
    installed = set(plugins.installed_checks())
    orders = governed.get("orders")
    wanted = orders.all_checks & installed if orders else frozenset()
    return Deployment(
        path=path,
        environment=file.environment,
        bus=file.bus,
        ledger_url=_beside(path, file.ledger.url),
        bus_store=(path.parent / file.bus.store).absolute(),
        gateway=file.gateway,
        connections=setups,
        rules=Rules(
            domains=governed,
            handles={name: setup.connector.handles for name, setup in setups.items()},
            production=file.environment == "production",
            regions=file.regions,
            places=domains.places(file.locations),
            checks=plugins.load_checks(wanted),
            theirs=their_places(setups),
        ),
    )


def their_places(setups: Mapping[str, ConnectionSetup]) -> dict[str, dict[str, str]]:
    """Connection to its own names of our places, where its configuration has `locations`."""
    out: dict[str, dict[str, str]] = {}
    for name, setup in setups.items():
        written = getattr(setup.config, "locations", None)
        if isinstance(written, Mapping):
            out[name] = {str(own): str(ours) for ours, own in written.items() if own != ours}
            # an id may be written as an address of which the last part is the number
            out[name] |= {own.rpartition("/")[2]: ours for own, ours in out[name].items()}
    return {name: places for name, places in out.items() if places}


_URLS = {
    "bus": (r"(embedded|((nats|tls)://[^,\s]+)(,(nats|tls)://[^,\s]+)*)", "embedded, nats://…"),
    "ledger": (r"(sqlite:///.+|postgres(ql)?://.+)", "sqlite:///…, postgresql://…"),
}


def _url_faults(file: _File, document: Document) -> list[Fault]:
    """Addresses that nothing here can open. They may hold a password, so none is shown."""
    faults = []
    for part, url in (("bus", file.bus.url), ("ledger", file.ledger.url)):
        pattern, allowed = _URLS[part]
        if not re.fullmatch(pattern, url):
            path: yamltext.Path = (part, "url")
            faults.append(
                Fault(path, f"is no such address; allowed: {allowed}", document.mark(path))
            )
    return faults


def _beside(path: Path, url: str) -> str:
    """A relative SQLite path is relative to the file that names it."""
    if not url.startswith("sqlite:///"):
        return url
    return f"sqlite:///{(path.parent / url.removeprefix('sqlite:///')).absolute()}"


_SECRET = re.compile(r"\$\{secret:(env|file)/([^}]+)\}")


def _resolve(
    value: Any, path: yamltext.Path, document: Document, faults: list[Fault], folder: Path
) -> Any:
    """Put secrets where `${secret:env/NAME}` or `${secret:file/PATH}` stands."""
    if isinstance(value, dict):
        return {
            key: _resolve(item, (*path, key), document, faults, folder)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [
            _resolve(item, (*path, i), document, faults, folder) for i, item in enumerate(value)
        ]
    if not isinstance(value, str) or "${" not in value:
        return value

    def put(match: re.Match[str]) -> str:
        kind, name = match.groups()
        if kind == "env":
            found = os.environ.get(name)
            problem = f"the environment variable {name} is not set"
        else:
            found = _content(folder / name)
            problem = f"there is no readable text file {name} beside the deployment"
        if found is None:
            faults.append(Fault(path, problem, document.mark(path)))
        return found or ""

    resolved = _SECRET.sub(put, value)
    rest = _SECRET.sub("", value)
    if "${" in rest:
        wrong = re.sub(r"^.*?(\$\{[^}]{0,40}\}?).*$", r"\1", rest, flags=re.DOTALL)
        message = f"{wrong!r} is no reference: write ${{secret:env/NAME}} or ${{secret:file/PATH}}"
        faults.append(Fault(path, message, document.mark(path)))
    return resolved


def _content(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None


def _file(value: dict[str, Any], document: Document, faults: list[Fault]) -> _File | None:
    try:
        return _File.model_validate(value)
    except ValidationError as error:
        faults += [_fault(item, (), document, _File) for item in error.errors()]
        return None


def _connections(value: Any, document: Document, faults: list[Fault]) -> dict[str, ConnectionSetup]:
    setups: dict[str, ConnectionSetup] = {}
    if not isinstance(value, dict):
        return setups
    for name, body in value.items():
        path: yamltext.Path = ("connections", name)
        if not isinstance(body, dict):
            continue
        wanted = body.get("connector")
        if not isinstance(wanted, str):
            known = ", ".join(sorted(plugins.installed()))
            message = f"name its connector, as in `connector: shopify`; installed: {known}"
            faults.append(Fault(path, message, document.mark(path)))
            continue
        try:
            connector = plugins.load([wanted])[wanted]
        except ConfigError as error:
            at: yamltext.Path = (*path, "connector")
            faults.append(Fault(at, str(error), document.mark(at)))
            continue
        common = {key: item for key, item in body.items() if key in _Common.model_fields}
        settings = {key: item for key, item in body.items() if key not in common}
        every_s = connector.poll_every_s
        try:
            every_s = _Common.model_validate(common).poll_every_s or every_s
        except ValidationError as error:
            faults += [_fault(item, path, document, _Common) for item in error.errors()]
        try:
            config = connector.config.model_validate(settings)
        except ValidationError as error:
            faults += [_fault(item, path, document, connector.config) for item in error.errors()]
            continue
        setups[name] = ConnectionSetup(
            name=name, connector=connector, config=config, poll_every_s=every_s
        )
    return setups


def _fault(item: Any, prefix: yamltext.Path, document: Document, model: type[BaseModel]) -> Fault:
    """One of pydantic's findings with what is allowed and the nearest right word."""
    location = tuple(part for part in item["loc"] if part != "[key]")
    path: yamltext.Path = (*prefix, *location)
    kind, found = item["type"], item.get("input")
    shown = _shown(found, path, document, model, location)
    fields = _fields_at(model, location[:-1])
    if kind == "extra_forbidden":
        message = f"there is no such key; allowed: {', '.join(sorted(fields))}"
        near = difflib.get_close_matches(str(location[-1]), fields, n=1)
        if near:
            message += f"; did you mean {near[0]!r}?"
    elif kind == "missing":
        message = "is missing"
        what = _fields_at(model, location[:-1], docs=True).get(str(location[-1]))
        if what:
            message += f": {what}"
    elif kind == "literal_error":
        expected = item["ctx"]["expected"]
        message = f"{shown} is not allowed; allowed: {expected}"
    elif kind == "string_pattern_mismatch":
        message = f"{shown} must match {item['ctx']['pattern']}"
    else:
        message = (
            item["msg"] if isinstance(found, (dict, list)) else f"{item['msg']}; found {shown}"
        )
    return Fault(path, message, document.mark(path))


def _shown(
    found: Any, path: yamltext.Path, document: Document, model: type[BaseModel], location: Any
) -> str:
    """A value as a message may show it: never a secret, nor what one was put into."""
    written = document.value
    for part in path:
        try:
            written = written[part]
        except (LookupError, TypeError):
            break
    current: Any = model
    for part in location:
        field = getattr(current, "model_fields", {}).get(str(part))
        if field is None:
            break
        current = _model_in(field.annotation) or field.annotation
    words = ("secret", "token", "key", "password", "credential")
    named = any(word in str(part).lower() for part in path[-1:] for word in words)
    put_in = "${" in str(written) or "@" in str(found)
    if named or put_in or "Secret" in repr(current):
        return "a value that is not shown"
    return shorten(found)


def _fields_at(
    model: type[BaseModel], location: tuple[Any, ...], *, docs: bool = False
) -> dict[str, str]:
    """The keys a model allows at a place inside it, with their descriptions."""
    current: Any = model
    for part in location:
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            return {}
        field = current.model_fields.get(str(part))
        if field is None:
            continue  # a position in a list, or a name of the integrator's in a mapping
        current = _model_in(field.annotation)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return {
            name: (field.description or "") if docs else name
            for name, field in current.model_fields.items()
        }
    return {}


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _model_in(part)
        if found is not None:
            return found
    return None


def _domain_faults(
    file: _File, value: dict[str, Any], setups: Mapping[str, ConnectionSetup], document: Document
) -> list[Fault]:
    """What `domains` finds in the table, each at its place in the file."""
    written = value.get("connections")
    names = sorted(written) if isinstance(written, dict) else []
    connectors = {name: setup.connector for name, setup in setups.items()}
    table = governance.Table(
        file.domains,
        names,
        connectors,
        file.regions,
        file.locations,
        set(plugins.installed_checks()),
    )
    return [Fault(path, message, document.mark(path)) for path, message in table.findings()]

"""A connector of a fake vendor, installed for the tests only, and deployments that name it."""

import contextlib
import io
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from crossdock_runner import cli

SOURCE = '''
"""A fake vendor: a shop that sends webhooks, an ERP that takes orders."""
import hashlib, hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Literal
from pydantic import Field, SecretStr
import crossdock
from crossdock import jsontext
from crossdock.canonical import Money, Order, OrderLine, Totals

class ShopConfig(crossdock.Config):
    secret: SecretStr = Field(min_length=4)
    """Signs the webhooks."""
    pin: SecretStr | None = Field(default=None, min_length=4)
    region: Literal["eu", "us"] = "eu"
    page_size: int = Field(default=50, ge=1, le=100)
    domain: str = Field(default="acme.example", pattern="^[a-z.]+$")

class ErpConfig(crossdock.Config):
    url: str = ""

class Shop:
    def __init__(self, config):
        self.secret = config.secret.get_secret_value().encode()

    def receive(self, request):
        mark = hmac.new(self.secret, request.body, hashlib.sha256).hexdigest()
        given = request.headers.get("x-mark", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(mark.encode(), given):
            raise crossdock.AuthError("the signature is wrong")
        body = jsontext.parse(request.body)
        if not isinstance(body, dict):
            raise crossdock.ContractError("not an order", pointer="/")
        return crossdock.Raw("order", data=request.body, key=str(body.get("id", "")),
                             delivery_id=request.headers.get("x-delivery", ""),
                             headers=request.headers)

    async def probe(self):
        return crossdock.Health(version="1")

class Erp:
    def __init__(self, config):
        self.config = config

    async def apply(self, command):
        return crossdock.Receipt(native_id="S1")

    async def find(self, command):
        return None

    async def probe(self):
        if self.config.url == "away":
            raise crossdock.UnavailableError("the ERP is away")
        return crossdock.Health(version="1")

@asynccontextmanager
async def open_shop(config: ShopConfig, context: crossdock.Context) -> AsyncIterator[Shop]:
    yield Shop(config)

@asynccontextmanager
async def open_erp(config: ErpConfig, context: crossdock.Context) -> AsyncIterator[Erp]:
    yield Erp(config)

def translate(raw):
    body = raw.body
    if raw.topic == "ping":
        raise crossdock.Ignore("a ping says nothing")
    if raw.topic == "bug":
        return [raw.nothing_of_the_kind]
    if not isinstance(body, dict) or "id" not in body:
        raise crossdock.ContractError("an order needs an id", pointer="/id")
    price = Money(amount="1.00", currency="EUR")
    line = OrderLine(line_id="1", ordered=1, unit_price=price)
    data = Order(number=f"#{body['id']}", placed_at=datetime(2026, 1, 1, tzinfo=UTC),
                 currency="EUR", lines=(line,), totals=Totals(total=price), note=body.get("note"))
    yield crossdock.Event(type="order.placed", data=data, native_id=str(body["id"]), revision=1)

@crossdock.hookimpl
def register_connectors(register):
    register("acme-shop", config=ShopConfig, open=open_shop, translate=translate, title="Acme")
    register("acme-erp", config=ErpConfig, open=open_erp, translate=translate,
             handles=("order.create", "order.cancel"))
'''

GOOD = """
crossdock: 1
environment: test
gateway: {port: 0, max_body_bytes: 65536}
connections:
  web: {connector: acme-shop, secret: "${secret:env/ACME_SECRET}"}
  erp: {connector: acme-erp}
domains:
  orders: {capture: [web], execute: erp}
"""


@pytest.fixture(scope="session", autouse=True)
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The distribution `crossdock-acme`, as pip would have installed it."""
    home = tmp_path_factory.mktemp("site")
    (home / "crossdock_acme.py").write_text(textwrap.dedent(SOURCE))
    info = home / "crossdock_acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: crossdock-acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[crossdock]\nacme-shop = crossdock_acme\nacme-erp = crossdock_acme\n"
    )
    sys.path.insert(0, str(home))
    os.environ["ACME_SECRET"] = "hush-hush"
    yield home
    sys.path.remove(str(home))
    del os.environ["ACME_SECRET"]


Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(text: str) -> Path:
        path = tmp_path / "deployment.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return make


@pytest.fixture
def good(write: Write) -> Path:
    return write(GOOD)


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command as a person runs it, within this process, for starting Python costs a second."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, stdin: str = "") -> Done:
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "argv", ["crossdock", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                cli.main()
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
        return Done(code, out.getvalue(), err.getvalue())

    return call

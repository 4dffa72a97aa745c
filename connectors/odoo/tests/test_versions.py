"""Which Odoo it is, what it calls things, and what people are told about it."""

import json
from pathlib import Path
from typing import Any

import crossdock
import pytest
from crossdock_odoo.sandbox import OdooSandbox
from crossdock_odoo.versions import FIELDS, SEEN, Fields, parse_version

RECORDED = {17: "17.0/jsonrpc", 18: "18.0/jsonrpc", 19: "19.0/json-2"}
NAMED = {
    17: ["tax_id", "detailed_type", "price_include"],
    18: ["tax_id", "is_storable", "price_include_override"],
    19: ["tax_ids", "is_storable", "price_include_override"],
}


@pytest.mark.parametrize(
    ("told", "major"),
    [([19, 0, 0, "final", 0, ""], 19), (["saas~18", 1], 18), ([17], 17), (["20", 0], 20)],
)
def test_the_major_version_of_what_servers_say(told: Any, major: int) -> None:
    assert parse_version(told, "erp").major == major


@pytest.mark.parametrize("told", [[16, 0], ["saas~15", 2], [14], ["what"]])
def test_older_ones_are_refused_in_words(told: Any) -> None:
    with pytest.raises(crossdock.ConfigError, match="speaks 17 and later"):
        parse_version(told, "erp")


@pytest.mark.parametrize("told", [None, [], "19.0"])
def test_no_version_at_all(told: Any) -> None:
    with pytest.raises(crossdock.ContractError, match="no version"):
        parse_version(told, "erp")


def test_people_are_told_of_sunsets_and_of_what_was_never_tried() -> None:
    notes = {major: " ".join(parse_version([major], "erp").notes()) for major in (18, 19, 20)}
    assert "speaks /jsonrpc" in notes[18]
    assert "Odoo 22 (fall 2028" in notes[18]
    assert "Odoo 20 (fall 2026" in notes[18]
    assert "speaks JSON-2" in notes[19]
    assert "never been tried" not in notes[19]
    assert "never been tried with Odoo 20" in notes[20]


@pytest.mark.parametrize("major", SEEN)
async def test_names_are_those_that_the_server_of_that_version_recorded(major: int) -> None:
    """Answered from the recorded `fields_get`, flow 02."""
    folder = Path(__file__).parent / "recordings" / RECORDED[major] / "02-fields"

    async def ask(model: str, names: list[str]) -> dict[str, Any]:
        (path,) = folder.glob(f"*-{model.replace('.', '-')}.json")
        body = json.loads(path.read_text())["response"]["body"]
        told = body.get("result", body) if "jsonrpc" in body else body
        return {name: told[name] for name in names if name in told}

    fields = Fields(ask)
    asked = [("sale.order.line", "tax_ids"), ("product.product", "is_storable")]
    asked.append(("account.tax", "price_include_override"))
    assert [await fields.name(*wish) for wish in asked] == NAMED[major]
    assert {name[0] for name in FIELDS} >= {model for model, _ in asked}
    with_uuid = await fields.having("pos.order", ["uuid"])
    assert bool(with_uuid) == (major >= 18)


async def test_a_field_that_is_not_there_is_named() -> None:
    async def ask(model: str, names: list[str]) -> dict[str, Any]:
        return {}

    with pytest.raises(crossdock.RejectedError, match=r"tax_ids or tax_id.*Install") as caught:
        await Fields(ask).name("sale.order.line", "tax_ids")
    assert caught.value.reason == "no_field"


async def test_check_live_shows_version_and_sunset(box: OdooSandbox, connect: Any) -> None:
    async with connect(box) as odoo:
        health = await odoo.probe()
    assert health.version == f"Odoo {box.version}.0"
    assert any("fall 2028" in note for note in health.notes)

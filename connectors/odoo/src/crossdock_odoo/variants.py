"""Options of a product as Odoo's attributes: one template, one variant for each combination.

New attributes are created as `dynamic`, so that Odoo makes only those variants that the catalogue
has; an attribute of the merchant's that makes all combinations (`always`) is used as it is, and the
combinations that nobody sells are archived. Source: product.attribute.create_variant, 17 to 19.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import crossdock
from crossdock.canonical import Variant
from crossdock.identity import digest

from crossdock_odoo.loading import load
from crossdock_odoo.rpc import Rpc

NO_OPTIONS: tuple[dict[str, str], ...] = ({}, {"Title": "Default Title"})
"""Shopify writes the second one for a product without options."""
Combination = frozenset[tuple[str, str]]


def options_of(variant: Variant) -> dict[str, str]:
    """Option names to values; none for a product that comes in one form."""
    return {} if variant.options in NO_OPTIONS else dict(variant.options)


def share_a_template(variants: Sequence[Variant]) -> bool:
    """Whether all have the same options and no two the same values: what Odoo can express."""
    chosen = [options_of(variant) for variant in variants]
    if not chosen or not all(chosen):
        return False
    same_names = all(options.keys() == chosen[0].keys() for options in chosen)
    return same_names and len({frozenset(options.items()) for options in chosen}) == len(chosen)


@dataclass(frozen=True)
class Attribute:
    """One option as Odoo knows it: its id, and the ids of its values."""

    id: int
    values: Mapping[str, int]


@dataclass(frozen=True)
class Variants:
    """Attributes, and the variants that Odoo makes of them."""

    rpc: Rpc
    namespace: str

    async def attributes(self, variants: Sequence[Variant]) -> dict[str, Attribute]:
        """By option name; what is missing is created, once: it is keyed on external ids."""
        wanted: dict[str, list[str]] = {}
        for variant in variants:
            for name, value in options_of(variant).items():
                wanted.setdefault(name, [])
                if value not in wanted[name]:
                    wanted[name].append(value)
        ids = await self._attribute_ids(list(wanted))
        rows = await self.rpc.search_read(
            "product.attribute.value",
            [["attribute_id", "in", sorted(ids.values())]],
            ["attribute_id", "name"],
            order="id",
        )
        values = {(row["attribute_id"], row["name"]): row["id"] for row in reversed(rows)}
        missing = [
            {
                "id": f"{self.namespace}.attr_{digest(name)}_{digest(value)}",
                "attribute_id/.id": str(ids[name]),
                "name": value,
            }
            for name, found in wanted.items()
            for value in found
            if (ids[name], value) not in values
        ]
        if missing:
            made = await load(self.rpc, "product.attribute.value", missing)
            values |= {
                (int(row["attribute_id/.id"]), row["name"]): record
                for row, record in zip(missing, made, strict=True)
            }
        return {
            name: Attribute(ids[name], {value: values[ids[name], value] for value in found})
            for name, found in wanted.items()
        }

    async def _attribute_ids(self, names: Sequence[str]) -> dict[str, int]:
        """Ours, else the merchant's of that name if it makes variants, else a new one."""
        marks = {f"attr_{digest(name)}": name for name in names}
        ours = await self.rpc.search_read(
            "ir.model.data",
            [
                ["module", "=", self.namespace],
                ["model", "=", "product.attribute"],
                ["name", "in", sorted(marks)],
            ],
            ["name", "res_id"],
        )
        rows = await self.rpc.search_read(
            "product.attribute",
            [["create_variant", "!=", "no_variant"]],
            ["name", "create_variant"],
            order="id",
        )
        there = {row["id"] for row in rows}
        ids = {marks[row["name"]]: row["res_id"] for row in ours if row["res_id"] in there}
        for how in ("dynamic", "always"):
            for row in rows:
                if row["name"] in names and row["create_variant"] == how:
                    ids.setdefault(row["name"], row["id"])
        missing = [
            {
                "id": f"{self.namespace}.{mark}",
                "name": name,
                "create_variant": "dynamic",
            }
            for mark, name in marks.items()
            if name not in ids
        ]
        if missing:
            made = await load(self.rpc, "product.attribute", missing)
            ids |= {row["name"]: record for row, record in zip(missing, made, strict=True)}
        return ids

    async def lines(
        self, name: str, template: int | None, attributes: Mapping[str, Attribute], title: str
    ) -> list[dict[str, str]]:
        """The cells of a template's attribute lines for `load`; values that are there stay.

        RejectedError: the template has other options, and changing them would delete its variants.
        """
        held: dict[int, list[int]] = {}
        if template is not None:
            rows = await self.rpc.search_read(
                "product.template.attribute.line",
                [["product_tmpl_id", "=", template]],
                ["attribute_id", "value_ids"],
            )
            held = {row["attribute_id"]: row["value_ids"] for row in rows}
            if held and held.keys() != {attribute.id for attribute in attributes.values()}:
                raise crossdock.RejectedError(
                    f"product {title!r} has the options {', '.join(attributes)} now, and others in "
                    f"Odoo (product.template {template}). Changing them would delete its variants "
                    "there. Archive it in Odoo and remove its SKUs, then retry: it is made anew",
                    reason="options_changed",
                    parts={"native_id": template},
                )
        return [
            {
                "attribute_line_ids/id": f"{self.namespace}.{name}__attr_{attribute.id}",
                "attribute_line_ids/attribute_id/.id": str(attribute.id),
                "attribute_line_ids/value_ids/.id": ",".join(
                    str(value)
                    for value in dict.fromkeys(
                        [*held.get(attribute.id, ()), *attribute.values.values()]
                    )
                ),
            }
            for attribute in attributes.values()
        ]

    async def combinations(
        self, template: int, attributes: Mapping[str, Attribute]
    ) -> dict[tuple[str, str], int]:
        """The template's own record (product.template.attribute.value) of each option and value."""
        rows = await self.rpc.search_read(
            "product.template.attribute.value",
            [["product_tmpl_id", "=", template]],
            ["product_attribute_value_id"],
        )
        by_value = {row["product_attribute_value_id"]: row["id"] for row in rows}
        return {
            (name, value): by_value[record]
            for name, attribute in attributes.items()
            for value, record in attribute.values.items()
        }

    async def made(self, template: int) -> dict[frozenset[int], dict[str, Any]]:
        """Variants of a template by their values, archived ones too."""
        rows = await self.rpc.search_read(
            "product.product",
            [["product_tmpl_id", "=", template]],
            ["product_template_attribute_value_ids", "default_code", "active"],
            order="active, id",
            context={"active_test": False},
        )
        return {frozenset(row["product_template_attribute_value_ids"]): row for row in rows}

    async def put_away(self, records: Iterable[int]) -> None:
        """Archive variants that nobody sells."""
        ids = sorted(records)
        if ids:
            await self.rpc.call("product.product", "write", ids=ids, vals={"active": False})

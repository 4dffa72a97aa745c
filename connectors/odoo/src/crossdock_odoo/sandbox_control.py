"""The paths under `/_sandbox/`: play the warehouse's staff, break things, read the truth."""

import random
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crossdock_odoo.sandbox_store import Row

if TYPE_CHECKING:
    from crossdock_odoo.sandbox import OdooSandbox


def routes(box: "OdooSandbox") -> list[Route]:
    """All of them."""

    async def ship_(request: Request) -> Response:
        options = await request.json()
        shipped = ship(
            box,
            two_parcels=float(options.get("two_parcels", 0)),
            seed=int(options.get("seed", 0)),
            limit=options.get("limit"),
        )
        return JSONResponse({"shipped": shipped})

    async def report_(request: Request) -> Response:
        return JSONResponse(report(box))

    async def faults_(request: Request) -> Response:
        from crossdock_odoo.sandbox_faults import FAULTS, Misbehaviour

        options = await request.json()
        if options.get("kind") not in FAULTS:
            message = f"kind must be one of {', '.join(FAULTS)}"
            return JSONResponse({"error": message}, status_code=400)
        box.faults.append(
            Misbehaviour(
                kind=options["kind"],
                count=int(options.get("count", 1)),
                seconds=float(options.get("seconds", 0)),
                match=str(options.get("match", "")),
                after=int(options.get("after", 0)),
            )
        )
        return JSONResponse({"faults": len(box.faults)})

    async def latency_(request: Request) -> Response:
        box.latency = float((await request.json())["factor"])
        return JSONResponse({"factor": box.latency})

    async def stock_(request: Request) -> Response:
        options = await request.json()
        if not count(box, str(options["sku"]), float(options["on_hand"])):
            message = f"no product has the SKU {options['sku']!r}"
            return JSONResponse({"error": message}, status_code=404)
        return JSONResponse({"sku": options["sku"], "on_hand": options["on_hand"]})

    async def warehouse_(request: Request) -> Response:
        from crossdock_odoo.sandbox_seed import warehouse

        options = await request.json()
        box.store.begin()
        code = str(options["code"])
        warehouse(box.store, box.methods.stock, code, str(options.get("name", code)))
        return JSONResponse({"code": code}, status_code=201)

    return [
        Route("/_sandbox/warehouse", warehouse_, methods=["POST"]),
        Route("/_sandbox/ship", ship_, methods=["POST"]),
        Route("/_sandbox/report", report_, methods=["GET"]),
        Route("/_sandbox/faults", faults_, methods=["POST"]),
        Route("/_sandbox/latency", latency_, methods=["POST"]),
        Route("/_sandbox/stock", stock_, methods=["POST"]),
    ]


def ship(box: "OdooSandbox", *, two_parcels: float, seed: int, limit: int | None = None) -> int:
    """Validate every assigned delivery; how many.

    A share goes in two parcels: the first half of the quantities now, the backorder with the
    next call. Which ones depends on `seed` and the delivery alone.
    """
    store, stock = box.store, box.methods.stock
    store.begin()
    todo = [
        row
        for row in store.tables["stock.picking"].rows.values()
        if row["state"] == "assigned" and not stock.returns.arrives(row)
    ]
    shipped = 0
    for picking in todo[:limit]:
        moves = [
            move
            for move in store.by("stock.move", "picking_id", picking["id"])
            if move["state"] not in ("done", "cancel")
        ]
        chance = random.Random(f"{seed}:{picking['id']}").random()  # noqa: S311 - a demo's dice
        total = sum(move["quantity"] for move in moves)
        if not picking["backorder_id"] and chance < two_parcels and total > 1:
            _pick_half(box, moves, total)
        tracking = f"1Z{picking['id']:010d}"
        store.write("stock.picking", [picking["id"]], {"carrier_tracking_ref": tracking})
        stock.finish(store.row("stock.picking", picking["id"]), backorder=True)
        shipped += 1
    return shipped


def _pick_half(box: "OdooSandbox", moves: list[Row], total: float) -> None:
    """Set aside the first half of the pieces; at least one is picked and one is left."""
    left = max(total // 2, 1.0)
    for move in moves:
        part = min(left, move["quantity"])
        left -= part
        box.store.write("stock.move", [move["id"]], {"quantity": part, "picked": part > 0})


def count(box: "OdooSandbox", sku: str, on_hand: float) -> bool:
    """What a person with a clipboard does: this much lies there."""
    box.store.begin()
    for product in box.store.by("product.product", "default_code", sku):
        quants = box.store.by("stock.quant", "product_id", product["id"])
        house = min(box.store.tables["stock.warehouse"].rows.values(), key=lambda row: row["id"])
        here = [row for row in quants if row["location_id"] == house["lot_stock_id"]]
        if here:
            others = sum(row["quantity"] for row in here[1:])
            box.store.update("stock.quant", here[0]["id"], quantity=on_hand - others)
        else:
            box.store.insert(
                "stock.quant",
                {
                    "product_id": product["id"],
                    "location_id": house["lot_stock_id"],
                    "quantity": on_hand,
                },
            )
        return True
    return False


def report(box: "OdooSandbox") -> dict[str, Any]:
    """Everything the database holds, as a test wants to see it."""
    store = box.store
    names = {
        (row["model"], row["res_id"]): row["complete_name"]
        for row in store.tables["ir.model.data"].rows.values()
    }
    orders, pickings = [], []
    for order in store.tables["sale.order"].rows.values():
        lines = store.by("sale.order.line", "order_id", order["id"])
        orders.append(
            {
                "id": order["id"],
                "name": order["name"],
                "client_order_ref": order["client_order_ref"],
                "external_id": names.get(("sale.order", order["id"])),
                "state": order["state"],
                "currency": store.row("res.currency", order["currency_id"])["name"],
                "amount_total": order["amount_total"],
                "lines": [
                    {
                        "external_id": names.get(("sale.order.line", line["id"])),
                        "sku": store.row("product.product", line["product_id"])["default_code"],
                        "quantity": line["product_uom_qty"],
                        "delivered": line["qty_delivered"],
                        "price_unit": line["price_unit"],
                        "total": line["price_total"],
                    }
                    for line in lines
                    if line["product_id"]
                ],
            }
        )
    for picking in store.tables["stock.picking"].rows.values():
        moves = store.by("stock.move", "picking_id", picking["id"])
        pickings.append(
            {
                "id": picking["id"],
                "name": picking["name"],
                "state": picking["state"],
                "order_external_id": names.get(("sale.order", picking["sale_id"])),
                "tracking": picking["carrier_tracking_ref"] or None,
                "lines": {
                    names.get(("sale.order.line", move["sale_line_id"]), str(move["id"])): move[
                        "quantity"
                    ]
                    for move in moves
                    if move["quantity"]
                },
            }
        )
    return {
        "orders": orders,
        "till_orders": [row["pos_reference"] for row in store.tables["pos.order"].rows.values()],
        "partners": len(store.tables["res.partner"].rows),
        "pickings": pickings,
        "stock": _stock(box),
        "calls": dict(box.calls),
    }


def _stock(box: "OdooSandbox") -> dict[str, dict[str, dict[str, float]]]:
    store = box.store
    stock: dict[str, dict[str, dict[str, float]]] = {}
    for quant in store.tables["stock.quant"].rows.values():
        location = store.row("stock.location", quant["location_id"])
        if location["usage"] != "internal":
            continue
        sku = store.row("product.product", quant["product_id"])["default_code"]
        code = store.row("stock.warehouse", location["warehouse_id"])["code"]
        level = stock.setdefault(sku, {}).setdefault(code, {"on_hand": 0.0, "reserved": 0.0})
        level["on_hand"] += quant["quantity"]
        level["reserved"] += quant["reserved_quantity"]
    return stock

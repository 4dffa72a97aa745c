"""The fields of the pretended Odoo's models: those that we use or that the recordings ask for.

A type is `char`, `text`, `html`, `bool`, `int`, `float`, `date`, `datetime`, `json`, `sel:a,b`,
`m2o:model`, `o2m:model:inverse`, `m2m:model`. Types are those of the recorded `fields_get`
(flow 02). Every model also has id, display_name, create_date and write_date.
"""

from crossdock_odoo.sandbox_models_accounts import ACCOUNTING
from crossdock_odoo.sandbox_models_catalog import CATALOG, MORE
from crossdock_odoo.sandbox_models_catalog import INDEXED as CATALOG_INDEXED

REF = "m2o:"

COMMON = {
    "display_name": "char",
    "create_date": "datetime",
    "write_date": "datetime",
}

_LINE = {
    "order_id": "m2o:sale.order",
    "sequence": "int",
    "product_id": "m2o:product.product",
    "name": "text",
    "product_uom_qty": "float",
    "price_unit": "float",
    "discount": "float",
    "price_subtotal": "float",
    "price_tax": "float",
    "price_total": "float",
    "qty_delivered": "float",
    "qty_invoiced": "float",
    "qty_to_invoice": "float",
    "is_delivery": "bool",
    "display_type": "sel:line_section,line_note",
    "state": "sel:draft,sent,sale,cancel",
    "company_id": "m2o:res.company",
}

MODELS: dict[str, dict[str, str]] = {
    "res.company": {
        "name": "char",
        "currency_id": "m2o:res.currency",
        "fiscalyear_lock_date": "date",
        "tax_lock_date": "date",
        "sale_lock_date": "date",
        "hard_lock_date": "date",
    },
    "res.users": {
        "login": "char",
        "name": "char",
        "company_id": "m2o:res.company",
        "company_ids": "m2m:res.company",
        "lang": "char",
        "tz": "char",
    },
    "res.currency": {
        "name": "char",
        "active": "bool",
        "rate": "float",
        "decimal_places": "int",
        "rounding": "float",
        "symbol": "char",
    },
    "res.country": {"name": "char", "code": "char"},
    "res.country.state": {"name": "char", "code": "char", "country_id": "m2o:res.country"},
    "res.partner": {
        "name": "char",
        "active": "bool",
        "email": "char",
        "phone": "char",
        "street": "char",
        "street2": "char",
        "zip": "char",
        "city": "char",
        "state_id": "m2o:res.country.state",
        "country_id": "m2o:res.country",
        "vat": "char",
        "ref": "char",
        "lang": "char",
        "tz": "char",
        "parent_id": "m2o:res.partner",
        "child_ids": "o2m:res.partner:parent_id",
        "commercial_partner_id": "m2o:res.partner",
        "type": "sel:contact,invoice,delivery,other",
        "is_company": "bool",
        "company_type": "sel:person,company",
        "company_id": "m2o:res.company",
        "category_id": "m2m:res.partner.category",
        "property_product_pricelist": "m2o:product.pricelist",
        "property_account_position_id": "m2o:account.fiscal.position",
    },
    "res.partner.category": {"name": "char"},
    "account.fiscal.position": {"name": "char"},
    "account.tax": {
        "name": "char",
        "active": "bool",
        "sequence": "int",
        "amount": "float",
        "amount_type": "sel:percent,fixed",
        "price_include": "bool",
        "price_include_override": "sel:tax_included,tax_excluded",
        "include_base_amount": "bool",
        "type_tax_use": "sel:sale,purchase,none",
        "company_id": "m2o:res.company",
    },
    "decimal.precision": {"name": "char", "digits": "int"},
    "ir.config_parameter": {"key": "char", "value": "char"},
    "ir.model.data": {
        "module": "char",
        "name": "char",
        "complete_name": "char",
        "model": "char",
        "res_id": "int",
        "noupdate": "bool",
    },
    "product.pricelist": {
        "name": "char",
        "active": "bool",
        "currency_id": "m2o:res.currency",
        "company_id": "m2o:res.company",
        "percent_price": "float",
    },
    "product.pricelist.item": {
        "pricelist_id": "m2o:product.pricelist",
        "product_id": "m2o:product.product",
        "applied_on": "sel:3_global,2_product_category,1_product,0_product_variant",
        "compute_price": "sel:fixed,percentage,formula",
        "fixed_price": "float",
    },
    "product.template": {
        "name": "char",
        "active": "bool",
        "list_price": "float",
        "product_variant_ids": "o2m:product.product:product_tmpl_id",
    },
    "product.product": {
        "name": "char",
        "active": "bool",
        "default_code": "char",
        "barcode": "char",
        "type": "sel:consu,service,combo,product",
        "is_storable": "bool",
        "list_price": "float",
        "lst_price": "float",
        "weight": "float",
        "invoice_policy": "sel:order,delivery",
        "taxes_id": "m2m:account.tax",
        "product_tmpl_id": "m2o:product.template",
        "uom_id": "m2o:uom.uom",
        "qty_available": "float",
        "free_qty": "float",
        "tracking": "sel:none,lot,serial",
        "sale_ok": "bool",
        "product_variant_count": "int",
    },
    "uom.uom": {"name": "char"},
    "delivery.carrier": {"name": "char", "tracking_url": "char"},
    "stock.warehouse": {
        "name": "char",
        "active": "bool",
        "code": "char",
        "company_id": "m2o:res.company",
        "lot_stock_id": "m2o:stock.location",
        "out_type_id": "m2o:stock.picking.type",
    },
    "stock.location": {
        "name": "char",
        "active": "bool",
        "complete_name": "char",
        "usage": "sel:view,internal,customer,inventory,supplier",
        "warehouse_id": "m2o:stock.warehouse",
    },
    "stock.picking.type": {
        "name": "char",
        "active": "bool",
        "code": "sel:incoming,outgoing,internal",
        "warehouse_id": "m2o:stock.warehouse",
        "return_picking_type_id": "m2o:stock.picking.type",
    },
    "sale.order": {
        "name": "char",
        "state": "sel:draft,sent,sale,cancel",
        "locked": "bool",
        "client_order_ref": "char",
        "origin": "char",
        "note": "html",
        "partner_id": "m2o:res.partner",
        "partner_invoice_id": "m2o:res.partner",
        "partner_shipping_id": "m2o:res.partner",
        "currency_id": "m2o:res.currency",
        "currency_rate": "float",
        "pricelist_id": "m2o:product.pricelist",
        "date_order": "datetime",
        "commitment_date": "datetime",
        "validity_date": "date",
        "amount_untaxed": "float",
        "amount_tax": "float",
        "amount_total": "float",
        "order_line": "o2m:sale.order.line:order_id",
        "picking_ids": "o2m:stock.picking:sale_id",
        "invoice_ids": "m2m:account.move",
        "invoice_status": "sel:no,to invoice,invoiced,upselling",
        "delivery_status": "sel:pending,started,partial,full",
        "warehouse_id": "m2o:stock.warehouse",
        "carrier_id": "m2o:delivery.carrier",
        "company_id": "m2o:res.company",
        "duplicated_order_ids": "m2m:sale.order",
    },
    "sale.order.line": _LINE,
    "stock.picking": {
        "name": "char",
        "state": "sel:draft,waiting,confirmed,assigned,done,cancel",
        "origin": "char",
        "picking_type_id": "m2o:stock.picking.type",
        "picking_type_code": "sel:incoming,outgoing,internal",
        "partner_id": "m2o:res.partner",
        "scheduled_date": "datetime",
        "date_deadline": "datetime",
        "date_done": "datetime",
        "location_id": "m2o:stock.location",
        "location_dest_id": "m2o:stock.location",
        "move_ids": "o2m:stock.move:picking_id",
        "move_line_ids": "o2m:stock.move.line:picking_id",
        "backorder_id": "m2o:stock.picking",
        "backorder_ids": "o2m:stock.picking:backorder_id",
        "sale_id": "m2o:sale.order",
        "carrier_id": "m2o:delivery.carrier",
        "carrier_tracking_ref": "char",
        "carrier_tracking_url": "char",
        "shipping_weight": "float",
        "return_id": "m2o:stock.picking",
        "company_id": "m2o:res.company",
        "products_availability": "char",
        "products_availability_state": "sel:available,expected,late",
    },
    "stock.move": {
        "product_id": "m2o:product.product",
        "product_uom_qty": "float",
        "quantity": "float",
        "picked": "bool",
        "product_uom": "m2o:uom.uom",
        "state": "sel:draft,waiting,confirmed,partially_available,assigned,done,cancel",
        "picking_id": "m2o:stock.picking",
        "sale_line_id": "m2o:sale.order.line",
        "location_id": "m2o:stock.location",
        "location_dest_id": "m2o:stock.location",
        "date": "datetime",
        "reference": "char",
        "origin_returned_move_id": "m2o:stock.move",
        "forecast_availability": "float",
        "to_refund": "bool",
        "move_line_ids": "o2m:stock.move.line:move_id",
    },
    "stock.return.picking": {
        "picking_id": "m2o:stock.picking",
        "product_return_moves": "o2m:stock.return.picking.line:wizard_id",
        "company_id": "m2o:res.company",
    },
    "stock.return.picking.line": {
        "wizard_id": "m2o:stock.return.picking",
        "product_id": "m2o:product.product",
        "quantity": "float",
        "move_quantity": "float",
        "move_id": "m2o:stock.move",
        "uom_id": "m2o:uom.uom",
    },
    "stock.scrap": {
        "name": "char",
        "state": "sel:draft,done",
        "product_id": "m2o:product.product",
        "scrap_qty": "float",
        "location_id": "m2o:stock.location",
        "lot_id": "m2o:stock.lot",
        "origin": "char",
    },
    "stock.move.line": {
        "move_id": "m2o:stock.move",
        "picking_id": "m2o:stock.picking",
        "product_id": "m2o:product.product",
        "quantity": "float",
        "picked": "bool",
        "lot_id": "m2o:stock.lot",
        "location_id": "m2o:stock.location",
        "location_dest_id": "m2o:stock.location",
        "package_id": "m2o:stock.package",
        "result_package_id": "m2o:stock.package",
        "state": "sel:draft,assigned,done,cancel",
        "date": "datetime",
    },
    "stock.lot": {"name": "char", "product_id": "m2o:product.product"},
    "stock.package": {"name": "char"},
    "stock.quant": {
        "product_id": "m2o:product.product",
        "location_id": "m2o:stock.location",
        "warehouse_id": "m2o:stock.warehouse",
        "quantity": "float",
        "reserved_quantity": "float",
        "available_quantity": "float",
        "inventory_quantity": "float",
        "inventory_quantity_set": "bool",
        "lot_id": "m2o:stock.lot",
    },
    "stock.backorder.confirmation": {
        "pick_ids": "m2m:stock.picking",
        "backorder_confirmation_line_ids": "m2m:stock.picking",
        "show_transfers": "bool",
    },
}

REQUIRED = {
    "sale.order": {"partner_id": ("Sales Order", "Customer")},
    "sale.order.line": {"order_id": ("Sales Order Line", "Order Reference")},
    "res.partner": {},
    "ir.model.data": {},
}

INDEXED = {
    "ir.model.data": ("complete_name", "res_id", "name"),
    "sale.order": ("client_order_ref", "name"),
    "sale.order.line": ("order_id",),
    "stock.picking": ("state", "sale_id", "backorder_id", "return_id"),
    "stock.return.picking.line": ("wizard_id",),
    "account.move.line": ("move_id",),
    "stock.move": ("picking_id", "sale_line_id", "origin_returned_move_id"),
    "stock.move.line": ("state", "picking_id", "move_id"),
    "stock.quant": ("product_id",),
    "product.product": ("default_code", "barcode", "product_tmpl_id"),
    "res.partner": ("parent_id", "ref", "email"),
    "res.country.state": ("country_id",),
    **CATALOG_INDEXED,
}

ORDERS = {
    "sale.order": "date_order desc, id desc",
    "sale.order.line": "order_id, sequence, id",
    "res.partner": "name, id desc",
    "product.product": "default_code, name, id",
    "stock.picking": "scheduled_date, id desc",
    "ir.model.data": "id",
}
"""The order of a search that asks for none; elsewhere by id."""


def fields_of(version: int) -> dict[str, dict[str, str]]:
    """All models of one major version, with the names that differ (README of the recordings)."""
    models = {
        name: {"id": "int", **COMMON, **fields, **MORE.get(name, {})}
        for name, fields in {**CATALOG, **ACCOUNTING, **MODELS}.items()
    }
    line = models["sale.order.line"]
    if version >= 19:
        line |= {"tax_ids": "m2m:account.tax", "product_uom_id": "m2o:uom.uom"}
    else:
        line |= {"tax_id": "m2m:account.tax", "product_uom": "m2o:uom.uom"}
        models["stock.quant.package"] = models.pop("stock.package")
        for name in ("package_id", "result_package_id"):
            models["stock.move.line"][name] = "m2o:stock.quant.package"
    if version < 18:
        models["account.payment"]["ref"] = models["account.payment"].pop("memo")
        models["account.payment"].pop("invoice_ids")
        models["account.move"].pop("invoice_currency_rate")
        for lock in ("sale_lock_date", "hard_lock_date"):
            models["res.company"].pop(lock)
        models["sale.order"].pop("duplicated_order_ids")
        for model in ("product.product", "product.template"):
            models[model].pop("is_storable")
            models[model]["detailed_type"] = "sel:consu,service,product"
        models["delivery.carrier"].pop("tracking_url")
        models["pos.order"].pop("refunded_order_id")
        models["pos.order"].pop("uuid")
        models["pos.payment"].pop("uuid")
        models["account.tax"].pop("price_include_override")
    return models

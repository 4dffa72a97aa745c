"""Country and region of an address, as Odoo knows them."""

import crossdock
from crossdock.canonical import Address

from crossdock_odoo import partners
from crossdock_odoo.masterdata import MasterData


async def place(master: MasterData, address: Address, who: str) -> partners.Place:
    """`who` is told in the error. RejectedError: unknown country; unknown state, if so wished."""
    if address.country is None:
        return partners.Place()
    country = await master.country(address.country)
    if country is None:
        raise crossdock.RejectedError(
            f"{who}: Odoo knows no country {address.country!r}. Create it in "
            "Odoo (Contacts, Configuration, Countries), or correct the address",
            reason="unknown_country",
            parts={"country": address.country},
        )
    if not address.region:
        return partners.Place(country=country)
    state = await master.state(address.country, address.region)
    if state is None and master.rpc.config.unknown_region == "reject":
        raise crossdock.RejectedError(
            f"{who}: Odoo knows no state {address.region!r} of "
            f"{address.country}. Create it in Odoo, correct the address, or set "
            '`unknown_region: "with_city"`',
            reason="unknown_state",
            parts={"country": address.country, "region": address.region},
        )
    return partners.Place(country=country, state=state, region="" if state else str(address.region))

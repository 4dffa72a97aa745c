"""The pretended warehouse is driven from outside, as a demo does."""

from typing import Any

from crossdock.http import Http
from crossdock.testing.sandbox import serve
from crossdock_x12_wms.client import open_x12_wms
from crossdock_x12_wms.config import X12WmsConfig
from crossdock_x12_wms.mapping import translate
from crossdock_x12_wms.sandbox import X12WmsSandbox


async def test_it_is_driven_over_http(edi: Any) -> None:
    box = X12WmsSandbox()
    async with serve(box.app) as url, Http(name="sandbox", base_url=url) as http:
        told = {key: value for key, value in box.connection(url).items() if key != "connector"}
        config = X12WmsConfig.model_validate(told)
        async with open_x12_wms(config, edi.context) as port:
            await port.apply(edi.order())
            moved = await port.apply(edi.moving())
            assert (await http.post("/_sandbox/read", json={})).json() == {"fetched": 2}
            shipped = (await http.post("/_sandbox/ship", json={"parcels": 2})).json()["shipped"]
            assert len(shipped) == 1
            asked = {"number": moved.native_id, "damaged": {"MUG-WHITE": "1"}}
            await http.post("/_sandbox/receive", json=asked)
            await http.post("/_sandbox/count", json={"MUG-WHITE": "9"})
            await http.post("/_sandbox/adjust", json={"sku": "MUG-WHITE", "quantity": "-1"})
            raws = await edi.polled(port)
            types = [e.type for raw in raws if raw.topic != "997" for e in translate(raw)]
            assert sorted(types) == [
                "fulfillment.shipped",
                "goods_receipt.recorded",
                "inventory.level_changed",
                "inventory_movement.recorded",
                "package.tracked",
                "package.tracked",
            ]
        state = (await http.get("/_sandbox/state")).json()
        assert state["duplicates"] == 0
        assert len(state["jobs"]) == 2
        assert (await http.post("/_sandbox/ship", json={})).json() == {"shipped": []}
    await box.aclose()
    assert not box.warehouse.root.exists()

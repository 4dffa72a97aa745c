"""The exchange of files: once each, whole, acknowledged, whatever breaks on the way."""

import asyncio
import os
from datetime import timedelta
from typing import Any

import pytest
from crossdock.connector import Ignore, Window
from crossdock.errors import ContractError, RejectedError, UnavailableError
from crossdock_x12_wms import files, x12
from crossdock_x12_wms.mapping import translate


async def test_an_order_becomes_one_940_and_is_shipped(edi: Any) -> None:
    """The whole way: 940, 997, 945, and our 997 for it."""
    async with edi.opened() as port:
        receipt = await port.apply(edi.order())
        assert edi.house.read() == 1
        job = edi.house.jobs[receipt.native_id]
        assert (job.title, dict(job.lines)) == ("#1001", {"MUG-WHITE": 3, "TEE-S": 2})
        edi.house.ship(receipt.native_id, parcels=2)
        raws = await edi.polled(port)
        assert [raw.topic for raw in raws] == ["997", "945"]
        with pytest.raises(Ignore, match=r"997 acknowledges 940 1001-"):
            list(translate(raws[0]))
        shipment, *parcels = translate(raws[1])
        assert shipment.type == "fulfillment.shipped"
        assert shipment.data.order.id == "ord_1"
        assert {line.line_id: line.quantity for line in shipment.data.lines} == {
            "line-1": 3,
            "line-2": 2,
        }
        assert len(parcels) == 2
        assert len(shipment.data.tracking) == 2
        assert not edi.house.read()  # nothing is acknowledged before it is landed
        await edi.polled(port, raws[-1].cursor)
        assert edi.house.read() == 1
        (answer,) = edi.house.answers
        assert [one.get(1) for one in answer.all("AK1", "AK5", "AK9")] == ["SW", "A", "A"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("syntax", ["x12", "edifact"])
async def test_a_cut_at_any_step_leaves_one_order(
    edi: Any, tmp_path: Any, syntax: str, after: bool
) -> None:
    """Each operation on files is cut in turn; then DELIVER looks, and tries again."""
    edi.speaks(syntax)
    calm = edi.shaky(edi.folder)
    async with edi.opened(folder=calm) as port:
        await port.apply(edi.order())
    assert calm.count >= 8
    for step in range(1, calm.count + 1):
        one = type(edi)(tmp_path / f"step-{step}")
        one.speaks(syntax)
        async with one.opened(folder=one.shaky(one.folder, step, after)) as port:
            with pytest.raises(UnavailableError):
                await port.apply(one.order())
            one.house.read()  # the warehouse may fetch at any moment
        async with one.opened() as port:
            again = one.order()
            if await port.find(again) is None:
                await port.apply(again)
        one.house.read()
        assert len(one.house.documents) == 1, f"cut {step}: {calm.done[step - 1]}"
        async with one.opened(one.noon + timedelta(hours=25)) as port:
            late = [raw for raw in await one.polled(port) if raw.topic == "overdue"]
            await one.polled(port, "000000001")
            assert not [r for r in await one.polled(port, "000000001") if r.topic == "overdue"]
            assert len(late) == 1, f"cut {step}: {calm.done[step - 1]}"


async def test_two_orders_never_share_a_control_number(edi: Any) -> None:
    """Numbers are given away by files that must be new, also between two runners."""
    async with edi.opened() as one, edi.opened() as two:
        wishes = [edi.order(f"#{n}", entity=f"fuo_{n}") for n in range(12)]
        await asyncio.gather(*((one, two)[n % 2].apply(wish) for n, wish in enumerate(wishes)))
    texts = [path.read_text() for path in edi.files("to-warehouse")]
    numbers = sorted(x12.read(text)[0].control for text in texts)
    assert numbers == [f"{n:09d}" for n in range(1, 13)]


async def test_an_instruction_is_called_off_under_its_number(edi: Any) -> None:
    """W05 01 is F, the number is the first one's."""
    async with edi.opened() as port:
        first = await port.apply(edi.order())
        second = await port.apply(edi.cancelled(edi.order()))
    edi.house.read()
    assert first.native_id == second.native_id
    assert [(kind, word) for kind, _, word in edi.house.documents] == [("940", "N"), ("940", "F")]
    assert edi.house.jobs[first.native_id].cancelled


async def test_a_half_written_file_waits(edi: Any) -> None:
    """Without its IEA, under a hidden name, or empty: not yet."""
    edi.house.count({"MUG-WHITE": "5"})
    (path,) = edi.files("from-warehouse")
    whole = path.read_bytes()
    async with edi.opened() as port:
        for end in (0, 1, 2, 50, 120, len(whole) - 20, len(whole) - 2):
            path.write_bytes(whole[:end])
            assert await edi.polled(port) == []
        for name in ("b.edi.part", "c.tmp", ".d.edi"):
            (edi.root / "from-warehouse" / name).write_bytes(whole)
            assert await edi.polled(port) == []
        path.write_bytes(whole)
        assert [raw.topic for raw in await edi.polled(port)] == ["846"]
    assert not path.exists()


async def test_a_file_that_never_ends_is_told_and_holds_up_nothing(edi: Any) -> None:
    """After a while it is broken, not half-written: a dead letter with its whole text."""
    edi.house.count({"MUG-WHITE": "5"})
    path = edi.files("from-warehouse")[0]
    path.write_bytes(path.read_bytes()[:-30])
    long_ago = path.stat().st_mtime - 1_000
    os.utime(path, (long_ago, long_ago))
    edi.house.count({"TEE-S": "7"})
    async with edi.opened() as port:
        broken, good = await edi.polled(port)
    assert (broken.topic, good.topic) == ("unreadable", "846")
    with pytest.raises(ContractError, match="has no IEA"):
        list(translate(broken))
    assert broken.body["text"].startswith("ISA*00*")
    assert [event.native_id for event in translate(good)] == ["TEE-S@DC1"]


async def test_one_bad_document_holds_up_no_other(edi: Any) -> None:
    """Three documents in one interchange: each is a record, with its own text and fate."""
    head = x12.Head(sender=("ZZ", "DC1WHS"), receiver=("ZZ", "SHOPCO"))
    day = "20261128"
    good = [["W15", day, "ADJ1"], ["W19", "AU", "-1", "EA", "", "SK", "MUG-WHITE"]]
    bad = [["W15", day, "ADJ2"], ["W19", "AU", "many", "EA", "", "SK", "MUG-WHITE"]]
    text = x12.write(head, 7, edi.noon, [("947", good), ("947", bad), ("947", [*good[:1]])])
    edi.house.drop("three.edi", text.encode())
    async with edi.opened() as port:
        raws = await edi.polled(port)
        assert len({raw.delivery_id for raw in raws}) == 3
        assert len(list(translate(raws[0]))) == 1
        with pytest.raises(ContractError, match=r"/W19/02: expected a quantity, found 'many'"):
            list(translate(raws[1]))
        with pytest.raises(ContractError, match=r"expected something that was adjusted"):
            list(translate(raws[2]))
        await edi.polled(port, raws[-1].cursor)
    edi.house.read()
    (answer,) = edi.house.answers
    assert [one.get(2) for one in answer.all("AK2")] == ["0001", "0002", "0003"]


async def test_the_same_file_twice_is_one_delivery(edi: Any) -> None:
    """Another name, the same control number: the same record, so the ledger knows it."""
    edi.house.count({"MUG-WHITE": "5"}, number="INV1")
    data = edi.files("from-warehouse")[0].read_bytes()
    edi.house.drop("again.edi", data)
    async with edi.opened() as port:
        one, two = await edi.polled(port)
    assert (one.delivery_id, one.data) == (two.delivery_id, two.data)
    edi.house.drop("other.edi", data.replace(b"*5*", b"*6*"))
    async with edi.opened() as port:
        other = (await edi.polled(port, two.cursor))[0]
    assert other.delivery_id == one.delivery_id  # with another text: a delivery conflict
    assert other.data != one.data


async def test_a_resend_under_a_new_number_is_the_same_shipment(edi: Any) -> None:
    """Its events carry the same entity and the same content; only the revision has grown."""
    async with edi.opened() as port:
        number = (await port.apply(edi.order())).native_id
        edi.house.read()
        edi.house.ship(number, shipment="BOL9")
        edi.house.ship(number, shipment="BOL9")
        _, one, two = await edi.polled(port)
    (first, *_), (second, *_) = translate(one), translate(two)
    assert (first.native_id, first.data) == (second.native_id, second.data)
    assert one.delivery_id != two.delivery_id
    assert second.revision > first.revision


async def test_a_refused_order_is_a_case(edi: Any) -> None:
    """In the warehouse's words, with our document and number."""
    edi.house.acknowledges = False
    async with edi.opened() as port:
        number = (await port.apply(edi.order())).native_id
        (sent,) = edi.files("to-warehouse")
        (one,) = files.interchanges(sent.read_text())
        edi.house.acknowledge(one, refuse="5")
        (raw,) = await edi.polled(port)
    with pytest.raises(RejectedError, match=rf"refuses 940 {number}.*segments are in error") as no:
        list(translate(raw))
    assert no.value.reason == "document_refused"


async def test_silence_becomes_a_case(edi: Any) -> None:
    """After `acknowledged_within_h`, until the acknowledgement is there; one case."""
    edi.house.acknowledges = False
    async with edi.opened() as port:
        number = (await port.apply(edi.order())).native_id
    async with edi.opened(edi.noon + timedelta(hours=23)) as port:
        assert await edi.polled(port) == []
    async with edi.opened(edi.noon + timedelta(hours=25)) as port:
        (raw,) = await edi.polled(port)
        (again,) = await edi.polled(port, raw.cursor)
        assert (raw.delivery_id, raw.data) == (again.delivery_id, again.data)
        with pytest.raises(RejectedError, match=rf"940 {number}.*not acknowledged") as silence:
            list(translate(raw))
        assert silence.value.reason == "unacknowledged"
        edi.house.acknowledges = True
        edi.house.read()
        answer = [one for one in await edi.polled(port, raw.cursor) if one.topic == "997"]
        assert await edi.polled(port, answer[0].cursor) == []


async def test_a_partner_that_never_acknowledges_is_not_waited_for(edi: Any) -> None:
    """`acknowledged_within_h: null`."""
    edi.house.acknowledges = False
    async with edi.opened(acknowledged_within_h=None) as port:
        await port.apply(edi.order())
    assert not (edi.root / "journal" / "awaiting").exists()


async def test_a_stranger_is_not_believed(edi: Any) -> None:
    """An interchange between other partners is a dead letter that names them, and unanswered."""
    head = x12.Head(sender=("ZZ", "OTHER"), receiver=("ZZ", "SHOPCO"))
    body = [["BIA", "00", "MM", "X", "20261128"], ["LIN", "1", "SK", "A"], ["QTY", "17", "1"]]
    edi.house.drop("x.edi", x12.write(head, 1, edi.noon, [("846", body)]).encode())
    edi.house.drop("y.edi", b"PK\x03\x04 not EDI at all")
    async with edi.opened() as port:
        one, two = await edi.polled(port)
        with pytest.raises(ContractError, match="found one from OTHER to SHOPCO"):
            list(translate(one))
        with pytest.raises(ContractError, match="this is no EDI file"):
            list(translate(two))
        await edi.polled(port, two.cursor)
    assert edi.house.read() == 0


async def test_a_spoilt_envelope_is_refused_whole(edi: Any) -> None:
    """A count that does not agree means that something is lost: a dead letter, and AK5 R 4."""
    edi.house.count({"MUG-WHITE": "5"})
    path = edi.files("from-warehouse")[0]
    path.write_bytes(path.read_bytes().replace(b"SE*6*", b"SE*9*"))
    async with edi.opened() as port:
        (raw,) = await edi.polled(port)
        with pytest.raises(ContractError, match=r"SE says '9' segments, there are 6"):
            list(translate(raw))
        await edi.polled(port, raw.cursor)
    edi.house.read()
    assert [one.get(2) for one in edi.house.answers[0].all("AK5")] == ["4"]
    async with edi.opened(lenient=True) as port:
        (raw,) = await edi.polled(port)
        assert [event.type for event in translate(raw)] == ["inventory.level_changed"]


async def test_a_poll_cut_at_any_step_loses_nothing(edi: Any, tmp_path: Any) -> None:
    """What was stored and the next polls come to everything, and each file is answered once."""

    def filled(name: str) -> Any:
        one = type(edi)(tmp_path / name)
        for number in range(3):
            one.house.count({"MUG-WHITE": str(number)}, number=f"INV{number}")
        return one

    calm = filled("calm")
    counting = calm.shaky(calm.folder)
    async with calm.opened(folder=counting) as port:
        raws = await calm.polled(port)
        await calm.polled(port, raws[-1].cursor)
    for step in range(1, counting.count + 1):
        for after in (False, True):
            one = filled(f"{step}-{after}")
            told: dict[str, bytes] = {}
            cursor = None
            async with one.opened(folder=one.shaky(one.folder, step, after)) as port:
                try:
                    for _ in range(3):
                        async for raw in port.poll(cursor):
                            told[raw.delivery_id] = raw.data
                            cursor = raw.cursor
                except UnavailableError:
                    pass
                else:
                    pytest.fail("nothing was cut")
            async with one.opened() as port:
                for _ in range(3):
                    for raw in await one.polled(port, cursor):
                        assert told.setdefault(raw.delivery_id, raw.data) == raw.data
                        cursor = raw.cursor
            one.house.read()
            assert len(told) == 3, (step, after)
            assert len(one.house.answers) == 3, (step, after)


async def test_what_cannot_be_written_is_refused_and_leaves_nothing(edi: Any) -> None:
    """No SKU, no address, a SKU that does not fit, a sign that the charset lacks."""
    bad = {
        "has no SKU": edi.order(lines=(("1", "", "1"),)),
        "no address": edi.order(ship_to=None),
        "has 60 characters": edi.order(lines=(("1", "S" * 60, "1"),)),
        "cannot be written": edi.order(gift_message="\u4f60\u597d"),
    }
    async with edi.opened(charset="latin-1") as port:
        for words, wish in bad.items():
            with pytest.raises(RejectedError, match=words):
                await port.apply(wish)
            assert await port.find(wish) is None
    assert edi.files("to-warehouse") == []


async def test_a_folder_that_is_gone_or_closed_is_told(edi: Any, tmp_path: Any) -> None:
    """Nothing is made where the folder should be; a missing right is told as such."""
    async with edi.opened() as port:
        gone = edi.root.rename(tmp_path / "elsewhere")
        with pytest.raises(UnavailableError, match="there is no folder"):
            await port.apply(edi.order())
        with pytest.raises(UnavailableError, match="there is no folder"):
            await edi.polled(port)
        with pytest.raises(UnavailableError, match="there is no folder"):
            await port.probe()
        gone.rename(edi.root)
        assert (await port.probe()).version == "004010"
        with pytest.raises(ContractError, match="expected nine digits"):
            await edi.polled(port, "yesterday")


async def test_a_european_warehouse_from_orders_to_recadv(edi: Any) -> None:
    """ORDERS and DESADV out, DESADV, RECADV and INVRPT in, CONTRL both ways."""
    edi.speaks("edifact")
    async with edi.opened() as port:
        number = (await port.apply(edi.order())).native_id
        moved = (await port.apply(edi.moving())).native_id
        edi.house.read()
        edi.house.ship(number, parcels=2)
        edi.house.receive(moved, damaged={"MUG-WHITE": "4"})
        edi.house.count({"MUG-WHITE": "36", "TEE-S": "7"})
        raws = await edi.polled(port)
        by_topic = {raw.topic: raw for raw in raws}
        assert list(by_topic) == ["CONTRL", "DESADV", "RECADV", "INVRPT"]
        with pytest.raises(Ignore, match=r"CONTRL acknowledges"):
            list(translate(by_topic["CONTRL"]))
        shipment, *parcels = translate(by_topic["DESADV"])
        assert (shipment.data.order.id, len(parcels)) == ("ord_1", 2)
        (receipt,) = translate(by_topic["RECADV"])
        assert receipt.data.transfer.id == "trf_1"
        assert receipt.data.lines[0].rejected == 4
        assert [event.data.on_hand for event in translate(by_topic["INVRPT"])] == [36, 7]
        await edi.polled(port, raws[-1].cursor)
    edi.house.read()
    assert [one.type for one in edi.house.answers] == ["CONTRL"] * 3
    assert [one.get(4) for one in edi.house.answers for one in one.all("UCI")] == ["7"] * 3


async def test_what_was_cleared_away_is_not_waited_for(edi: Any) -> None:
    """An old ledger, a journal whose old files are gone: it goes on with what is there."""
    async with edi.opened() as port:
        for number in range(4):
            edi.house.count({"MUG-WHITE": str(number)})
        raws = await edi.polled(port)
        await edi.polled(port, raws[-1].cursor)
        for path in edi.files("journal/taken")[:3]:
            path.unlink()
        assert len(await edi.polled(port, raws[0].cursor)) == 1
        assert len(await edi.polled(port)) == 1
    edi.files("journal/taken")[0].unlink()
    edi.house.count({"MUG-WHITE": "9"})
    async with edi.opened() as port:
        (fresh,) = await edi.polled(port, raws[-1].cursor)
        assert fresh.cursor > raws[-1].cursor


async def test_leniently_a_document_without_its_end_is_refused_all_the_same(edi: Any) -> None:
    """A wrong count may be forgiven; what is cut off is not."""
    edi.house.count({"MUG-WHITE": "5", "TEE-S": "7"})
    (path,) = edi.files("from-warehouse")
    text = path.read_text()
    path.write_text(text.replace(text[text.index("LIN*2") : text.index("GE*1")], ""))
    async with edi.opened(lenient=True) as port:
        (raw,) = await edi.polled(port)
        with pytest.raises(ContractError, match="846 0001 has no SE"):
            list(translate(raw))


async def test_what_was_shipped_can_be_told_again(edi: Any) -> None:
    """A snapshot: the last word of each shipment, taken over or still lying there, by its time."""
    async with edi.opened() as port:
        number = (await port.apply(edi.order())).native_id
        edi.house.read()
        for shipment in ("BOL1", "BOL2", "BOL1"):
            edi.house.ship(number, shipment=shipment)
        edi.house.count({"MUG-WHITE": "5"})
        raws = await edi.polled(port)
        edi.house.ship(number, shipment="BOL3")
        told = [raw async for raw in port.snapshot(Window(kind="fulfillment"))]
        assert [raw.key for raw in told] == ["945:BOL1", "945:BOL2", "945:BOL3"]
        last = [raw for raw in raws if raw.topic == "945"][-1]
        assert told[0].data == last.data
        late = Window(kind="fulfillment", since=edi.house.now)
        assert [raw.key async for raw in port.snapshot(late)] == ["945:BOL3"]
        early = Window(kind="fulfillment", until=edi.house.now - timedelta(seconds=1))
        assert "945:BOL3" not in [raw.key async for raw in port.snapshot(early)]
        with pytest.raises(RejectedError, match="not inventory"):
            await anext(port.snapshot(Window(kind="inventory")))

"""Identity: ids that must never change, for a changed id is a second order at the ERP."""

from collections import Counter

from crossdock import identity
from hypothesis import given
from hypothesis import strategies as st


def test_ids_are_what_they_always_were() -> None:
    assert identity.digest("a", "b") == "2rknxw7nt3nsvpf0mms7en4zv9"
    assert identity.entity_id("web", "order", "450789469") == "ord_z2xgayjp35v5w4x0v6etcf6wsq"
    assert identity.entity_id("web", "unheard-of", "1").startswith("unheard-of_")
    assert identity.event_id("ord_1", "order.placed", "7", "f") == "evt_nkskxy8stwtwewg9hdw6r5r4eg"
    assert identity.command_id("erp", "order.create", "ord_1") == "cmd_s7s9nsybqs84r1jsrgppxdy91n"
    assert identity.fingerprint(b"x") == (
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    )
    assert [identity.partition(f"ord_{n}", 12) for n in range(8)] == [2, 2, 0, 11, 0, 7, 2, 4]


parts = st.lists(st.text(max_size=4), max_size=4)


@given(parts, parts)
def test_a_digest_knows_where_its_parts_end(one: list[str], other: list[str]) -> None:
    assert (identity.digest(*one) == identity.digest(*other)) == (one == other)


def test_part_boundaries_matter() -> None:
    made = [("ab", "c"), ("a", "bc"), ("abc",), ("", "abc"), ("abc", ""), ("a", "b", "c"), ()]
    assert len({identity.digest(*one) for one in made}) == len(made)


@given(st.text(st.characters()))
def test_any_text_has_an_id(text: str) -> None:
    made = identity.entity_id("web", "order", text)
    assert len(made) == 30
    assert made.isascii()


@given(st.text(st.characters()), st.integers(1, 16))
def test_a_partition_is_in_range(key: str, lanes: int) -> None:
    assert 0 <= identity.partition(key, lanes) < lanes


def test_partitions_are_spread() -> None:
    lanes = Counter(identity.partition(identity.digest(str(n)), 8) for n in range(8_000))
    assert len(lanes) == 8
    assert min(lanes.values()) > 800

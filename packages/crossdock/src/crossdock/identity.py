"""Deterministic identity: the same news has the same id by whatever road it comes.

A canonical id derives from connection + kind + native id, so no table is needed to know it, and
two runners that meet the same order at once agree on its id.
"""

import hashlib
from collections.abc import Iterable
from functools import lru_cache

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: no i, l, o, u

PREFIXES = {
    "order": "ord",
    "product": "prd",
    "variant": "var",
    "inventory": "inv",
    "fulfillment": "ful",
    "customer": "cus",
    "refund": "rfd",
    "return": "ret",
    "location": "loc",
    "stock_item": "itm",
    "category": "cat",
    "media": "med",
    "bundle": "bdl",
    "offer": "ofr",
    "price_list": "plt",
    "price": "prc",
    "promotion": "pro",
    "inventory_movement": "mov",
    "reservation": "rsv",
    "availability": "avl",
    "stock_count": "cnt",
    "lot": "lot",
    "transfer": "trf",
    "purchase_order": "por",
    "inbound_shipment": "inb",
    "goods_receipt": "grn",
    "hold": "hld",
    "order_edit": "edt",
    "cancellation": "can",
    "fulfillment_order": "fuo",
    "package": "pkg",
    "promise": "pms",
    "return_receipt": "rrc",
    "exchange": "exc",
    "payment": "pay",
    "payment_transaction": "ptx",
    "gift_card": "gft",
    "dispute": "dsp",
    "invoice": "ivc",
    "credit_note": "crn",
    "settlement": "stl",
    "settlement_line": "stx",
    "payout": "pot",
    "organization": "org",
    "channel": "chn",
    "connection": "con",
    "identity_link": "idl",
    "exception": "xcp",
    "reconciliation_run": "rec",
    "difference": "dif",
    "drift": "drf",
    "ownership_rule": "own",
    "partner": "prt",
    "schema": "sch",
    "cutover": "cut",
}


_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_LENGTHS = [length.to_bytes(4, "big") for length in range(256)]
_30_BITS = (1 << 30) - 1


def digest(*parts: str) -> str:
    """26 characters that stand for these parts, in this order (130 bits of SHA-256)."""
    return _text(_framed(parts))


def _framed(parts: Iterable[str]) -> bytes:
    """Each behind its length, so that no two sequences of parts look alike."""
    whole = b""
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        size = len(raw)
        whole += (_LENGTHS[size] if size < 256 else size.to_bytes(4, "big")) + raw
    return whole


def _text(whole: bytes) -> str:
    number = int.from_bytes(hashlib.sha256(whole).digest()[:17], "big") >> 6
    # cut into what a processor's word holds: Python's arithmetic is slow beyond
    a, b, c = number >> 100, number >> 70 & _30_BITS, number >> 40 & _30_BITS
    d, e, two = number >> 10 & _30_BITS, number & 1023, _PAIRS
    return (
        f"{two[a >> 20]}{two[a >> 10 & 1023]}{two[a & 1023]}"
        f"{two[b >> 20]}{two[b >> 10 & 1023]}{two[b & 1023]}"
        f"{two[c >> 20]}{two[c >> 10 & 1023]}{two[c & 1023]}"
        f"{two[d >> 20]}{two[d >> 10 & 1023]}{two[d & 1023]}{two[e]}"
    )


def entity_id(connection: str, kind: str, native_id: str) -> str:
    """`ord_…` for the order that `connection` calls `native_id`; `kind` is a key of PREFIXES."""
    prefix, begun = _beginning(connection, kind)
    return f"{prefix}_{_text(begun + _framed((native_id,)))}"


@lru_cache(1_024)
def _beginning(connection: str, kind: str) -> tuple[str, bytes]:
    """What all ids of one kind and connection begin with, before and after hashing."""
    return PREFIXES.get(kind, kind), _framed((connection, kind))


def event_id(entity: str, type_: str, revision: str, fingerprint: str) -> str:
    """One id for one state of one entity.

    The fingerprint of the content joins the revision, for a revision may be as coarse as a second
    and two changes may share it (decision 0003).
    """
    return f"evt_{digest(entity, type_, revision, fingerprint)}"


def command_id(connection: str, type_: str, key: str) -> str:
    """The idempotency key of an effect: one for each (target, wish, business key)."""
    return f"cmd_{digest(connection, type_, key)}"


def fingerprint(data: bytes) -> str:
    """SHA-256 of the bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def partition(key: str, partitions: int) -> int:
    """Which of `partitions` lanes a key travels in; stable across processes and releases."""
    return (
        int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:4], "big")
        % partitions
    )

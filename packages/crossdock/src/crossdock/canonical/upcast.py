"""Older majors brought to the present one, and the present one brought one major back.

An upcaster is a pure function from the JSON of one major to the JSON of the next; they are chained
and applied on reading: streams are never rewritten. A downcaster serves partners who still read
the major before, for twelve months; it says what it had to leave out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crossdock import jsontext
from crossdock.errors import ContractError

Json = dict[str, Any]
Upcaster = Callable[[Json], Json]


@dataclass(frozen=True)
class Downcast:
    """A document one major back. `lost` names, by JSON pointer into the newer document, what the
    older major has no place for; empty means lossless."""

    document: Json
    lost: tuple[str, ...] = ()


Downcaster = Callable[[Json], Downcast]


def upcast(kind: str, document: Json, major: int, to: int) -> Json:
    """The same thing in the words of major `to`. ContractError when there is no way there."""
    if not 1 <= major <= to:
        raise ContractError(
            f"{kind}: version {major} cannot be read here; versions 1 to {to} can",
            value=str(major),
        )
    for step in range(major, to):
        upcaster = UPCASTERS.get((kind, step))
        if upcaster is None:
            raise ContractError(f"{kind}: nothing leads from version {step} to {step + 1}")
        document = upcaster(document)
    return document


def upcast_bytes(kind: str, data: bytes, major: int, to: int) -> bytes:
    """`upcast` from bytes to bytes, for `Entity.parse`."""
    document = jsontext.parse(data, what=f"the {kind}")
    if not isinstance(document, dict):
        raise ContractError(f"the {kind} is no object", value=jsontext.shorten(document))
    try:
        return jsontext.dump(upcast(kind, document, major, to))
    except (AttributeError, KeyError, TypeError) as error:
        raise ContractError(
            f"{kind}: this is no version {major}, it lacks or misshapes {error}"
        ) from None


def downcast(kind: str, document: Json, major: int) -> Downcast:
    """The same thing one major back. ContractError when that major is no longer served."""
    downcaster = DOWNCASTERS.get((kind, major))
    if downcaster is None:
        raise ContractError(f"{kind}: version {major - 1} is not served any more")
    return downcaster(document)


_RETURN_KEPT = (
    "id",
    "refs",
    "updated_at",
    "extensions",
    "order",
    "number",
    "requested_at",
    "received_at",
    "closed_at",
    "source_status",
)
_NOTE = "dev.crossdock.return-v1"


def _return_1_to_2(old: Json) -> Json:
    """One answer and one reason for all becomes an answer and a reason line by line."""
    new: Json = {key: old[key] for key in _RETURN_KEPT if key in old}
    answer = old.get("authorised")
    lines = []
    for line in old["lines"]:
        made = {key: line[key] for key in ("line_id", "sku", "unit", "received") if key in line}
        made["requested"] = line["quantity"]
        if answer is not None:
            made["authorised" if answer else "declined"] = line["quantity"]
        if "reason" in old:
            made["reason"] = old["reason"]
        lines.append(made)
    new["lines"] = lines
    if "decided_at" in old:
        if answer is None:
            new["extensions"] = {
                **new.get("extensions", {}),
                _NOTE: {"decided_at": old["decided_at"]},
            }
        else:
            new["authorised_at" if answer else "declined_at"] = old["decided_at"]
    if "refund_amount" in old:
        new["expected_refund"] = old["refund_amount"]
    if "note" in old and lines:
        lines[0]["note"] = old["note"]
    return new


def _return_2_to_1(new: Json) -> Downcast:
    """What was said line by line is said once where all lines agree, and is lost where not."""
    old: Json = {key: new[key] for key in _RETURN_KEPT if key in new}
    lost: list[str] = []
    lines, reasons, notes = [], set(), []
    answers: set[str | None] = set()
    for index, line in enumerate(new["lines"]):
        made = {key: line[key] for key in ("line_id", "sku", "unit", "received") if key in line}
        made["quantity"] = line["requested"]
        lines.append(made)
        if line["requested"].strip("0."):  # of nothing, nothing can be agreed or refused
            answers.add(_answer(line))
        reasons.add(line.get("reason"))
        if "note" in line:
            notes.append((index, line["note"]))
        lost += [f"/lines/{index}/{key}" for key in line if key not in _RETURN_LINE_KNOWN]
    old["lines"] = lines
    times = [key for key in ("authorised", "declined") if f"{key}_at" in new]
    if not answers and len(times) == 1:
        answers = {times[0]}
    if not answers:
        answers = {None}
    if len(answers) == 1:
        answer = answers.pop()
        if answer == "mixed":
            lost += _pointers(new, "authorised", "declined")
        elif answer is not None:
            old["authorised"] = answer == "authorised"
    else:
        lost += _pointers(new, "authorised", "declined")
    reason = reasons.pop() if len(reasons) == 1 else None
    if reason in _REASONS_V1:
        old["reason"] = reason
    elif reason is None:
        lost += _pointers(new, "reason")
    else:
        old["reason"] = "other"
        lost += _pointers(new, "reason")
    if notes and notes[0][0] == 0:
        old["note"] = notes.pop(0)[1]
    lost += [f"/lines/{index}/note" for index, _ in notes]
    decided = [key for key in ("authorised_at", "declined_at") if key in new]
    wanted = "declined_at" if old.get("authorised") is False else "authorised_at"
    if "authorised" in old and wanted in decided:
        old["decided_at"] = new[wanted]
        decided.remove(wanted)
    lost += [f"/{key}" for key in decided]
    kept = old.get("extensions", {}).get(_NOTE)
    if kept is not None:
        rest = {key: value for key, value in old["extensions"].items() if key != _NOTE}
        old["decided_at"] = kept["decided_at"]
        old.pop("extensions")
        if rest:
            old["extensions"] = rest
    if "expected_refund" in new:
        old["refund_amount"] = new["expected_refund"]
    known = {*_RETURN_KEPT, "lines", "authorised_at", "declined_at", "expected_refund"}
    lost += [f"/{key}" for key in new if key not in known]
    return Downcast(old, tuple(sorted(lost)))


_REASONS_V1 = {
    "unwanted",
    "wrong_item",
    "defective",
    "damaged_in_transit",
    "not_as_described",
    "too_late",
    "other",
}
_RETURN_LINE_KNOWN = {
    "line_id",
    "sku",
    "unit",
    "requested",
    "received",
    "authorised",
    "declined",
    "reason",
    "note",
}


def _answer(line: Json) -> str | None:
    """What was answered to all of a line; `mixed` when to a part of it."""
    given = [key for key in ("authorised", "declined") if line.get(key, "0").strip("0.")]
    if not given:
        return None
    if len(given) == 1 and line[given[0]] == line["requested"]:
        return given[0]
    return "mixed"


def _pointers(document: Json, *keys: str) -> list[str]:
    return [
        f"/lines/{index}/{key}"
        for index, line in enumerate(document["lines"])
        for key in keys
        if key in line
    ]


UPCASTERS: dict[tuple[str, int], Upcaster] = {("return", 1): _return_1_to_2}
"""(kind, from major) to the function that brings it one major on. None is ever removed."""

DOWNCASTERS: dict[tuple[str, int], Downcaster] = {("return", 2): _return_2_to_1}
"""(kind, from major) to the function that brings it one major back, for twelve months."""

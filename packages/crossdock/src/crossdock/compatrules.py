"""The rules of compatibility: which change of a schema may stay within a major version, and why.

Two profiles, two questions. *Producer*: partners send what the old schema allowed; a change is
breaking when some of that is now refused. *Consumer*: partners check with the old schema what is
sent by the new one; a change is breaking when some of that is refused by them. So what narrows is
breaking for producers, what widens is breaking for consumers. `unknown` is what no rule can decide:
a person must, and until then it counts as breaking.
"""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["compatible", "breaking", "unknown"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One change in one profile."""

    id: str
    profile: str
    verdict: Verdict
    reason: str


_EFFECTS: dict[str, tuple[Verdict, Verdict]] = {
    "narrows": ("breaking", "compatible"),
    "widens": ("compatible", "breaking"),
    "breaks": ("breaking", "breaking"),
    "harmless": ("compatible", "compatible"),
    "unknown": ("unknown", "unknown"),
}
"""What an effect means for producers and for consumers."""

_TABLE = """
# objects
property-added-optional | harmless | a new optional field: senders leave it out, readers ignore it
property-added-required | narrows | a new required field: documents without it are refused
property-removed | breaks | a field is gone: senders are refused, readers miss it
property-required | narrows | an optional field became required: documents without it are refused
property-optional | widens | a required field became optional: readers who rely on it miss it
properties-closed | narrows | unknown fields are now refused
properties-opened | widens | unknown fields are now allowed
property-names-added | narrows | names of fields are now restricted
property-names-removed | widens | names of fields are no longer restricted
property-names-changed | unknown | names of fields are restricted otherwise
pattern-properties-added | unknown | fields are described by a pattern of their name
pattern-properties-removed | unknown | fields are no longer described by a pattern of their name
dependent-required-added | narrows | a field now demands another
dependent-required-removed | widens | a field no longer demands another
min-properties-raised | narrows | more fields are demanded
min-properties-lowered | widens | fewer fields are demanded
max-properties-lowered | narrows | fewer fields are allowed
max-properties-raised | widens | more fields are allowed
# types
type-narrowed | narrows | fewer types are allowed
type-widened | widens | more types are allowed
type-changed | breaks | another type
type-added | narrows | any type was allowed, now one is demanded
type-removed | widens | one type was demanded, now any is allowed
null-refused | narrows | null is now refused
null-allowed | widens | null is now allowed
schema-forbids | narrows | nothing is allowed here any more
schema-allows | widens | anything is allowed here now
# words
enum-value-added | widens | a new word in a closed list: readers who know the old list refuse it
enum-value-removed | narrows | a word less in a closed list: senders who use it are refused
enum-added | narrows | an open list was closed
enum-removed | widens | a closed list was opened
const-added | narrows | only one value is allowed now
const-removed | widens | more than one value is allowed now
const-changed | breaks | another single value
vocabulary-value-added | harmless | a new documented word in an open vocabulary
vocabulary-value-removed | unknown | a documented word is gone: is it still sent?
# text
min-length-raised | narrows | shorter text is refused
min-length-lowered | widens | shorter text is allowed
max-length-lowered | narrows | longer text is refused
max-length-raised | widens | longer text is allowed
pattern-added | narrows | text must now have a form
pattern-removed | widens | text need no longer have a form
pattern-changed | unknown | text must have another form; which is wider is not decided here
format-added | narrows | text must now have a format, for validators that check formats
format-removed | widens | text need no longer have a format
format-changed | breaks | text must have another format
content-changed | unknown | text is encoded otherwise
# numbers
minimum-raised | narrows | smaller numbers are refused
minimum-lowered | widens | smaller numbers are allowed
maximum-lowered | narrows | larger numbers are refused
maximum-raised | widens | larger numbers are allowed
exclusive-minimum-raised | narrows | smaller numbers are refused
exclusive-minimum-lowered | widens | smaller numbers are allowed
exclusive-maximum-lowered | narrows | larger numbers are refused
exclusive-maximum-raised | widens | larger numbers are allowed
multiple-of-added | narrows | numbers must now be multiples
multiple-of-removed | widens | numbers need no longer be multiples
multiple-of-finer | widens | numbers may be multiples of a part of the old step
multiple-of-coarser | narrows | numbers must be multiples of a multiple of the old step
multiple-of-changed | breaks | numbers must be multiples of another step
# lists
min-items-raised | narrows | shorter lists are refused
min-items-lowered | widens | shorter lists are allowed
max-items-lowered | narrows | longer lists are refused
max-items-raised | widens | longer lists are allowed
unique-items-added | narrows | repeated items are refused
unique-items-removed | widens | repeated items are allowed
items-added | narrows | items are now described
items-removed | widens | items are no longer described
tuple-changed | unknown | items are described by their place
contains-changed | unknown | what a list must contain is different
# combinations
branch-added | widens | one more alternative
branch-removed | narrows | one alternative less
branches-added | narrows | alternatives now restrict what was free
branches-removed | widens | alternatives no longer restrict
branch-changed | unknown | an alternative is different, and others may overlap with it
one-of-changed | unknown | exactly one must fit, and the alternatives are different
condition-added | narrows | one more condition must hold
condition-removed | widens | one condition less must hold
negation-changed | unknown | what must not be is different
if-changed | unknown | what holds under a condition is different
unevaluated-changed | unknown | what is left over is judged otherwise
# meaning
default-changed | breaks | absence means something else
default-added | unknown | absence now means a value: did it before?
default-removed | breaks | absence no longer means the value it meant
semantics-changed | unknown | normative text changed: say whether the meaning did
invariant-added | narrows | counters must keep one more limit
invariant-removed | widens | counters need not keep a limit any more
unit-changed | breaks | the same number means something else
check-changed | unknown | a check outside of the schema is different
key-changed | breaks | another entity's sequence: order of news is no longer what it was
authority-changed | breaks | somebody else's word is final
delivery-changed | breaks | whole entity or difference: readers handle them otherwise
kind-changed | breaks | another entity
personal-marked | harmless | a field is now marked as personal data
personal-unmarked | breaks | a field is no longer protected as personal data
read-write-changed | unknown | who may set a field is different
# words about words
title-changed | harmless | a title
description-changed | harmless | a description, not normative: see semantics-changed
examples-changed | harmless | examples
comment-changed | harmless | a comment
deprecated-changed | harmless | a mark of deprecation
version-changed | harmless | the minor version
profile-changed | unknown | another profile: compare like with like
id-changed | breaks | another address is another contract
dialect-changed | unknown | another dialect of JSON Schema
schema-removed | breaks | a published schema is gone
keyword-unknown | unknown | a keyword that these rules do not know
"""
"""Rule, effect, reason. `narrows` is breaking for producers, `widens` for consumers."""


def _read(table: str) -> dict[tuple[str, str], Rule]:
    found: dict[tuple[str, str], Rule] = {}
    for row in table.strip().splitlines():
        if not row.startswith("#"):
            name, effect, reason = (cell.strip() for cell in row.split("|"))
            for profile, verdict in zip(("producer", "consumer"), _EFFECTS[effect], strict=True):
                found[name, profile] = Rule(name, profile, verdict, reason)
    return found


RULES: dict[tuple[str, str], Rule] = _read(_TABLE)
"""(id, profile) to rule."""

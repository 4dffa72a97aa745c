"""The canonical language beside its neighbours: UCP, ACP and GS1 EPCIS.

Each module translates both ways by pure functions and publishes what does not survive: `LOST`, by
pointer into the canonical documents, with the reason; `LOST_BACK`, by pointer into the neighbour's
document. `*` in a pointer stands for every element. Where only some values are lost, the reason
begins with "when", and `LOST_WHEN` decides it. What neither list names comes back equal; a test
holds them to it (tests/neighbours).

Amounts of money become integers of the currency's smallest coin (ISO 4217) and are never rounded:
one that does not fit is a ContractError that names it.
"""

"""The ledger: the one truth. Everything that must not be lost is a row here before it moves."""

from crossdock_stages.ledger.store import Ledger, open_ledger

__all__ = ["Ledger", "open_ledger"]

"""Short forms run in the test command; long forms in `nox -s chaos`."""

import os
import random

DEFAULT_SEED = 20261123
"""Of the short forms, so that the test command repeats itself; long forms draw their own."""

MINUTES = float(os.environ.get("CROSSDOCK_CHAOS_MINUTES", "600"))
"""After so many no more is sold and nobody is killed any more; what was sold must still arrive."""


def long_form() -> bool:
    """Whether `nox -s chaos` asked for the long forms."""
    return os.environ.get("CROSSDOCK_CHAOS") == "long"


def size(short: int, long: int, name: str) -> int:
    """How many: CROSSDOCK_CHAOS_<NAME> where it is set, else what the form takes."""
    return int(os.environ.get(f"CROSSDOCK_CHAOS_{name}", long if long_form() else short))


def drawn_seed() -> int:
    """CROSSDOCK_CHAOS_SEED, or the form's own."""
    given = os.environ.get("CROSSDOCK_CHAOS_SEED")
    if given:
        return int(given)
    return random.randrange(10**9) if long_form() else DEFAULT_SEED

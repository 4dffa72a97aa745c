"""Gateway, runner and nats-server are killed without warning, again and again."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from forms import MINUTES, size
from oracle import Faults
from whole import Site, Storm

GAP_S = float(os.environ.get("CROSSDOCK_CHAOS_GAP_S", "60"))
"""Kills follow the share of work done, but none is longer than this after the one before it."""


def say(**told: Any) -> None:
    """One line of figures for docs/quality/reliability.md."""
    sys.stderr.write(json.dumps(told) + "\n")


async def weather(site: Site, storm: Storm) -> Faults:
    """Let it rage, tell what was seen, and what is wrong."""
    started = time.monotonic()
    faults = await storm.rage()
    say(
        orders=storm.sold,
        done=dict(storm.done),
        seconds=round(time.monotonic() - started),
        seen=await site.progress(),
        faults=faults,
    )
    if faults and site.ledger.startswith("sqlite"):
        say(now=time.time(), account=await site.account(), left_open=site.left_open())
    if unwell := site.unwell():
        faults = {**faults, "a process said what it should never say": len(unwell)}
        sys.stderr.write("\n".join(unwell) + "\n")
    return faults


@pytest.mark.timeout(7200)
async def test_random_kills_lose_and_double_nothing(tmp_path: Path, seed: int) -> None:
    """Each by itself; 5 % of the webhooks come twice, 5 % in the wrong order."""
    orders, kills = size(60, 20_000, "ORDERS"), size(3, 200, "KILLS")
    async with Site(tmp_path) as site:
        storm = Storm(
            site, orders=orders, kills=kills, seed=seed, minutes=MINUTES, longest_gap_s=GAP_S
        )
        faults = await weather(site, storm)
    assert not faults, (seed, faults)
    if storm.sold == orders:
        assert sum(n for name, n in storm.done.items() if name.endswith("killed")) == kills

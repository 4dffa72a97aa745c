"""Two crashes in a row, at every pair of edges. Only in the long form: it takes minutes."""

import itertools
import random
import sys
from pathlib import Path

import pytest
from crashing import Cases, every_point, told
from forms import MINUTES


@pytest.mark.timeout(7200)
async def test_two_crashes_at_every_pair_of_edges_are_repaired(
    tmp_path: Path, empty_ledger: Path, swift: None, seed: int
) -> None:
    cases = Cases(tmp_path, empty_ledger)
    edges = [point for point in await every_point(cases) if point.endswith("#1")]
    pairs = list(itertools.product(edges, edges))
    random.Random(seed).shuffle(pairs)
    ended = await cases.all(pairs, minutes=MINUTES)
    sys.stderr.write(f"\n{len(edges)} edges, {len(pairs)} pairs; {told(ended)}\n")
    assert not [one for one in ended if one.faults], told(ended)

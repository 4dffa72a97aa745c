"""A process may die between any two lines; the next start repairs what it left."""

import sys
from pathlib import Path

import pytest
from crashing import Cases, every_point, told
from forms import long_form


@pytest.mark.timeout(3600)
async def test_a_crash_at_every_point_is_repaired_by_the_next_start(
    tmp_path: Path, empty_ledger: Path, swift: None
) -> None:
    cases = Cases(tmp_path, empty_ledger)
    points = await every_point(cases)
    edges = {point.rpartition(" #")[0] for point in points}
    for stage in ("intake", "relay", "poll", "translate", "decide", "deliver erp", "deliver web"):
        assert any(edge.startswith(f"{stage}: ") for edge in edges), stage
    if not long_form():
        # dying before an edge is dying after the one before it, but for a call: its intent is new
        points = [p for p in points if p.endswith("#1") and (": before" not in p or " call " in p)]
    ended = await cases.all([[point] for point in points])
    sys.stderr.write(f"\n{len(edges)} edges; {told(ended)}\n")
    assert not [one for one in ended if one.faults], told(ended)
    assert sum(one.died for one in ended) > 0.8 * len(points), "most points must be reached"

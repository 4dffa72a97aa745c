"""The ratios as one SVG picture: each goal a bar on a scale on which 1 is the goal."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WIDTH, LEFT, RIGHT, TOP, STEP, BAR = 960, 430, 150, 64, 30, 14
SPAN = 3.0
"""The scale reaches from 1/8 of the goal to 8 times the goal, in powers of two."""


def draw(document: Mapping[str, Any]) -> str:
    """From the document of `--json`; goals of zero have no scale and are left out."""
    goals = [
        (row, goal)
        for row in document["rows"]
        for goal in row.get("goals", ())
        if "value" in goal and goal["bound"] and goal["value"] > 0
    ]
    height = TOP + STEP * len(goals) + 40
    machine = document["machine"]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="24" font-size="16" font-weight="600">crossdock bench, '
        f"{escape(str(document['measured_at'])[:10])}</text>",
        f'<text x="16" y="44" fill="#555555">{machine["cores"]} cores, '
        f"{escape(machine['processor'])}, Python {escape(machine['python'])}; "
        "bar: median, line: all rounds, right of the middle is better</text>",
    ]
    for power in range(-3, 4):
        x = _x(float(power))
        parts.append(
            f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - 34}" '
            f'stroke="{"#222222" if power == 0 else "#dddddd"}"/>'
        )
        label = "goal" if power == 0 else f"×{2**power:g}" if power > 0 else f"1/{2**-power}"
        parts.append(
            f'<text x="{x:.1f}" y="{height - 16}" text-anchor="middle" fill="#555555">'
            f"{label}</text>"
        )
    for at, (row, goal) in enumerate(goals):
        parts += _bar(row, goal, TOP + STEP * at)
    return "\n".join([*parts, "</svg>", ""])


def _bar(row: Mapping[str, Any], goal: Mapping[str, Any], y: int) -> Sequence[str]:
    zero = _x(0.0)
    x = _x(_score(goal, goal["value"]))
    low, high = sorted(_x(_score(goal, goal[key])) for key in ("lowest", "highest"))
    colour = "#2b7a4b" if goal["reached"] else "#b3452c"
    middle = y + BAR / 2
    name = f"{row['name']}: {goal['text']}"
    return (
        f'<text x="{LEFT - 12}" y="{y + BAR - 2}" text-anchor="end">{escape(name)}</text>',
        f'<rect x="{min(x, zero):.1f}" y="{y}" width="{max(abs(x - zero), 1):.1f}" '
        f'height="{BAR}" fill="{colour}"/>',
        f'<line x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}" stroke="#222222" '
        'stroke-width="2"/>',
        f'<text x="{WIDTH - RIGHT + 12}" y="{y + BAR - 2}">{goal["value"]:g} '
        f"({escape(goal['wanted'])})</text>",
    )


def _score(goal: Mapping[str, Any], value: float) -> float:
    """How many doublings better than the goal."""
    if value <= 0:
        return -SPAN
    times = value / goal["bound"] if goal["higher_is_better"] else goal["bound"] / value
    return max(-SPAN, min(SPAN, math.log2(times)))


def _x(score: float) -> float:
    width = WIDTH - LEFT - RIGHT
    return LEFT + width * (score + SPAN) / (2 * SPAN)

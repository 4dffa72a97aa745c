"""Counting what happens, by name; read by `/status` and by tests."""

from collections import Counter


class Meters:
    """Counters of one process. Names read `stage.what`, as in `intake.accepted`."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, name: str, count: int = 1) -> None:
        """Count `count` more of `name`."""
        self.counts[name] += count

    def __getitem__(self, name: str) -> int:
        return self.counts[name]

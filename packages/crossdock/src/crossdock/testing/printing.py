"""What the commands of the kit print, for people who pipe it into `head`."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence


def until_nobody_reads(main: Callable[[], int]) -> int:
    """Run a command; a reader who has gone (`| head`) ends it, without a traceback."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # what is still in the buffer must go somewhere when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def grouped(unexplained: Sequence[str], explained: Iterable[str]) -> list[str]:
    """The places as patterns to be written by hand: `/a/**` where nothing below `/a` is explained.

    The widest such pattern that stands for more than one place.
    """
    known = {above for place in explained for above in _above(place)}
    found: dict[str, None] = {}
    for place in unexplained:
        for above in _above(place):
            below = sum(one.startswith(f"{above}/") for one in unexplained)
            if above not in known and below > 1:
                found[f"{above}/**"] = None
                break
        else:
            found[place] = None
    return list(found)


def _above(place: str) -> list[str]:
    """`/a` and `/a/b` of `/a/b/c`."""
    parts = place.split("/")
    return ["/".join(parts[:end]) for end in range(2, len(parts))]

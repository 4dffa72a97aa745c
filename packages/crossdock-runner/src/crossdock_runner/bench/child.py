"""One measurement in a process of its own: `python -m …bench.child MODULE CASE {…}`.

Imports nothing but what the case needs, so that its memory is the case's own.
"""

import dataclasses
import json
import sys
from importlib import import_module


def main() -> None:
    """Print the sample as one line of JSON, or why there is none."""
    from crossdock_runner.bench.measure import Absent

    module, case, text = sys.argv[1:4]
    run = import_module(f"crossdock_runner.bench.{module}").case
    try:
        sample = run(case, json.loads(text))
    except Absent as reason:
        answer = {"absent": str(reason)}
    else:
        answer = dataclasses.asdict(sample)
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

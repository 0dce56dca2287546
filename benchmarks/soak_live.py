"""Live trading killed at every moment there is, under every trouble: what held, and what did not.

Run by ``make soak``; each run is a session with a kill -9 and a second process that ends it.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

_TESTS = Path(__file__).parent.parent / "tests"


def main() -> None:
    """Run the matrix in an order drawn by a seed; exit with 1 if a law was broken in a run."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--runs", type=int, default=200)
    words.add_argument("--seed", type=int, default=1)
    asked = words.parse_args()
    sys.path.insert(0, str(_TESTS))
    from live_run import CONDITIONS, Kill, live_stage

    rng = random.Random(asked.seed)  # noqa: S311 - which moment comes first is no secret
    with live_stage(asked.runs + 1) as stage:
        moments = stage.run().moments
        names = list(dict.fromkeys(moments))
        matrix = [(name, then) for name in names for then in CONDITIONS]
        rng.shuffle(matrix)
        held = killed = 0
        for number in range(asked.runs):
            name, then = matrix[number % len(matrix)]
            kill = Kill(name, rng.randint(1, moments.count(name)))
            course = stage.run(kill, then, away_s=rng.choice((0, 0, 60, 900)))
            held += not course.broken
            killed += course.killed
            print(f"{number + 1:4} {kill.at} ({kill.nth}), {then}: {course.broken or 'held'}")
    print(f"{held} of {asked.runs} runs held all laws; {killed} were killed where they should")
    sys.exit(held < asked.runs)


if __name__ == "__main__":
    main()

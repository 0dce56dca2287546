"""Live trading killed at every moment there is, under every trouble: what held, and what did not.

Run by ``make soak``; each run is a session with a kill -9 and a second process that ends it.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from live_run import Kill

_A_STAGE = 25
_AWAY_S = (0, 0, 60, 900)
_TESTS = Path(__file__).parent.parent / "tests"


def main() -> None:
    """Run the matrix in an order drawn by a seed; exit with 1 if a law was broken in a run."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--runs", type=int, default=200)
    words.add_argument("--seed", type=int, default=1)
    asked = words.parse_args()
    sys.path.insert(0, str(_TESTS))
    from live_run import live_stage

    rng = random.Random(asked.seed)  # noqa: S311 - which moment comes first is no secret
    plan: list[tuple[Kill, str]] = []
    held = killed = same = number = 0
    while number < asked.runs:
        # A stage's books grow, and with them the time that each look at them takes.
        count = min(_A_STAGE, asked.runs - number)
        with live_stage(2 * count + 1) as stage:
            first = stage.run()
            if not plan:
                plan = _plan(first.moments, rng, asked.runs)
            for kill, then in plan[number : number + count]:
                number += 1
                told, away_s = f"{number:4} {kill.at} ({kill.nth}), {then}", rng.choice(_AWAY_S)
                try:
                    course = stage.run(kill, then, away_s=away_s, prove=True)
                except AssertionError as error:
                    print(f"{told}, {away_s} s away: {error}")
                    break
                held += not course.broken
                killed += course.killed
                same += course.trades == first.trades
                print(f"{told}, {away_s} s away: {course.broken or 'held'}", flush=True)
    print(
        f"{held} of {asked.runs} runs held all laws; {killed} were killed where they should, "
        f"{same} ended as if nothing had happened"
    )
    sys.exit(held < asked.runs)


def _plan(moments: list[str], rng: random.Random, runs: int) -> list[tuple[Kill, str]]:
    """Every kind of moment under every trouble, then any moment."""
    from live_run import CONDITIONS, Kill

    matrix = [(name, then) for name in dict.fromkeys(moments) for then in CONDITIONS]
    rng.shuffle(matrix)
    plan = [(Kill(name, rng.randint(1, moments.count(name))), then) for name, then in matrix]
    while len(plan) < runs:
        plan.append((Kill("any", rng.randint(1, len(moments))), rng.choice(CONDITIONS)))
    return plan[:runs]


if __name__ == "__main__":
    main()

"""Worlds as lakes: planted, imported as a stranger would, checked, and compared."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.planted_faults import Expected, Plant, World
from catalyst.data.checks.findings import Finding
from catalyst.data.checks.report import check
from catalyst.data.lake import Lake


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold what became of planted faults.

    Attributes
    ----------
    planted : how many.
    missed : those that no finding names.
    strange : findings that name no planted fault, and that the clean world has not.
    """

    planted: int
    missed: tuple[Expected, ...]
    strange: tuple[Finding, ...]


def checked(world: World) -> tuple[Finding, ...]:
    """Import a world into a lake of its own and check it."""
    with tempfile.TemporaryDirectory(prefix="catalyst-check-") as folder:
        lake = Lake(Path(folder), create=True)
        for tables in (world.bars, world.later):
            for (timeframe, adjustment), bars in tables.items():
                lake.add_bars(bars, timeframe=timeframe, adjustment=adjustment)
        if world.actions is not None:
            lake.add_actions(world.actions)
        if world.news is not None:
            lake.add_news(world.news)
        return check(lake).findings


def planted(
    world: World, plant: Plant, *, n: int, seed: int, before: Sequence[Finding] = ()
) -> Outcome:
    """Plant faults in a world, check it, and say what was missed and what is strange.

    Parameters
    ----------
    world, plant, n, seed
        What to plant where, how often.
    before
        Findings of the world as it was.
    """
    with_faults = plant(world, np.random.default_rng(seed), n)
    found = checked(with_faults)
    expected = with_faults.expected
    missed = tuple(one for one in expected if not any(names(f, one) for f in found))
    known = {(f.kind, f.source, f.symbol) for f in before}
    strange = tuple(
        f
        for f in found
        if (f.kind, f.source, f.symbol) not in known
        and not any(touches(f, one) for one in expected)
    )
    return Outcome(len(expected), missed, strange)


def names(finding: Finding, fault: Expected) -> bool:
    """Tell whether a finding names a fault: kind, symbol, source and time."""
    return finding.kind in fault.kinds and touches(finding, fault)


def touches(finding: Finding, fault: Expected) -> bool:
    """Tell whether a finding speaks of a fault's symbol, source and time."""
    symbols = finding.symbol.split(", ") if finding.symbol else []
    if fault.symbol and symbols and fault.symbol not in symbols:
        return False
    if fault.source and fault.source not in finding.source:
        return False
    if not finding.first:
        return True
    first, last = (dt.date.fromisoformat(one[:10]) for one in (finding.first, finding.last))
    slack = dt.timedelta(days=4)
    return first - slack <= fault.last and fault.first <= last + slack

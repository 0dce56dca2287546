"""Controls of a variant: finalists by lot, its exits; matched, entering as often as it did."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import polars as pl

from catalyst.data.calendar import NEW_YORK
from catalyst.errors import ParamsError
from catalyst.research.result import Result
from catalyst.strategy.params import Params


def control_params(params: Params, seed: int) -> Params:
    """Return the free control of a variant: five of its fifty by lot, long, at half size.

    Exits, limits, execution, the first stage and what it takes for news are the variant's; how it
    chooses and scores is not. Where the variant changes by date, so does the control, as far as
    that touches it.

    Parameters
    ----------
    params
        The variant.
    seed
        Of the draw, from 0 on.

    Raises
    ------
    ParamsError
        If the seed is below 0.
    """
    return _drawn(params, {"seed": _drawable(seed)}, f"random-{seed}")


def matched(result: Result, *, seed: int) -> Params:
    """Return the control that enters as often as a run did: until each instant of a day, no more.

    The free control takes every slot it finds, at other hours than the run. This one waits until
    the run had entered; an entry it can't make then (no slot, the symbol is busy, a volume too
    small) it makes at the next scan of the day that allows it. What is left over is told by
    `shortfall`. A run without entries has a control without any.

    Parameters
    ----------
    result
        The run to be controlled, its orders at least.
    seed
        Of the draw, from 0 on.

    Raises
    ------
    ParamsError
        If the seed is below 0.
    """
    # No instants at all would be a free draw; one before all sessions lets nothing be entered.
    instants = _entered(result)["at"].cast(pl.Int64).to_list() or [0]
    control = {"seed": _drawable(seed), "entry_instants": instants}
    return _drawn(result.params, control, f"matched-{result.params.variant}-{seed}")


@dataclass(frozen=True)
class Shortfall:
    """Say how nearly a matched control entered as often as the run it controls.

    Attributes
    ----------
    asked, placed
        Entries of the run, and of its control.
    days
        Days on which they differ, ascending: the day, entries of the run, entries of the control.
    """

    asked: int
    placed: int
    days: tuple[tuple[dt.date, int, int], ...]


def shortfall(result: Result, control: Result) -> Shortfall:
    """Compare the entries a day of a run with those of its matched control.

    Parameters
    ----------
    result, control
        A run, and the run of what `matched` gave for it over the same span.
    """
    wanted, placed = _entered(result), _entered(control)
    by_day = (
        wanted.group_by("day")
        .len("asked")
        .join(placed.group_by("day").len("placed"), on="day", how="full", coalesce=True)
        .fill_null(0)
        .filter(pl.col("asked") != pl.col("placed"))
        .sort("day")
    )
    return Shortfall(wanted.height, placed.height, tuple(by_day.iter_rows()))


def _drawable(seed: int) -> int:
    # -1 would be a legal value of the field: no draw at all, and so no control.
    if seed < 0:
        raise ParamsError(f"the seed of a control is {seed}; expected a whole number from 0 on")
    return seed


def _drawn(params: Params, control: dict[str, object], name: str) -> Params:
    found = params.updated(
        {
            "variant": name,
            "control": control,
            "scored": {"half_size": 1.0},
            "technical_score": "spec",
            "volume_score": "spec",
            "entry_filters": [],
            "signal": {"allow_short": False, "direction_from_catalyst": False},
        }
    )
    # Weights by date are nothing to a draw.
    before = found.on(-(1 << 40))
    return before if all(entry.hash == before.hash for _, entry in found.by_date) else found


def _entered(result: Result) -> pl.DataFrame:
    """Return when each entry was placed, and the New York date of it."""
    return (
        result.orders.filter(pl.col("role") == "entry", pl.col("status") != "refused")
        .group_by("entry_id")
        .agg(at=pl.col("submitted_at").min())
        .select("at", day=pl.col("at").dt.convert_time_zone(str(NEW_YORK)).dt.date())
        .sort("at")
    )

"""What a loader claims: once, over the whole lake, before the run is walked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import polars as pl

from catalyst.data.calendar import sessions
from catalyst.research.audit.differences import Difference
from catalyst.research.audit.facts import early, of_facts, tables_of
from catalyst.research.audit.original import Original
from catalyst.research.audit.plugs import Plugs, impure
from catalyst.research.audit.purity import impurities
from catalyst.research.audit.remade import RemadeLake
from catalyst.research.audit.violations import Findings
from catalyst.research.audit.worlds import Told
from catalyst.strategy.components import Component
from catalyst.strategy.params import COMPONENTS, Params

if TYPE_CHECKING:
    import datetime as dt

_TOLERANCE = 1e-6
"""Relative; what an exponential mean still remembers of a beginning far behind is smaller."""

_FITTED = "fit(lake)"


def shorter_by(days: Sequence[dt.date]) -> int:
    """Return how many sessions are left out at a lake's beginning to see what depends on them."""
    return max(1, len(days) // 20) if len(days) > 5 else 0


def check_known(told: Told, original: Original, findings: Findings) -> None:
    """Find facts that a loader says were known before the lake says so."""
    frames = [name for name in told.timeframes if name in original.timeframes]
    own = {
        label: rows
        for _, label, rows in tables_of(
            original.lake, frames, grace_ns=original.grace_ns, start=None, end=None
        )
    }
    for kind, label, rows in told.tables:
        if label in own:
            found = early(kind, label, rows, own[label])
            if found is not None:
                difference, at_ns = found
                findings.add(at_ns, "lake", "facts", difference)
        if kind == "actions" and label in own:
            for invented in _invented(rows, own[label]):
                findings.add(None, "lake", "fill", invented)


def _invented(given: pl.DataFrame, own: pl.DataFrame) -> Iterator[Difference]:
    # The broker books what falls on the day, known or not.
    key = ["symbol", "ex_date", "kind", "value"]
    booked = given.filter(pl.col("kind").is_in(["split", "dividend"]))
    for symbol, day, kind, value in booked.join(own, on=key, how="anti").select(key).rows():
        what = f"a {kind} on {day}, a day on which the lake has no such"
        yield Difference(symbol, what, "none", f"{value:g}")


def check_start(
    told: Told, plugs: Plugs, original: Original, timeframe: str, findings: Findings
) -> None:
    """Find facts of the last sessions that depend on where the lake begins."""
    days = original.days(timeframe) or [
        day for f in original.timeframes for day in original.days(f)
    ]
    drop = shorter_by(days)
    if not drop:
        return
    lake = RemadeLake(original, drop=drop)
    since_day = days[-max(1, len(days) // 10)]
    since_ns = int(sessions(since_day, since_day).pre_ns[0])
    try:
        loaded = plugs.loaded(lake, timeframe=timeframe)
        tables = list(
            tables_of(
                loaded, told.timeframes, grace_ns=original.grace_ns, start=since_day, end=None
            )
        )
    except Exception as error:  # noqa: BLE001 - code of a user may raise anything
        reason = str(error).partition("\n")[0]
        what = f"the loader failed on a lake that begins {drop} sessions later ({reason})"
        findings.say(None, "start", "start", what)
        return
    finally:
        lake.expire()
    late = pl.col("_known") >= since_ns
    for (kind, label, was), (_, _, became) in zip(told.tables, tables, strict=True):
        rows = was.filter(late)
        if kind == "bars":
            # Of earlier sessions, the short lake's rows were not read.
            rows = rows.filter(pl.col("ts").dt.timestamp("ns") >= since_ns)
            became = became.filter(pl.col("ts").dt.timestamp("ns") >= since_ns)  # noqa: PLW2901 - narrowed
        found = of_facts(kind, label, rows, became.filter(late), tolerance=_TOLERANCE)
        if found is not None:
            what = (
                f"{found.what} depends on where the data begins: a running sum or an expanding mean"
            )
            findings.add(
                since_ns, "start", "start", Difference(found.symbol, what, found.was, found.became)
            )


def check_code(plugs: Plugs, params: Params, findings: Findings) -> int:
    """Name what plugs and components use that an audit can't remake; return how many components.

    What a fitted component holds comes from the fit, which is called anew.
    """
    fitted = not isinstance(plugs.params, Params)
    for name, function in plugs.given:
        for what in impure(function):
            findings.say(None, "code", name, what)
    found = [one.function for one in _components(params) if one.function is not None]
    for function in found:
        for impurity in impurities(function):
            if not (fitted and _FITTED in impurity.what):
                findings.say(None, "code", "component", f"the component {impurity}")
    return len(found)


def _components(params: Params) -> Iterator[Component]:
    for kind in COMPONENTS:
        value = getattr(params, kind)
        for one in value if isinstance(value, tuple) else (value,):
            yield one[0] if isinstance(one, tuple) else one

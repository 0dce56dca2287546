"""Trials that differ in exits, weights, bands, limits and costs only, run by a compiled loop.

The step is the law: whatever the loop can't do to the micro-dollar it leaves to replay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from catalyst.research.finalists import Finals
from catalyst.research.trade_kernels_desk import FLATTEN, NEWS_REVERSAL, TIME_STOP
from catalyst.research.trade_kernels_entry import (
    CATALYST,
    HALF_SIZE,
    PATTERN,
    TECHNICAL,
    VOLUME,
)
from catalyst.research.trade_kernels_layout import (
    DAY,
    DONE,
    ENTRY,
    MANY_TRADES,
    MOST_ORDERS,
    ORDER,
    TOTAL,
    TRADE,
    TRIAL,
    Records,
)
from catalyst.strategy.clock import HOUR_NS, MINUTE_NS, flatten_instant
from catalyst.strategy.draw import is_on
from catalyst.strategy.money import MICRO
from catalyst.strategy.param_content import content
from catalyst.strategy.params import Params
from catalyst.strategy.values import Bytes, Floats, Ints

_EXITS = {"news_reversal": NEWS_REVERSAL, "time_stop": TIME_STOP, "flatten": FLATTEN}
_SCORED = {
    "catalyst": CATALYST,
    "pattern": PATTERN,
    "technical": TECHNICAL,
    "volume": VOLUME,
    "half_size": HALF_SIZE,
}
_TRADED = ("signal.", "risk.", "execution.")
_SEEN = {"execution.bar_grace_s"}
_TABLES = {"exits", "scored"}
_COMPONENTS = ("catalyst_score", "technical_score", "volume_score")
# Micro-dollars of a float are whole numbers up to 2 ** 53, nine thousand times as much.
_MOST_EQUITY_USD = 1e6 * 1e3
_FIRST_ROOM = 1024


@dataclass(frozen=True)
class Compiled:
    """Hold what the compiled loop left of one trial.

    Attributes
    ----------
    trades : TRADE[n]
        Closed trades, in the order of ``trades`` of a replay.
    days : DAY[s]
        By session.
    n_entries
        Entries that filled.
    traded_micro
        Value of all fills, micro-dollars.
    """

    trades: Records
    days: Records
    n_entries: int
    traded_micro: int


def group_key(params: Params) -> tuple[object, ...] | None:
    """Return what all trials of a group share; None for a trial that only replay can run.

    Own components may read any parameter, so that a variant with one is replayed; so is one with a
    control or a schedule.
    """
    components = [getattr(params, name) for name in _COMPONENTS]
    components += [*params.patterns, *params.entry_filters, *params.exits]
    components += [component for component, _ in params.scored]
    names = [component.name for component, _ in params.scored]
    exits = [component.name for component in params.exits]
    if (
        any(component.function is not None for component in components)
        or len(set(names)) < len(names)
        or len(set(exits)) < len(exits)
        or params.risk.initial_equity_usd > _MOST_EQUITY_USD
        or bool(params.by_date)
        or is_on(params)
    ):
        return None
    return tuple(
        value
        for name, value in content(params).items()
        if name not in _TABLES and (name in _SEEN or not name.startswith(_TRADED))
    )


def shared_part(params: Params) -> Params:
    """Return a trial with what its group shares, and the specification in all else."""
    spec = Params()
    execution = replace(spec.execution, bar_grace_s=params.execution.bar_grace_s)
    return replace(
        params,
        variant="finalists",
        signal=spec.signal,
        risk=spec.risk,
        execution=execution,
        exits=spec.exits,
        scored=spec.scored,
    )


def trade(finals: Finals, variants: Sequence[Params]) -> list[Compiled | None]:
    """Run trials of one group over a recorded span.

    Parameters
    ----------
    finals
        The span, recorded with a trial of the group and at least its ``volume_bars``.
    variants
        Trials, all of one `group_key`.

    Returns
    -------
    list
        In the order of the variants; None for one that held what the loop doesn't cover, such as a
        position through a split.
    """
    from catalyst.research.trade_kernels import trade_nb

    flattens: dict[tuple[object, ...], int] = {}
    rows = [_trial(params, flattens) for params in variants]
    trials = np.array([row for row, *_ in rows], TRIAL)
    tape = finals.tape._replace(flatten=_flatten_table(finals, variants, flattens))
    n_symbols = len(np.unique(tape.finalists["symbol"]))
    most = max((p.risk.positions_max for p in variants), default=1)
    # One more than can be open: the place of an entry that is being made.
    n_entries = max(min(most, n_symbols), 1) + 1
    entries = np.zeros(n_entries, ENTRY)
    orders = np.zeros((n_entries, MOST_ORDERS), ORDER)
    books = np.zeros((n_entries, MOST_ORDERS), ORDER)
    room = np.zeros(_FIRST_ROOM, TRADE)
    out: list[Compiled | None] = []
    for k, (_, exits, components, weights) in enumerate(rows):
        while True:
            days, total = np.zeros(len(finals.sessions), DAY), np.zeros(1, TOTAL)
            trade_nb(
                tape,
                finals.news,
                trials[k],
                exits,
                components,
                weights,
                finals.n_patterns,
                entries,
                orders,
                books,
                room,
                days,
                total[0],
            )
            if total[0]["status"] != MANY_TRADES:
                break
            room = np.zeros(4 * len(room), TRADE)
        end = total[0]
        if end["status"] != DONE:
            out.append(None)
            continue
        trades = room[: end["n_trades"]].copy()
        out.append(Compiled(trades, days, int(end["n_entries"]), int(end["traded"])))
    return out


def _trial(
    params: Params, flattens: dict[tuple[object, ...], int]
) -> tuple[tuple[float, ...], Bytes, Bytes, Floats]:
    r, s, x = params.risk, params.signal, params.execution
    values: dict[str, float] = {
        "initial": round(r.initial_equity_usd * MICRO),
        "quiet_ns": r.quiet_minutes * MINUTE_NS,
        "time_stop_ns": round(r.time_stop_hours * HOUR_NS),
        "flatten": flattens.setdefault((r.flatten_at_close, r.flatten_minutes), len(flattens)),
        "n_scored": len(params.scored),
        "n_exits": len(params.exits),
        "band_1": s.bands[0],
        "band_2": s.bands[1],
        "band_3": s.bands[2],
    }
    own = {f.name: getattr(part, f.name) for part in (s, r, x) for f in fields(part)}
    row = tuple(values[name] if name in values else own[name] for name in TRIAL.names or ())
    exits, components = np.zeros(len(_EXITS), np.int8), np.zeros(len(_SCORED), np.int8)
    weights = np.zeros(len(_SCORED))
    for k, component in enumerate(params.exits):
        exits[k] = _EXITS[component.name]
    for k, (component, weight) in enumerate(params.scored):
        components[k], weights[k] = _SCORED[component.name], weight
    return row, exits, components, weights


def _flatten_table(
    finals: Finals, variants: Sequence[Params], flattens: dict[tuple[object, ...], int]
) -> Ints:
    out = np.full((len(flattens), len(finals.sessions)), -1, np.int64)
    done: set[int] = set()
    for params in variants:
        row = flattens[params.risk.flatten_at_close, params.risk.flatten_minutes]
        if row in done:
            continue
        done.add(row)
        for k, session in enumerate(finals.sessions):
            instant = flatten_instant(session, finals.grid, params)
            out[row, k] = -1 if instant is None else instant
    return out

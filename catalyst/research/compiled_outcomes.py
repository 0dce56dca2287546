"""What compiled trials came to, as `catalyst.research.outcome` has it of a replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from catalyst.data.books import ClosedTrade
from catalyst.data.calendar import day_to_date
from catalyst.data.metrics import Curve, trade_metrics
from catalyst.errors import ConservationError
from catalyst.research.compiled_trials import Compiled
from catalyst.research.finalists import Finals
from catalyst.research.outcome import Outcome, between_closes, outcome_from
from catalyst.strategy.money import MICRO
from catalyst.strategy.params import Params


def compiled_outcome(finals: Finals, params: Params, compiled: Compiled) -> Outcome:
    """Return the outcome of a compiled trial: the one that its replay would have."""
    days = compiled.days
    initial = round(params.risk.initial_equity_usd * MICRO) / MICRO
    curve = Curve([initial, *(days["equity"] / MICRO).tolist()])
    exposure = days["exposure"] / np.maximum(days["instants"], 1)
    closed = [ClosedTrade(pnl, 0, "") for pnl in compiled.trades["pnl"].tolist()]
    values = curve.values
    metrics = curve.metrics() | trade_metrics(
        closed, compiled.traded_micro, sum(values) / len(values)
    )
    metrics["net_pnl"] = round(values[-1] - values[0], 6)
    metrics["slippage_usd"] = int(days["slippage"].sum()) / MICRO
    metrics["n_trades"] = compiled.n_entries
    return outcome_from(
        params,
        np.array([session.day for session in finals.sessions], np.int64),
        grown=np.array([value / values[0] for value in values[1:]]),
        market=finals.equal_weight,
        exposure=between_closes(exposure) if finals.grid.daily else exposure,
        beside=days["beside"].copy(),
        costs_micro=days["fees"] + days["slippage"],
        fees_micro=int(days["fees"].sum()),
        traded_micro=compiled.traded_micro,
        metrics=metrics,
    )


def compiled_summary(finals: Finals, outcome: Outcome, data_digest: str) -> dict[str, Any]:
    """Return what of a run's summary its trial is counted by."""
    feed = finals.feed
    return {
        "timeframe": feed.timeframe,
        "start": str(day_to_date(finals.sessions[0].day)),
        "end": str(day_to_date(finals.sessions[-1].day)),
        "data_digest": data_digest,
        "asked": {
            "symbols": None if feed.symbols is None else sorted(feed.symbols),
            "sources": None if feed.sources is None else list(feed.sources),
        },
        "n_trades": outcome.metrics["n_trades"],
    }


def chosen_checks(variants: Sequence[Params], outcomes: Sequence[Outcome]) -> list[int]:
    """Choose which compiled trials are replayed, too: the best, and one by its hash."""
    if not variants:
        return []
    net = [outcome.metrics["net_return"] or 0.0 for outcome in outcomes]
    places = range(len(variants))
    best = max(places, key=lambda k: (net[k], variants[k].hash))
    drawn = min(places, key=lambda k: variants[k].hash)
    return sorted({best, drawn})


def check_equal(compiled: Outcome, replayed: Outcome) -> None:
    """Compare a compiled trial with its replay.

    Raises
    ------
    ConservationError
        If a figure differs.
    """
    for name in ("days", "returns", "market", "exposure", "beside", "costs"):
        if getattr(compiled, name).tobytes() != getattr(replayed, name).tobytes():
            raise ConservationError(_message(compiled, name))
    for name, value in replayed.metrics.items():
        if compiled.metrics[name] != value:
            raise ConservationError(_message(compiled, name))


def _message(outcome: Outcome, name: str) -> str:
    return (
        f"the compiled trial {outcome.variant} {outcome.params_hash} has another {name} than its "
        "replay, and no figure of this search can be trusted; this is a bug, please report it"
    )

"""The summary of a run: what was asked, what it came to, beside what, and what to be wary of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catalyst.data.calendar import day_to_date
from catalyst.data.enrichment import enrichment_hash
from catalyst.data.feed import Feed
from catalyst.data.metrics import Benchmarks, Curve, binding_rules, trade_metrics, warnings
from catalyst.data.recorder import Recorder
from catalyst.data.run_counts import Counts
from catalyst.data.synthetic import synthetic_note
from catalyst.data.version import code_version
from catalyst.strategy.money import MICRO
from catalyst.strategy.params import Params
from catalyst.strategy.values import Session


def summarise(
    feed: Feed,
    params: Params,
    sessions: Sequence[Session],
    *,
    counts: Counts,
    recorder: Recorder,
    curve: Curve,
    benchmarks: Benchmarks,
    open_positions: dict[str, int],
    data_digest: str,
) -> dict[str, Any]:
    """Return the content of ``summary.json``.

    Parameters
    ----------
    feed, params, sessions
        What was replayed.
    counts
        What the run met in its data.
    recorder, curve, benchmarks
        What came of it.
    open_positions
        Signed shares by symbol at the end.
    data_digest
        `catalyst.data.lake.Lake.digest` of the feed's lake.
    """
    metrics = curve.metrics()
    note = synthetic_note(feed.lake.root)
    bars = max(counts.bars, 1)
    shares = {
        "adjusted": counts.adjusted_bars / bars,
        "assumed_bars": counts.assumed_bars / bars,
        "assumed_news": feed.assumed_articles / max(feed.articles, 1),
    }
    return {
        "synthetic": note,
        "variant": params.variant,
        "timeframe": feed.timeframe,
        "start": str(day_to_date(sessions[0].day)),
        "end": str(day_to_date(sessions[-1].day)),
        "sessions": len(sessions),
        "symbols": len(feed.names),
        "sources": list(feed.taken),
        "asked": {
            "symbols": None if feed.symbols is None else sorted(feed.symbols),
            "sources": None if feed.sources is None else list(feed.sources),
        },
        "news": {"articles": feed.articles, "assumed": feed.assumed_articles},
        "news_symbols_without_bars": feed.unpriced,
        "n_trades": recorder.entries,
        "n_closed_trades": len(recorder.closed),
        "net_pnl": round(curve.values[-1] - curve.values[0], 6),
        "net_return": metrics["net_return"],
        "sharpe": metrics["sharpe"],
        "max_drawdown": metrics["max_drawdown"],
        **trade_metrics(
            recorder.closed, recorder.traded_micro, sum(curve.values) / len(curve.values)
        ),
        "slippage_usd": recorder.slippage_micro / MICRO,
        "signals": dict(sorted(recorder.signals.items())),
        "benchmarks": benchmarks.metrics(),
        "binding_rules": binding_rules(recorder, len(sessions)),
        "warnings": warnings(
            recorder.closed,
            len(sessions),
            shares,
            bars=(counts.late_bars, counts.old_share_bars),
            synthetic=note is not None,
            newsless=counts.newsless_sessions,
            jumps=counts.jumps,
            contested=0 if feed.sources else feed.contested,
            open_positions=open_positions,
        ),
        "open_positions": open_positions,
        "decision_digest": recorder.decision_digest,
        "params_hash": params.hash,
        "data_digest": data_digest,
        "enrichment_hash": enrichment_hash(),
        "code_version": code_version(),
        "params": params.as_mapping(),
    }

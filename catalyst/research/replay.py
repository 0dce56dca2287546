"""Replay: the strategy over a lake, session by session, exactly as live would have run it.

Compare with the live driver: both send the session loop what it asks for; nothing below knows which
of them it is.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from catalyst.data.calendar import day_to_date
from catalyst.data.enrichment import enrichment_hash
from catalyst.data.feed import Feed
from catalyst.data.lake import TABLES, Lake
from catalyst.data.metrics import Benchmarks, Curve, binding_rules, trade_metrics, warnings
from catalyst.data.recorder import Recorder
from catalyst.data.synthetic import synthetic_note
from catalyst.data.tables import TableWriter
from catalyst.data.version import code_version
from catalyst.data.watch import unchanged
from catalyst.research.market import Market
from catalyst.research.result import Result
from catalyst.strategy.ledger import begin
from catalyst.strategy.money import MICRO
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import PortfolioState
from catalyst.strategy.session import Actions, Advance, Decided, Look, run_session
from catalyst.strategy.values import Session

Progress = Callable[[int, int, dt.date], None]


def replay(
    lake: Lake,
    params: Params,
    *,
    timeframe: str | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
    symbols: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    progress: Progress | None = None,
    feed: Feed | None = None,
) -> Result:
    """Replay a strategy over a lake.

    Parameters
    ----------
    lake
        Bars, news, actions and universe.
    params
        The variant.
    timeframe
        Base bars, such as ``5m`` or ``1d``; None takes the finest in the lake.
    start, end
        First and last session, both included; None for the lake's first and last. History before
        ``start`` is used, not traded.
    symbols
        Restrict bars and news to these.
    sources
        Where bars may come from, best first; None takes, of each symbol, the series that was known
        first (`catalyst.data.series.chosen_series`).
    progress
        Called after each session with sessions done, sessions in all, and the date.
    feed
        Another source of the same facts, such as one that an audit has tampered with.

    Returns
    -------
    Result
        Tables in a temporary folder until `Result.save` moves them.

    Raises
    ------
    LakeError
        If the lake has no such bars, symbols, sources or sessions, or is written to meanwhile.
    ConservationError
        If money or shares don't add up exactly.
    """
    with unchanged(lake.root, TABLES):
        feed = feed or Feed(lake, timeframe, symbols, sources)
        return _replayed(feed, params, _date(start), _date(end), progress)


def _replayed(
    feed: Feed,
    params: Params,
    start: dt.date | None,
    end: dt.date | None,
    progress: Progress | None,
) -> Result:
    before, sessions = feed.span(start, end)
    folder = tempfile.TemporaryDirectory(prefix="catalyst-run-")
    market = Market(feed, params)
    market.warm_up(before)
    state = begin(params)
    curve, benchmarks = Curve([state.cash_micro / MICRO]), Benchmarks()
    with TableWriter(Path(folder.name)) as writer:
        recorder = Recorder(writer, feed.names, state.cash_micro)
        for k, session in enumerate(sessions):
            market.open_session(session)
            if k + 1 < len(sessions):
                market.read_ahead(sessions[k + 1])
            state = _drive(state, session, market, recorder, params)
            market.close_session()
            recorder.check(state)
            curve.values.append(state.equity_micro / MICRO)
            benchmarks.add(market.returns, market.closes)
            growth = (curve.values[-1] / curve.values[0], *benchmarks.growth)
            writer.row("benchmarks", (session.close_ns, *growth))
            if progress is not None:
                progress(k + 1, len(sessions), day_to_date(session.day))
        open_positions = recorder.finish()
    summary = _summary(feed, params, sessions, market, recorder, curve, benchmarks, open_positions)
    Path(folder.name, "summary.json").write_text(
        json.dumps(summary, indent=2) + "\n", encoding="utf-8"
    )
    return Result(params, folder, feed.lake)


def _drive(
    state: PortfolioState, session: Session, market: Market, recorder: Recorder, params: Params
) -> PortfolioState:
    loop = run_session(state, session, grid=market.feed.grid, params=params)
    answer: Any = None
    while True:
        try:
            ask = loop.send(answer)
        except StopIteration as stop:
            finished: PortfolioState = stop.value
            return finished
        match ask:
            case Advance(asof_ns):
                fills, survey = market.advance(asof_ns)
                recorder.fills(fills)
                answer = (fills, survey)
            case Look():
                answer = market.look(ask)
            case Decided(decision, after, adjustments):
                market.decided(decision)
                recorder.decided(decision, after, adjustments)
                answer = None
            case Actions(_, symbols):
                answer = market.actions_of(symbols)


def _summary(
    feed: Feed,
    params: Params,
    sessions: list[Session],
    market: Market,
    recorder: Recorder,
    curve: Curve,
    benchmarks: Benchmarks,
    open_positions: dict[str, int],
) -> dict[str, Any]:
    metrics = curve.metrics()
    counts = market.counts
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
        "data_digest": feed.lake.digest(),
        "enrichment_hash": enrichment_hash(),
        "code_version": code_version(),
        "params": params.as_mapping(),
    }


def _date(day: dt.date | str | None) -> dt.date | None:
    return dt.date.fromisoformat(day) if isinstance(day, str) else day

"""Record one session of the small simulated market as text that a person can check.

When a change of the strategy is meant, write it anew from the repository's root, read the
difference, and say so under *Results* in CHANGELOG.md:

    PYTHONPATH=tests .venv/bin/python -m golden.record
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
from worlds import small_lake

from catalyst import Params, replay
from catalyst.data.calendar import NEW_YORK
from catalyst.research.result import Result

GOLDEN = Path(__file__).parent / "session.txt"
DAY = dt.date(2023, 7, 11)


def recorded() -> str:
    """Replay the session and tell it."""
    return told(replay(small_lake(), Params.load("spec"), start=DAY, end=DAY))


def told(run: Result) -> str:
    """Tell a run, instant by instant in New York time: fills, signals, orders; then its trades."""
    lines = [f"{DAY}, variant spec, 20 simulated symbols, 5-minute bars; New York time", ""]
    instants = sorted(
        set(run.signals["decided_at"])
        | set(run.orders["submitted_at"])
        | set(run.fills["filled_at"])
    )
    for instant in instants:
        lines.append(f"{instant.astimezone(NEW_YORK):%H:%M}")
        lines += _at(run, instant)
    lines += ["", "trades"]
    lines += [
        f"  {t['symbol']} {t['side']} {t['quantity']} from {t['entry_price']:.4f}"
        f" to {t['exit_price']:.4f} by {t['exit_reason']}: {t['pnl']:+} USD"
        for t in run.trades.rows(named=True)
    ]
    last = run.equity.row(-1, named=True)
    lines += ["", f"cash {last['cash']}, positions {last['positions_value']}"]
    return "\n".join(lines) + "\n"


def _at(run: Result, instant: dt.datetime) -> list[str]:
    lines = [
        f"  fill    {f['symbol']} {f['role']} {f['side']} {f['quantity']} at {f['price']:.4f}"
        for f in run.fills.filter(pl.col("filled_at") == instant).rows(named=True)
    ]
    for s in run.signals.filter(pl.col("decided_at") == instant).rows(named=True):
        why = f" {s['rule']} {s['value']:.4g} of {s['threshold']:.4g}" if s["rule"] else ""
        lines.append(
            f"  signal  {s['symbol']} {s['side']} confidence {s['confidence']:.2f}"
            f" (news {s['catalyst_score']:.2f}, pattern {s['pattern_score']:.2f},"
            f" technical {s['technical_score']:.0f}, volume {s['volume_score']:.0f})"
            f" {s['outcome']}{why}"
        )
    for o in run.orders.filter(
        pl.col("submitted_at") == instant, pl.col("status") != "refused"
    ).rows(named=True):
        limit, stop = f"{o['limit_price']:.2f}", f"{o['stop_price']:.2f}"
        levels = f" {limit}" * (limit != "nan") + f" {stop}" * (stop != "nan")
        lines.append(
            f"  order   {o['symbol']} {o['role']} {o['side']} {o['quantity']}"
            f" by {o['type']}{levels} -> {o['status']}"
        )
    return lines


if __name__ == "__main__":
    GOLDEN.write_text(recorded(), encoding="utf-8")

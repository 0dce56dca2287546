"""Runs to learn from, and the same runs in worlds whose future is cut off or otherwise."""

from __future__ import annotations

from functools import cache

from worlds import LOOSE, scratch, small_lake

from catalyst import Lake, Params, replay
from catalyst.data.calendar import day_to_date
from catalyst.data.feed import Feed
from catalyst.research.audit.original import Original
from catalyst.research.audit.remade import Perturbation, RemadeLake
from catalyst.research.result import Result
from catalyst.strategy.values import Session

#: Positions of the sessions at whose opening is learned: months are too long for 25 sessions.
FITTED = (15, 18, 22)
#: Futures behind them: cut off at each, otherwise behind the last.
FUTURES: tuple[tuple[Perturbation, int], ...] = (("cut", 0), ("cut", 1), ("cut", 2), ("other", 2))
#: As few outcomes as the small market has.
FEW = 2.0


@cache
def base() -> Params:
    """Most symbols with news become signals, on few occasions, with barriers that are touched."""
    return Params.load("spec").replace(**LOOSE, scan_minutes=60, stop_frac=0.004, allow_short=True)


@cache
def learned_from() -> Result:
    return replay(small_lake(), base(), ledger=None)


@cache
def fitted_at() -> tuple[Session, ...]:
    days = small_lake().days("5m")
    return tuple(Feed.session(days[k]) for k in FITTED)


@cache
def remade(perturbation: Perturbation, at_ns: int) -> Lake:
    """The small market with another future: known at the instant is the same, to the bit."""
    folder = scratch() / f"{perturbation}-{at_ns}"
    folder.mkdir()
    original = Original(small_lake(), grace_ns=2 * 10**9, seed=0, scratch=folder)
    return Lake(RemadeLake(original, perturbation, at_ns).root)


@cache
def run_in(perturbation: Perturbation, session: Session) -> Result:
    """The same variant in a world that differs from a session's 04:00 on, to that session's end."""
    lake = remade(perturbation, session.pre_ns - 1)
    last = day_to_date(session.day) if perturbation == "other" else None
    return replay(lake, base(), end=last, ledger=None)

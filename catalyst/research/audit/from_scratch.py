"""Whole replays over lakes cut on disk: a guard against an audit that shares what it audits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import polars as pl

from catalyst.data.calendar import day_to_date
from catalyst.data.feed import Feed
from catalyst.data.lake import Lake
from catalyst.errors import LakeError
from catalyst.research.audit.differences import Difference
from catalyst.research.audit.later_facts import known_ns
from catalyst.research.audit.lockstep import Walk
from catalyst.research.audit.original import Original
from catalyst.research.audit.plugs import Plugs
from catalyst.research.audit.remade import RemadeLake
from catalyst.research.audit.violations import Findings
from catalyst.strategy.values import Session

if TYPE_CHECKING:
    from catalyst.research.audit.served import ReadableLake

_LONG = 5_000


def guarded(original: Original, timeframe: str, instants: Sequence[int]) -> list[int]:
    """Choose the instants before which the lake is cut on disk.

    One in the run's first third, one in its last; one just before the last symbol was listed, where
    that lies in the run. In long runs fewer.

    Parameters
    ----------
    instants
        Decision times of the run.
    """
    if not instants:
        return []
    places = [len(instants) // 3, len(instants) - 1 - len(instants) // 8]
    chosen = {instants[k] for k in (places[:1] if len(instants) > _LONG else places)}
    listed = known_ns(
        original.series(timeframe)
        .group_by("symbol")
        .agg(known_at=pl.col("first_known_at").min())
        .sort("known_at")
    )
    before = [at for at in instants if len(listed) and at < listed[-1]]
    if before and len(before) < len(instants):
        chosen.add(before[-1])
    members = original.universe
    first = int(known_ns(members).min()) if members.height else 0
    # Where no membership is known yet, a lake on disk has none, and everyone is a member.
    return sorted(at for at in chosen if at >= first)


def replay_cut(
    at_ns: int,
    original: Original,
    plugs: Plugs,
    asked: tuple[str | None, Sequence[str] | None, Sequence[str] | None],
    run: tuple[Sequence[Session], Sequence[tuple[int, str]]],
    findings: Findings,
) -> bool:
    """Replay over a lake on disk that ends at an instant; tell whether it could be done.

    Parameters
    ----------
    asked
        Timeframe, symbols and sources.
    run
        Sessions of the run, and the instant and digest of each decision.
    """
    sessions, digests = run
    remade = RemadeLake(original, "cut", at_ns)
    timeframe, symbols, sources = asked
    scratch = Findings()
    try:
        root: Path = remade.root
        lake = Lake(root)
        cut = Original(
            lake, grace_ns=original.grace_ns, seed=original.seed, scratch=original.scratch
        )
        loaded: ReadableLake = plugs.loaded(lake, timeframe=timeframe)
        if symbols is not None:
            symbols = sorted(set(symbols) & set(loaded.symbols(str(timeframe))))
        feed = Feed(cast("Lake", loaded), timeframe, symbols, sources)
        params = plugs.fitted(lake)
        last = max(s.day for s in sessions if s.pre_ns <= at_ns)
        first = day_to_date(sessions[0].day)
        before, chosen = feed.span(first, day_to_date(last))
        walk = Walk(cut, plugs, params, feed, [], scratch, (), None, None, 0)
        walk.run(before, chosen, None)
    except LakeError:
        return False
    finally:
        remade.expire()
    # A session of which the cut lake has no bar yet can't be replayed over it.
    until_ns = min(at_ns, chosen[-1].post_ns)
    became = [(at, text) for at, text in walk.digests if at <= until_ns]
    was = [(at, text) for at, text in digests if at <= until_ns]
    if became != was:
        k = next(
            (k for k, (a, b) in enumerate(zip(was, became, strict=False)) if a != b),
            min(len(was), len(became)),
        )
        pair = [rows[k] if k < len(rows) else None for rows in (was, became)]
        a, b = ("none" if one is None else one[1][:12] for one in pair)
        first_at = next(one[0] for one in pair if one is not None)
        what = "the decision of a replay from scratch over a lake that ends " + _utc(at_ns)
        findings.add(first_at, "replay", "replay", Difference("", what, a, b))
    return True


def _utc(ns: int) -> str:
    return f"{dt.datetime.fromtimestamp(ns // 10**9, dt.UTC):%Y-%m-%d %H:%M} UTC"

"""Folds: which sessions choose, and which judge what was chosen.

A label is what came of a decision; it may reach into later sessions. Sessions whose labels reach
into those that judge are purged from those that choose, and sessions soon after are kept aside, as
an embargo, because what is known in them still remembers. Source: Lopez de Prado (2018), Advances
in Financial Machine Learning, chapters 7 and 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from catalyst.errors import InputError
from catalyst.strategy.values import Ints

_MOST_SPLITS = 20_000


@dataclass(frozen=True)
class Fold:
    """Hold one split.

    Attributes
    ----------
    train, test : int64[k]
        Places of sessions, ascending, in those that choose and those that judge.
    groups
        Of a combinatorial split, which groups judge; empty otherwise.
    """

    train: Ints
    test: Ints
    groups: tuple[int, ...] = ()


def walk_forward_folds(
    n_sessions: int,
    *,
    train: int,
    test: int,
    reach: int = 1,
    embargo: int = 0,
    expanding: bool = False,
) -> tuple[Fold, ...]:
    """Return windows that walk forward: each is judged by the sessions after it.

    The sessions that judge follow one another without a gap; the last are fewer where they don't
    come out even.

    Parameters
    ----------
    n_sessions
        Sessions in all.
    train
        Sessions that choose, before purging; in an expanding walk those of the first window.
    test
        Sessions that judge.
    reach
        Sessions that a label spans, its own one included: the last ``reach - 1`` sessions before
        those that judge are purged.
    embargo
        Further sessions kept aside between both.
    expanding
        Whether a window begins with the first session rather than moving on.

    Raises
    ------
    InputError
        If a number is out of range, or the sessions are too few for one fold.
    """
    gap = _gap(reach, embargo)
    for name, value in (("train", train), ("test", test)):
        if value < 1:
            raise InputError(f"{name} is {value} sessions; expected 1 or more")
    if n_sessions <= train + gap:
        raise InputError(
            f"{n_sessions} sessions are too few to choose in {train} and be judged after {gap} "
            "more kept aside; take a longer span, or a smaller --train"
        )
    out = []
    for first in range(train + gap, n_sessions, test):
        last = first - gap
        begin = 0 if expanding else last - train
        out.append(Fold(np.arange(begin, last), np.arange(first, min(first + test, n_sessions))))
    return tuple(out)


def combinatorial_folds(
    n_sessions: int, *, groups: int, held_out: int, reach: int = 1, embargo: int = 0
) -> tuple[Fold, ...]:
    """Return every way to hold out some of the groups that the sessions are cut into.

    Parameters
    ----------
    n_sessions
        Sessions in all, cut into groups in their order; some are one session longer.
    groups
        How many groups.
    held_out
        How many of them judge.
    reach
        Sessions that a label spans: purged are those before a group that judges whose labels reach
        into it, and those after it into which its own reach.
    embargo
        Further sessions kept aside after a group that judges.

    Returns
    -------
    tuple of Fold
        ``comb(groups, held_out)``, in lexicographic order of their groups.

    Raises
    ------
    InputError
        If a number is out of range, or no session is left to choose in.
    """
    gap = _gap(reach, embargo)
    if not 2 <= groups <= n_sessions:
        raise InputError(
            f"{groups} groups of {n_sessions} sessions are asked for; expected 2 or more, and a "
            "session for each"
        )
    if not 1 <= held_out < groups:
        raise InputError(
            f"{held_out} of {groups} groups would judge; expected at least 1, and one left to "
            "choose in"
        )
    if comb(groups, held_out) > _MOST_SPLITS:
        raise InputError(
            f"{groups} groups, {held_out} held out, are {comb(groups, held_out):,} splits; "
            f"expected at most {_MOST_SPLITS:,}"
        )
    cut = group_places(n_sessions, groups)
    out = []
    for chosen in combinations(range(groups), held_out):
        free = np.ones(n_sessions, bool)
        for group in chosen:
            first, last = int(cut[group][0]), int(cut[group][-1])
            free[max(first - (reach - 1), 0) : last + gap + 1] = False
        if not free.any():
            raise InputError(
                f"no session is left to choose in beside groups {', '.join(map(str, chosen))}; "
                "take fewer groups, or a smaller embargo"
            )
        test = np.concatenate([cut[group] for group in chosen])
        out.append(Fold(np.flatnonzero(free).astype(np.int64), test, chosen))
    return tuple(out)


def group_places(n_sessions: int, groups: int) -> list[Ints]:
    """Cut the places of sessions into groups in their order."""
    return [part.astype(np.int64) for part in np.array_split(np.arange(n_sessions), groups)]


def backtest_paths(folds: Sequence[Fold], groups: int) -> Ints:
    """Return which split supplies which group to each path through all sessions.

    Every group is held out equally often; its n-th time belongs to the n-th path.

    Parameters
    ----------
    folds
        As `combinatorial_folds` returns them.
    groups
        How many groups the sessions were cut into.

    Returns
    -------
    int64[paths, groups]
        Places among the folds.
    """
    by_group = [
        [k for k, fold in enumerate(folds) if group in fold.groups] for group in range(groups)
    ]
    return np.array(by_group, np.int64).T


def _places(first: int, end: int) -> Ints:
    return np.arange(first, end, dtype=np.int64)


def _gap(reach: int, embargo: int) -> int:
    if reach < 1:
        raise InputError(f"reach is {reach} sessions; expected 1 or more: a label's own one")
    if embargo < 0:
        raise InputError(f"embargo is {embargo} sessions; expected 0 or more")
    return reach - 1 + embargo

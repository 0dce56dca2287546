"""Folds: what judges is beyond the reach of what chooses, and everything judges equally often."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalyst import Params
from catalyst.errors import InputError
from catalyst.research.folds import (
    Fold,
    backtest_paths,
    combinatorial_folds,
    group_places,
    walk_forward_folds,
)
from catalyst.research.label_reach import label_reach
from catalyst.strategy.values import Floats

SMALL = st.integers(0, 4)


def label(session: int, reach: int) -> set[int]:
    """The sessions that what came of a session's decisions may span."""
    return set(range(session, session + reach))


def naive_walk(
    n: int, train: int, test: int, reach: int, embargo: int, *, expanding: bool
) -> list[tuple[list[int], list[int]]]:
    out = []
    first = train + reach - 1 + embargo
    while first < n:
        judge = [s for s in range(n) if first <= s < first + test]
        before = [
            s
            for s in range(first - embargo)
            if not label(s, reach) & set(range(first - embargo, n))
        ]
        out.append((before if expanding else before[-train:], judge))
        first += test
    return out


def naive_combinatorial(
    n: int, groups: int, held_out: int, reach: int, embargo: int
) -> list[tuple[list[int], list[int]]]:
    cut = group_places(n, groups)
    out = []
    for chosen in combinations(range(groups), held_out):
        judge = sorted(int(s) for g in chosen for s in cut[g])
        reached = set().union(*(label(s, reach) for s in judge))
        aside = {s + k for s in reached for k in range(1, embargo + 1)}
        train = [
            s
            for s in range(n)
            if not label(s, reach) & set(judge) and s not in reached and s not in aside
        ]
        out.append((train, judge))
    return out


def plain(folds: tuple[Fold, ...]) -> list[tuple[list[int], list[int]]]:
    return [(fold.train.tolist(), fold.test.tolist()) for fold in folds]


@given(
    st.integers(2, 40),
    st.integers(1, 9),
    st.integers(1, 5),
    st.integers(1, 4),
    SMALL,
    st.booleans(),
)
def test_a_walk_is_what_its_slow_twin_says(
    n: int,
    train: int,
    test: int,
    reach: int,
    embargo: int,
    expanding: bool,  # noqa: FBT001 - drawn
) -> None:
    expected = naive_walk(n, train, test, reach, embargo, expanding=expanding)
    if not expected:
        with pytest.raises(InputError, match="are too few to choose in"):
            walk_forward_folds(n, train=train, test=test, reach=reach, embargo=embargo)
        return
    folds = walk_forward_folds(
        n, train=train, test=test, reach=reach, embargo=embargo, expanding=expanding
    )

    assert plain(folds) == expected


@given(st.integers(2, 40), st.integers(2, 6), st.integers(1, 4), st.integers(1, 4), SMALL)
def test_combinatorial_folds_are_what_their_slow_twin_says(
    n: int, groups: int, held_out: int, reach: int, embargo: int
) -> None:
    if groups > n or held_out >= groups:
        return
    expected = naive_combinatorial(n, groups, held_out, reach, embargo)
    if not all(train for train, _ in expected):
        with pytest.raises(InputError, match="no session is left to choose in"):
            combinatorial_folds(n, groups=groups, held_out=held_out, reach=reach, embargo=embargo)
        return
    folds = combinatorial_folds(n, groups=groups, held_out=held_out, reach=reach, embargo=embargo)

    assert plain(folds) == expected


@given(st.integers(12, 60), st.integers(2, 7), st.integers(1, 3), st.integers(1, 3), SMALL)
def test_no_session_that_chooses_is_within_reach_of_one_that_judges(
    n: int, groups: int, held_out: int, reach: int, embargo: int
) -> None:
    if held_out >= groups:
        return
    try:
        folds = combinatorial_folds(
            n, groups=groups, held_out=held_out, reach=reach, embargo=embargo
        )
    except InputError:
        return
    for fold in folds:
        for session in fold.train.tolist():
            after = [session - s for s in fold.test.tolist() if s < session]
            before = [s - session for s in fold.test.tolist() if s > session]

            assert session not in fold.test
            assert all(gap >= reach for gap in before)
            assert all(gap > reach - 1 + embargo for gap in after)


def test_every_session_judges_equally_often_and_paths_hold_each_once() -> None:
    groups, held_out, n = 6, 2, 31
    folds = combinatorial_folds(n, groups=groups, held_out=held_out)
    counts = np.bincount(np.concatenate([fold.test for fold in folds]), minlength=n)
    paths = backtest_paths(folds, groups)
    used = {(int(k), g) for path in paths for g, k in enumerate(path)}

    assert len(folds) == comb(groups, held_out)
    assert set(counts.tolist()) == {comb(groups - 1, held_out - 1)}
    assert paths.shape == (comb(groups, held_out) * held_out // groups, groups)
    assert used == {(k, g) for k, fold in enumerate(folds) for g in fold.groups}


def labels_of(noise: Floats, reach: int) -> Floats:
    """What came of each session's decision: the sum of what happened over its reach."""
    padded = np.concatenate([noise, np.zeros(reach - 1)])
    return np.array([padded[s : s + reach].sum() for s in range(len(noise))])


@pytest.mark.parametrize("combinatorial", [False, True])
def test_a_leak_at_the_seam_pays_without_a_purge_and_not_with_one(combinatorial: bool) -> None:  # noqa: FBT001 - a parameter
    # Two opposite trials, each session's label spans four sessions, and windows of four choose for
    # the next three: all that can be learned is what the labels have in common with what judges.
    reach = 4
    gained: dict[int, list[float]] = {1: [], reach: []}
    for seed in range(300):
        noise = np.random.default_rng(seed).standard_normal(41)
        labels = labels_of(noise, reach)
        for told, gains in gained.items():
            folds = (
                combinatorial_folds(41, groups=10, held_out=1, reach=told)
                if combinatorial
                else walk_forward_folds(41, train=4, test=3, reach=told)
            )
            for fold in folds:
                near = fold.train[np.abs(fold.train[:, None] - fold.test).min(axis=1) < 2 * reach]
                side = np.sign(labels[near].sum())
                gains.append(float(side * labels[fold.test].sum()))
    errors = {told: np.std(g) / np.sqrt(len(g)) for told, g in gained.items()}

    assert np.mean(gained[1]) > 6 * errors[1]
    assert abs(np.mean(gained[reach])) < 3 * errors[reach]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"train": 0, "test": 1}, "train is 0 sessions; expected 1 or more"),
        ({"train": 1, "test": 0}, "test is 0 sessions; expected 1 or more"),
        ({"train": 10, "test": 1}, "10 sessions are too few to choose in 10"),
        ({"train": 1, "test": 1, "reach": 0}, "reach is 0 sessions; expected 1 or more"),
        ({"train": 1, "test": 1, "embargo": -1}, "embargo is -1 sessions; expected 0 or more"),
    ],
)
def test_a_walk_that_can_not_be_is_refused(asked: dict[str, int], told: str) -> None:
    with pytest.raises(InputError, match=told):
        walk_forward_folds(10, **asked)  # type: ignore[arg-type] # whole numbers by name


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"groups": 1, "held_out": 1}, "1 groups of 10 sessions are asked for"),
        ({"groups": 11, "held_out": 1}, "11 groups of 10 sessions are asked for"),
        ({"groups": 3, "held_out": 3}, "3 of 3 groups would judge"),
        ({"groups": 2, "held_out": 1, "embargo": 9}, "no session is left to choose in beside"),
    ],
)
def test_combinatorial_folds_that_can_not_be_are_refused(asked: dict[str, int], told: str) -> None:
    with pytest.raises(InputError, match=told):
        combinatorial_folds(10, **asked)


def test_a_label_reaches_as_far_as_its_longest_trade() -> None:
    spec = Params.load("spec")
    overnight = Params.load("spec", settings=["risk.flatten_at_close=false"])

    assert label_reach([spec], daily=False) == 1
    assert label_reach([spec, overnight], daily=False) == 2
    assert label_reach([Params.load("daily")], daily=True) == 5


def test_a_variant_that_may_hold_for_ever_has_no_reach() -> None:
    with pytest.raises(InputError, match="may hold a position for ever: it has no time stop"):
        label_reach([Params.load("spec", settings=["exits=[news_reversal]"])], daily=False)

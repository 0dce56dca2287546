"""Another future changes nothing that was learned before it, to the bit."""

from __future__ import annotations

from functools import cache

import polars as pl
import pytest
from learning_worlds import FEW, FUTURES, fitted_at, learned_from, run_in

from catalyst.research.audit.remade import Perturbation
from catalyst.research.features import features
from catalyst.research.labels import labels
from catalyst.research.learning import Learning, learn_from
from catalyst.research.reliability import learn_sources


@cache
def _learned() -> Learning:
    return learn_from(learned_from(), fitted_at(), rarer_min=FEW)


@pytest.mark.parametrize(("perturbation", "k"), FUTURES)
def test_features_do_not_depend_on_what_came_later(perturbation: Perturbation, k: int) -> None:
    session = fitted_at()[k]
    before = pl.col("decided_at").cast(pl.Int64) < session.pre_ns
    mine = features(learned_from()).filter(before)

    assert mine.height > 500
    assert features(run_in(perturbation, session)).filter(before).equals(mine)


@pytest.mark.parametrize(("perturbation", "k"), FUTURES)
def test_outcomes_known_before_an_instant_do_not_depend_on_what_came_later(
    perturbation: Perturbation, k: int
) -> None:
    session = fitted_at()[k]
    known = pl.col("known_ns") < session.pre_ns
    before = labels(learned_from()).filter(known)

    assert before.height > 100
    assert labels(run_in(perturbation, session)).filter(known).equals(before)


@pytest.mark.parametrize(("perturbation", "k"), FUTURES)
def test_weights_do_not_depend_on_what_came_later(perturbation: Perturbation, k: int) -> None:
    until = fitted_at()[: k + 1]
    found = learn_from(run_in(perturbation, until[-1]), until, rarer_min=FEW)

    assert found.params.by_date == _learned().params.by_date[: k + 1]
    assert found.refits == _learned().refits[: k + 1]


@pytest.mark.parametrize(("perturbation", "k"), FUTURES)
def test_reliability_does_not_depend_on_what_came_later(perturbation: Perturbation, k: int) -> None:
    until = fitted_at()[: k + 1]
    mine = learn_sources(learned_from(), until)
    found = learn_sources(run_in(perturbation, until[-1]), until)

    assert mine.tables[-1][1].height > 5
    assert found.params == mine.params
    for (_, one), (_, other) in zip(found.tables, mine.tables, strict=True):
        assert one.equals(other)

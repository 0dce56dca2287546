"""Weights learned from outcomes: the right ones, of the past only, and honest about their worth."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from learning_worlds import FEW, base, fitted_at, learned_from
from planted_leaks import tiny_lake
from typer.testing import CliRunner
from worlds import small_lake

from catalyst import Lake, Params, replay
from catalyst.cli.app import app
from catalyst.data.calendar import date_to_day, day_to_date, sessions
from catalyst.data.feed import Feed
from catalyst.data.variants import load
from catalyst.errors import InputError, OutputError, ParamsError
from catalyst.research.audit import audit_lookahead
from catalyst.research.contenders import contender
from catalyst.research.learning import (
    Learning,
    base_run,
    learn_from,
    learned_params,
    months_of,
    normalised,
    outcomes_of,
    refit,
)
from catalyst.research.learning_file import write_learned
from catalyst.research.learning_forecast import Forecasts, walk_forward
from catalyst.research.learning_model import study, study_of
from catalyst.research.logistic import PRIOR_SD, non_negative_logistic
from catalyst.research.result import Result
from catalyst.strategy.values import Flags, Floats, Session

NAMES = ("catalyst", "pattern", "technical", "volume")
WEIGHTS = (0.35, 0.35, 0.2, 0.1)
HOUR_NS = 3_600_000_000_000


@cache
def learning() -> Learning:
    return learn_from(learned_from(), fitted_at(), rarer_min=FEW)


def planted(
    coefficients: tuple[float, ...], *, n: int = 4_000, days: int = 240, seed: int = 1
) -> tuple[pl.DataFrame, list[Session]]:
    """Outcomes that follow a logistic of the scores, and the months they lie in."""
    chance = np.random.default_rng(seed)
    table = [Feed.session(dt.date(2023, 1, 2) + dt.timedelta(days=k)) for k in _weekdays(days)]
    place = np.sort(chance.integers(0, len(table), n))
    open_ns = np.array([s.open_ns for s in table])[place]
    scores = chance.uniform(0, 100, (n, len(coefficients)))
    z = -1.0 + np.einsum("nk,k->n", scores / 100.0, np.array(coefficients))
    label = (chance.uniform(size=n) < 1.0 / (1.0 + np.exp(-z))).astype(np.int8)
    frame = pl.DataFrame(
        {
            "signal_id": [f"{k:08x}" for k in range(n)],
            "symbol": [f"S{k % 40:02d}" for k in range(n)],
            "decided_at": pl.Series(open_ns).cast(pl.Datetime("ns", "UTC")),
            "label": label,
            "known_ns": open_ns + HOUR_NS,
            "holding_minutes": np.full(n, 60.0),
            "uniqueness": np.ones(n),
            "scores": scores.tolist(),
        }
    )
    months = [
        s
        for before, s in itertools.pairwise(table)
        if day_to_date(before.day).month != day_to_date(s.day).month
    ]
    return frame, months


def _weekdays(days: int) -> list[int]:
    first = dt.date(2023, 1, 2)
    table = sessions(first, first + dt.timedelta(days=days))
    return [(day - first).days for day in table]


# The regression -----------------------------------------------------------------------------------


def test_planted_coefficients_are_found() -> None:
    chance = np.random.default_rng(0)
    x = chance.uniform(size=(10_000, 3))
    z = -1.0 + x @ np.array([2.0, 0.5, 1.0])
    y = (chance.uniform(size=len(z)) < 1.0 / (1.0 + np.exp(-z))).astype(np.float64)
    found = non_negative_logistic(x, y, np.ones(len(y)))

    assert (found.intercept, *found.weights) == pytest.approx((-1.0, 2.0, 0.5, 1.0), abs=0.2)


def test_the_fit_is_where_no_allowed_step_lowers_the_loss() -> None:
    chance = np.random.default_rng(3)
    x, counts = chance.uniform(size=(500, 4)), chance.uniform(size=500)
    y = (x[:, 0] - 0.8 * x[:, 1] + 0.3 * chance.normal(size=500) > 0).astype(np.float64)
    found = non_negative_logistic(x, y, counts)
    error = counts * (found.probability(x) - y)
    slope = (x * error[:, None]).sum(axis=0) + np.array(found.weights) / PRIOR_SD**2
    above = np.array(found.weights) > 0

    assert above.tolist() == [True, False, *above.tolist()[2:]]
    assert abs(float(error.sum())) < 1e-5
    assert np.abs(slope[above]).max() < 1e-5
    assert bool((slope[~above] > 0).all())


def test_a_score_that_foretells_failure_weighs_nothing() -> None:
    frame, months = planted((1.5, -3.0))
    (*_, last) = refit(frame, months, (0.5, 0.5))

    assert last.weights == (1.0, 0.0)


def test_more_of_a_row_is_as_many_rows() -> None:
    chance = np.random.default_rng(5)
    x = chance.uniform(size=(300, 2))
    y = (chance.uniform(size=300) < x[:, 0]).astype(np.float64)
    times = chance.integers(1, 4, 300)
    once = non_negative_logistic(x, y, times.astype(np.float64))
    each = non_negative_logistic(
        np.repeat(x, times, axis=0), np.repeat(y, times), np.ones(times.sum())
    )

    assert once.weights == pytest.approx(each.weights, rel=1e-6)


def test_weights_add_up_to_one_in_ten_thousandths() -> None:
    assert normalised((1.0, 1.0, 1.0)) == (0.3334, 0.3333, 0.3333)
    assert normalised((3.0, 0.0, 1.0)) == (0.75, 0.0, 0.25)
    assert normalised((0.0, 0.0)) == (0.0, 0.0)


# What may be learned from, and when ---------------------------------------------------------------


def test_an_outcome_is_learned_from_only_once_it_is_known() -> None:
    frame, months = planted((2.0, 0.0))
    at = months[3].pre_ns
    later = pl.col("known_ns") >= at
    turned = frame.with_columns(label=pl.when(later).then(1 - pl.col("label")).otherwise("label"))
    mine, other = refit(frame, months, (0.5, 0.5)), refit(turned, months, (0.5, 0.5))

    assert other[:4] == mine[:4]
    assert other[4:] != mine[4:]


def test_an_open_outcome_is_purged_though_its_signal_is_old() -> None:
    frame, months = planted((2.0, 0.0))
    unknown = frame.with_columns(known_ns=pl.lit(months[2].pre_ns))

    assert refit(unknown, months, (0.5, 0.5))[2].n_labels == 0
    assert refit(unknown, months, (0.5, 0.5))[3].n_labels == frame.height


def test_too_few_outcomes_leave_the_weights_as_they_were() -> None:
    frame, months = planted((2.0, 0.0), n=60)
    (first, *_) = refit(frame, months, (0.35, 0.65), rarer_min=30)

    assert (first.weights, first.fit) == ((0.35, 0.65), None)
    assert first.note.startswith("too few outcomes: ")


def test_where_no_score_tells_outcomes_apart_the_weights_before_stay() -> None:
    frame, months = planted((-3.0, -3.0))
    (*_, last) = refit(frame, months, (0.35, 0.65))

    assert (last.weights, last.note) == ((0.35, 0.65), "no component told outcomes apart")


@cache
def _longs() -> Result:
    params = base().replace(allow_short=False)
    return replay(small_lake(), params, end=small_lake().days("5m")[8], ledger=None)


def test_holds_against_the_news_and_refused_shorts_teach_nothing() -> None:
    signals = learned_from().signals
    found = outcomes_of(learned_from()).join(signals, on="signal_id", suffix="_of_run")

    longs = outcomes_of(_longs())

    assert set(found["side"]) == {"long", "short"}
    assert "fights_catalyst" not in set(found["rule"])
    assert set(longs["side"]) == {"long"}


def test_the_first_session_of_each_month_is_when_weights_change() -> None:
    days = [str(day_to_date(session.day)) for session in months_of(learned_from())]

    assert days == ["2023-07-03"]


def test_the_weights_of_a_month_can_be_fitted_the_evening_before() -> None:
    until = dt.date(2023, 6, 30)
    june = learn_from(base_run(tiny_lake(), _often(), end=until, ledger=None), rarer_min=2.0)

    assert june.params == _fit(tiny_lake())


# The variant --------------------------------------------------------------------------------------


def test_the_learned_variant_has_the_weights_of_each_refit_from_its_day_on() -> None:
    params = learning().params
    told = {one.day: one.weights for one in learning().refits if not one.note}

    assert len(told) == 3
    assert {day: tuple(w for _, w in one.scored) for day, one in params.by_date} == told
    assert params.on(fitted_at()[0].day - 1).scored == base().scored


def _fit(lake: Lake) -> Params:
    run = base_run(lake, _often(), timeframe="5m", ledger=None)
    return learn_from(run, rarer_min=2.0).params


def _often() -> Params:
    spec = Params.load("spec")
    loose = spec.replace(catalyst_min=0, rvol_min=0, volume_min=0, price_max=1e6, quarter_from=0)
    return loose.replace(half_from=1, scan_minutes=60, stop_frac=0.004, allow_short=True)


def _leaky_fit(lake: Lake) -> Params:
    run = base_run(lake, _often(), timeframe="5m", ledger=None)
    outcomes = outcomes_of(run).with_columns(known_ns=pl.lit(0, pl.Int64))
    (july,) = refit(outcomes, months_of(run), WEIGHTS, rarer_min=2.0)
    entry = _often().replace(scored=list(zip(NAMES, july.weights, strict=True)))
    return replace(_often(), by_date=((july.day, entry),))


def test_the_lookahead_audit_makes_the_weights_of_each_month_anew() -> None:
    days = tiny_lake().days("5m")
    audit = audit_lookahead(
        tiny_lake(), _fit, start=days[13], end=days[14], sample=2, replays=False
    )

    assert [day for day, _ in _fit(tiny_lake()).by_date] == [date_to_day(days[14])]
    assert [str(one) for one in audit.violations] == []


def test_the_lookahead_audit_finds_weights_that_know_later_outcomes() -> None:
    days = tiny_lake().days("5m")
    audit = audit_lookahead(
        tiny_lake(), _leaky_fit, start=days[14], end=days[14], sample=1, replays=False
    )

    assert "fit" in {one.layer for one in audit.violations}


def test_what_is_learned_over_may_not_take_effect_by_date() -> None:
    with pytest.raises(ParamsError, match="takes effect by date already"):
        learn_from(replay(small_lake(), learning().params, end=_first(), ledger=None))


def _first() -> dt.date:
    return small_lake().days("5m")[0]


def test_the_bundled_variant_is_fitted_where_it_is_asked_for() -> None:
    days = tiny_lake().days("5m")
    params = contender("learned", tiny_lake(), start=days[8], end=days[8])

    assert params == learned_params(tiny_lake(), Params.load("spec"), end=days[8], ledger=None)
    assert params.variant == "learned"


def test_a_written_variant_is_the_learned_one(tmp_path: Path) -> None:
    file = tmp_path / "learned.yaml"
    settings = [f"screen.{name}=0" for name in ("catalyst_min", "rvol_min", "volume_min")]
    settings += ["screen.price_max=1000000.0", "screen.scan_minutes=60"]
    settings += ["signal.quarter_from=0", "signal.half_from=1"]
    settings += ["risk.stop_frac=0.004", "signal.allow_short=true"]
    write_learned(file, learning().params, over="spec", settings=settings)

    assert load(file).hash == learning().params.hash
    assert load(file).variant == "learned"
    with pytest.raises(OutputError, match="exists already"):
        write_learned(file, learning().params, over="spec")


def test_a_written_variant_finds_the_one_it_is_laid_over(tmp_path: Path) -> None:
    below, file = tmp_path / "mine.yaml", tmp_path / "there" / "learned.yaml"
    below.write_text("risk: {positions_max: 3}\n", encoding="utf-8")
    file.parent.mkdir()
    write_learned(file, learning().params, over=str(below))

    assert load(file).risk.positions_max == 3


# Whether it was worth it --------------------------------------------------------------------------


def _of_planted(frame: pl.DataFrame, months: list[Session]) -> Forecasts:
    refits = refit(frame, months, (0.5, 0.5))
    x = np.array(frame["scores"].to_list()) / 100.0

    def predict(k: int, _train: Flags, test: Flags) -> Floats | None:
        fit = refits[k].fit
        return None if fit is None else fit.probability(x[test])

    return walk_forward(frame, months, predict, seed=0)


def test_a_planted_relation_is_foretold_better_than_the_base_rate() -> None:
    found = _of_planted(*planted((2.5, 0.0)))

    assert found.gain.sign == 1
    assert found.brier < found.brier_base
    assert "Out of sample the forecasts beat the base rate" in found.sentence


def test_outcomes_without_a_relation_are_not() -> None:
    found = _of_planted(*planted((0.0, 0.0)))

    assert found.gain.sign < 1
    assert "did not measurably beat" in found.sentence or "were worse" in found.sentence


def test_foretold_and_observed_shares_agree_where_the_relation_holds() -> None:
    bins = _of_planted(*planted((2.5, 0.0), n=12_000)).bins

    assert len(bins) == 5
    assert [b.low <= b.forecast <= b.high for b in bins] == [True] * 5
    assert [abs(b.forecast - b.observed.value) < 0.05 for b in bins] == [True] * 5


def test_overconfident_forecasts_are_pulled_in_by_earlier_ones() -> None:
    frame, months = planted((2.5, 0.0))
    score = np.array(frame["scores"].to_list())[:, 0] / 100.0
    z = 4.0 * (-1.0 + 2.5 * score)

    def predict(_k: int, _train: Flags, test: Flags) -> Floats:
        return np.asarray(1.0 / (1.0 + np.exp(-z[test])))

    rows = walk_forward(frame, months, predict, seed=0).rows
    truth = 1.0 / (1.0 + np.exp(-0.25 * np.log(rows["raw"] / (1.0 - rows["raw"]))))
    month = rows["decided_at"].dt.month()
    first, last = month == 2, month >= 6

    assert rows.filter(first)["probability"].equals(rows.filter(first)["raw"])
    assert float((rows["probability"] - truth).filter(last).abs().max()) < 0.06  # type: ignore[arg-type]


def test_no_forecast_learns_from_its_own_month_or_later() -> None:
    frame, months = planted((2.0, 0.0))
    seen: list[tuple[bool, bool]] = []

    def predict(k: int, train: Flags, test: Flags) -> Floats:
        known, decided = frame["known_ns"].to_numpy(), frame["decided_at"].cast(pl.Int64).to_numpy()
        seen.append(
            (
                bool((known[train] < months[k].pre_ns).all()),
                bool((decided[test] >= months[k].pre_ns).all()),
            )
        )
        return np.full(int(test.sum()), 0.5)

    walk_forward(frame, months, predict, seed=0)

    assert seen == [(True, True)] * len(months)


@pytest.mark.parametrize("kind", ["boosting", "logistic"])
def test_a_study_names_the_feature_that_tells(kind: str) -> None:
    frame, months = planted((3.0, 0.0), n=2_500, days=80)
    scores = np.array(frame["scores"].to_list())
    table = frame.select("signal_id", "symbol", "decided_at").with_columns(
        telling=pl.Series(scores[:, 0]),
        silent=pl.Series(scores[:, 1]),
        name=pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("a")).otherwise(pl.lit("b")),
    )
    found = study_of(frame, table, months, kind=kind, seed=0)

    assert found.forecasts.gain.sign == 1
    assert next(one.feature for one in found.importances) == "telling"
    assert {one.feature for one in found.importances} == {"telling", "silent", "name=a", "name=b"}


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(InputError, match="expected one of boosting, logistic"):
        study(learned_from(), "oracle", seed=0)


# The command --------------------------------------------------------------------------------------


def test_the_command_writes_a_variant_and_tells_its_worth(tmp_path: Path) -> None:
    file = tmp_path / "learned.yaml"
    told = ["learn", "--lake", str(small_lake().root), "--set", "screen.scan_minutes=60"]
    result = CliRunner().invoke(app, [*told, "--out", str(file), "--json"])
    found = json.loads(result.stdout)

    assert result.exit_code == 0
    assert [month["from"] for month in found["refits"]] == ["2023-07-03"]
    assert found["params_hash"] == load(file).hash
    assert "can't be told" in found["forecasts"]["sentence"]


def test_the_command_refuses_to_write_a_study(tmp_path: Path) -> None:
    told = ["learn", "--model", "boosting", "--out", str(tmp_path / "x.yaml")]
    result = CliRunner().invoke(app, told)

    assert isinstance(result.exception, InputError)
    assert "a study that is not traded" in str(result.exception)


def test_a_changed_weight_is_another_variant() -> None:
    params = learning().params
    day, entry = params.by_date[0]
    other = replace(params, by_date=((day, entry.replace(scored={"catalyst": 1.0})),))

    assert other.hash != params.hash

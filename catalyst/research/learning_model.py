"""A study: do all features together foretell an outcome? A richer model, not traded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from catalyst.data.report.values import Interval
from catalyst.errors import InputError
from catalyst.research.bootstrap import mean_interval
from catalyst.research.features import KEYS, features
from catalyst.research.learning import RARER_MIN, arrays, month_of, months_of, outcomes_of, rarer
from catalyst.research.learning_forecast import Forecasts, walk_forward
from catalyst.research.result import Result
from catalyst.strategy.clock import DAY_NS
from catalyst.strategy.values import Flags, Floats, Ints, Session

KINDS = ("boosting", "logistic")
EMBARGO_DAYS = 1
# A story gives a dozen signals that overlap: a leaf of 240 is some twenty stories.
_LEAVES, _TREES, _RATE, _LEAF_MIN = 4, 60, 0.05, 240
_PENALTY = 0.1
_REPEATS = 3
_SURE = 1e-6


@dataclass(frozen=True)
class Importance:
    """Hold what a feature was worth: how much the log loss rose when its values were shuffled."""

    feature: str
    loss: Interval


@dataclass(frozen=True)
class Study:
    """Hold what a richer model made of the features.

    Attributes
    ----------
    kind
        ``boosting`` or ``logistic``.
    forecasts
        Out of sample, month by month.
    importances
        Of each feature out of sample, the greatest first.
    """

    kind: str
    forecasts: Forecasts
    importances: tuple[Importance, ...]


def study(result: Result, kind: str = "boosting", *, seed: int) -> Study:
    """Foretell outcomes from all features, month by month, each from what was known before it.

    A month's model learns from signals whose outcome was known `EMBARGO_DAYS` before the month's
    first session opened (purge and embargo), each counted by its uniqueness. ``boosting`` is
    scikit-learn's gradient boosting of small trees, ``logistic`` its ridge regression on the
    standardised features. Nothing of this is traded.

    Parameters
    ----------
    result
        A run with its lake.
    kind
        One of `KINDS`.
    seed
        Of shuffles and bootstrap.

    Raises
    ------
    InputError
        If the kind is unknown, or the run was opened without its lake.
    """
    check_kind(kind)
    outcomes = outcomes_of(result)
    return study_of(outcomes, features(result), months_of(result), kind=kind, seed=seed)


def study_of(
    outcomes: pl.DataFrame,
    frame: pl.DataFrame,
    months: Sequence[Session],
    *,
    kind: str,
    seed: int,
) -> Study:
    """Foretell outcomes from features; see `study`.

    Parameters
    ----------
    outcomes
        As `catalyst.research.learning.outcomes_of` gives them.
    frame
        As `catalyst.research.features.features` gives it.
    months
        First sessions of months, ascending.
    kind, seed
        As in `study`.
    """
    rows = outcomes.filter(pl.col("label").is_not_null())
    names, x = table_of(rows, frame)
    _, y, unique, known = arrays(outcomes)
    fitted: dict[int, Any] = {}

    def predict(k: int, train: Flags, test: Flags) -> Floats | None:
        train = train & (known < months[k].pre_ns - EMBARGO_DAYS * DAY_NS)
        if rarer(y[train], unique[train]) < RARER_MIN:
            return None
        fitted[k] = _fit(kind, x[train], y[train], unique[train])
        return _probability(fitted[k], x[test])

    forecasts = walk_forward(outcomes, months, predict, seed=seed)
    days = _days(rows)
    month = month_of(rows, months)
    tests = [(fitted[k], np.flatnonzero(month == k)) for k in sorted(fitted)]
    importances = _importances(names, x, y, tests, days=days, seed=seed)
    return Study(kind, forecasts, importances)


def check_kind(kind: str) -> None:
    """Refuse an unknown kind of model.

    Raises
    ------
    InputError
        If it is none of `KINDS`.
    """
    if kind not in KINDS:
        raise InputError(f"the model is {kind!r}; expected one of {', '.join(KINDS)}")


def table_of(rows: pl.DataFrame, frame: pl.DataFrame) -> tuple[list[str], Floats]:
    """Return the features of some signals as numbers: names, and float64[n, k] with NaN for null.

    Texts become a column of 0 and 1 for each of their values, in alphabetical order.
    """
    own = rows.select("signal_id").join(frame, on="signal_id", how="left", maintain_order="left")
    names: list[str] = []
    columns: list[Floats] = []
    for name, kind in own.schema.items():
        if name in KEYS:
            continue
        if kind == pl.String:
            for value in sorted(frame[name].drop_nulls().unique().to_list()):
                names.append(f"{name}={value}")
                same = (own[name] == value).fill_null(value=False)
                columns.append(same.cast(pl.Float64).to_numpy())
        else:
            names.append(name)
            columns.append(own[name].cast(pl.Float64).fill_null(np.nan).to_numpy())
    return names, np.stack(columns, axis=1)


def _fit(kind: str, x: Floats, y: Floats, unique: Floats) -> Any:  # noqa: ANN401 - a model of scikit-learn
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # Sums of several threads may be taken in any order, and a model then has other last bits.
    with threadpool_limits(1):
        if kind == "boosting":
            from sklearn.ensemble import HistGradientBoostingClassifier

            model = HistGradientBoostingClassifier(
                max_iter=_TREES,
                learning_rate=_RATE,
                max_leaf_nodes=_LEAVES,
                min_samples_leaf=_LEAF_MIN,
                early_stopping=False,
                random_state=0,
            )
            return model.fit(x, y, sample_weight=unique)
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        steps = (
            SimpleImputer(strategy="median", keep_empty_features=True),
            StandardScaler(),
            LogisticRegression(C=_PENALTY, max_iter=1_000),
        )
        return make_pipeline(*steps).fit(x, y, logisticregression__sample_weight=unique)


def _probability(model: Any, x: Floats) -> Floats:  # noqa: ANN401 - a model of scikit-learn
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        found: Floats = model.predict_proba(x)[:, 1]
    return np.clip(found, _SURE, 1.0 - _SURE)


def _importances(
    names: Sequence[str],
    x: Floats,
    y: Floats,
    tests: Sequence[tuple[Any, Ints]],
    *,
    days: Ints,
    seed: int,
) -> tuple[Importance, ...]:
    """Shuffle each feature among the signals of a month; means over shuffles, by signal."""
    if not tests:
        return ()
    rows = np.concatenate([at for _, at in tests])
    out = []
    plain = [_loss(_probability(model, x[at]), y[at]) for model, at in tests]
    for j, name in enumerate(names):
        rises = []
        for (model, at), before in zip(tests, plain, strict=True):
            chance = np.random.default_rng([seed, j])
            total = np.zeros(len(at))
            for _ in range(_REPEATS):
                shuffled = x[at]
                shuffled[:, j] = chance.permutation(shuffled[:, j])
                total += _loss(_probability(model, shuffled), y[at])
            rises.append(total / _REPEATS - before)
        loss = mean_interval(np.concatenate(rises), days[rows], seed=seed)
        out.append(Importance(name, loss))
    return tuple(sorted(out, key=lambda one: -one.loss.value))


def _loss(p: Floats, y: Floats) -> Floats:
    found: Floats = -np.log(np.where(y > 0.0, p, 1.0 - p))
    return found


def _days(rows: pl.DataFrame) -> Ints:
    local = pl.col("decided_at").dt.convert_time_zone("America/New_York").dt.date()
    return rows.select(local.cast(pl.Int64)).to_series().to_numpy()

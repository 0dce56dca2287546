"""The trials of a sweep, one after the other: all of a grid, drawn at random, or as Optuna asks."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from catalyst.errors import ParamsError
from catalyst.research.sweep_axes import Axis, combinations, rounded, tree_of
from catalyst.research.sweep_grid import OBJECTIVES, Grid
from catalyst.strategy.params import Params

#: Trials that Optuna is asked for before it is told what came of them; fixed, so that the number of
#: workers changes nothing.
BATCH = 8
_STARTED = 16


@dataclass(frozen=True)
class Point:
    """Hold one trial of a sweep.

    Attributes
    ----------
    number
        Its place among all, from 0.
    values
        A value for each axis.
    params
        The variant; None for a combination that can't be.
    error
        Why it can't be.
    """

    number: int
    values: tuple[Any, ...]
    params: Params | None
    error: str | None = None


Search: TypeAlias = Generator[list[Point], list[float | None], None]
"""Gives batches of points; is sent the objective of each, None where it has none."""


def searched(grid: Grid, base: Params) -> Search:
    """Yield the points of a search in batches, each after the last one's objectives were sent.

    Parameters
    ----------
    grid
        What is searched.
    base
        The variant that the values are laid over.
    """
    if grid.search == "optuna":
        yield from _asked(grid, base)
        return
    every = (
        itertools.product(*(axis.values for axis in grid.axes))
        if grid.search == "grid"
        else _drawn(grid)
    )
    yield [_point(grid.axes, number, values, base) for number, values in enumerate(every)]


def points_again(grid: Grid, base: Params, values: Sequence[float | None]) -> list[Point]:
    """Return the trials of a search that is over.

    Parameters
    ----------
    grid, base
        As for `searched`.
    values
        What the objective came to, in the trials' order.
    """
    search = searched(grid, base)
    points = list(next(search))
    told = 0
    while len(points) < len(values):
        batch = search.send(list(values[told : len(points)]))
        told = len(points)
        points += batch
    return points


def count_points(grid: Grid) -> int:
    """Count the trials that a search makes."""
    return grid.trials or int(combinations(grid.axes))


def _point(axes: Sequence[Axis], number: int, values: tuple[Any, ...], base: Params) -> Point:
    tree = tree_of(axes, values, base)
    try:
        params = base.updated(tree)
    except ParamsError as error:
        return Point(number, values, None, str(error))
    return Point(number, values, params)


def _drawn(grid: Grid) -> Iterator[tuple[Any, ...]]:
    chance = np.random.default_rng(grid.seed)
    seen: set[tuple[int | float, ...]] = set()
    while len(seen) < grid.trials:
        # Places, not values: a component has no order and a list no hash.
        drawn = tuple(_draw(axis, chance) for axis in grid.axes)
        if drawn not in seen:
            seen.add(drawn)
            yield tuple(_value(a, x) for a, x in zip(grid.axes, drawn, strict=True))


def _draw(axis: Axis, chance: np.random.Generator) -> int | float:
    if axis.values:
        return int(chance.integers(len(axis.values)))
    if axis.log:
        drawn = math.exp(chance.uniform(math.log(axis.low), math.log(axis.high)))
    else:
        drawn = chance.uniform(axis.low, axis.high)
    return _in_range(axis, drawn)


def _in_range(axis: Axis, drawn: float) -> float:
    return min(max(rounded(drawn, whole=axis.whole), axis.low), axis.high)


def _value(axis: Axis, drawn: float) -> Any:  # noqa: ANN401 - a value of any parameter
    return axis.values[int(drawn)] if axis.values else drawn


def _asked(grid: Grid, base: Params) -> Search:
    import optuna

    sign = OBJECTIVES[grid.objective]
    with _quiet(optuna):
        sampler = optuna.samplers.TPESampler(
            seed=grid.seed, n_startup_trials=_STARTED, multivariate=True, constant_liar=True
        )
        study = optuna.create_study(direction="maximize", sampler=sampler)
    ranges = {axis.name: _distribution(axis, optuna) for axis in grid.axes}
    for first in range(0, grid.trials, BATCH):
        count = min(BATCH, grid.trials - first)
        with _quiet(optuna):
            asked = [study.ask(ranges) for _ in range(count)]
        points = [
            _point(
                grid.axes,
                first + k,
                tuple(_suggested(axis, one.params[axis.name]) for axis in grid.axes),
                base,
            )
            for k, one in enumerate(asked)
        ]
        values = yield points
        failed = optuna.trial.TrialState.FAIL
        for one, value in zip(asked, values, strict=True):
            if value is None:
                study.tell(one, state=failed)
            else:
                study.tell(one, sign * value)


def _distribution(axis: Axis, optuna: Any) -> Any:  # noqa: ANN401 - a module imported when asked for
    kinds = optuna.distributions
    numbers = all(type(v) in {int, float} for v in axis.values)
    if not axis.values:
        kind = kinds.IntDistribution if axis.whole else kinds.FloatDistribution
        return kind(axis.low, axis.high, log=axis.log)
    if numbers and list(axis.values) == sorted(axis.values):
        # The place of a number among its neighbours: near places are near numbers.
        return kinds.IntDistribution(0, len(axis.values) - 1)
    return kinds.CategoricalDistribution(list(range(len(axis.values))))


def _suggested(axis: Axis, given: float) -> Any:  # noqa: ANN401 - a value of any parameter
    return axis.values[int(given)] if axis.values else _in_range(axis, given)


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:  # noqa: ANN401 - the module
    """Keep Optuna from telling of trials, which are told of here, and of what it calls new."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)

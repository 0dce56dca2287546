"""One parameter of a sweep: what it may be, checked as the strategy's parameters are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from catalyst.data.own_components import component_named
from catalyst.errors import InputError, ParamsError
from catalyst.strategy.components import BUILT_IN
from catalyst.strategy.param_content import shown_value
from catalyst.strategy.param_fields import checked, component_list, scored_pairs
from catalyst.strategy.params import SECTIONS, Params

MOST_TRIALS = 100_000
_RANGE = {"low", "high", "step", "log"}
_DIGITS = 6
# Ten steps of 0.1 fall short of 1 by a rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Axis:
    """Hold one parameter that varies.

    Attributes
    ----------
    name
        ``section.field``, a kind of component, or ``scored.NAME`` for one weight.
    values
        What it may be, in the order given; empty for a range.
    low, high, step
        A range, both ends included; the step is 0 for any number between.
    log
        Whether a range is drawn from evenly by ratio.
    whole
        Whether the parameter is a whole number.
    """

    name: str
    values: tuple[Any, ...] = ()
    low: float = math.nan
    high: float = math.nan
    step: float = 0.0
    log: bool = False
    whole: bool = False

    def shown(self, value: object) -> str | float | bool:
        """Return a value as a table has it: a number as it is, anything else in words."""
        if isinstance(value, bool | int | float):
            return value
        return shown_value(tuple(value) if isinstance(value, list) else value)


def tree_of(axes: Sequence[Axis], point: Sequence[Any], base: Params) -> dict[str, Any]:
    """Return what a point of the search lays over a variant, as `Params.updated` takes it.

    Parameters
    ----------
    axes
        What varies.
    point
        A value for each.
    base
        The variant; a single weight is laid over its others.
    """
    tree: dict[str, Any] = {}
    weights: dict[str, float] = {}
    for axis, value in zip(axes, point, strict=True):
        section, dot, leaf = axis.name.partition(".")
        if section == "scored" and dot:
            weights[leaf] = value
        elif dot:
            tree.setdefault(section, {})[leaf] = value
        else:
            tree[section] = value
    if weights:
        pairs = scored_pairs(tree["scored"]) if "scored" in tree else base.scored
        kept = [(c, weights.get(c.name, w)) for c, w in pairs]
        known = {c.name for c, _ in pairs}
        tree["scored"] = kept + [(n, w) for n, w in weights.items() if n not in known]
    return tree


def combinations(axes: Sequence[Axis]) -> float:
    """Count the points of a search; inf where a range has no steps."""
    return math.prod((float(len(a.values)) if a.values else math.inf for a in axes), start=1.0)


def axis_of(name: str, given: object, search: str, folder: Path) -> Axis:
    """Read one parameter of a search.

    Parameters
    ----------
    name
        ``section.field``, a kind of component, or ``scored.NAME``.
    given
        A list of values, or a mapping with low and high and perhaps step or log.
    search
        How the search goes: a grid can't try all of a range without steps.
    folder
        Where files with components are looked for, before the current folder.

    Raises
    ------
    InputError
        If the parameter is unknown, or a value is of the wrong type or out of range.
    """
    make, kind = _checker(name, folder)
    if isinstance(given, dict) and name not in BUILT_IN:
        return _range(name, given, search, make, kind)
    if not isinstance(given, list):
        raise InputError(
            f"{name} is {given!r}; expected a list of values, such as [{_example(given)}]"
        )
    if not given:
        raise InputError(f"{name} has an empty list; expected one value or more")
    values = tuple(make(value) for value in given)
    axis = Axis(name, values, whole=kind == "int")
    words = [json.dumps(axis.shown(value)) for value in values]
    twice = next((word for k, word in enumerate(words) if word in words[:k]), None)
    if twice is not None:
        raise InputError(f"{name} has {twice} twice; expected each value once")
    return axis


def _range(name: str, given: dict[Any, Any], search: str, make: Any, kind: str) -> Axis:  # noqa: ANN401 - a checker
    if kind not in {"int", "float"}:
        raise InputError(f"{name} is no single number; expected a list of values, not a range")
    if not {"low", "high"} <= set(given) <= _RANGE:
        raise InputError(
            f"{name} is {given!r}; expected a list, or a range such as {{low: 1, high: 3}} with "
            "step or log if wanted"
        )
    low, high = make(given["low"]), make(given["high"])
    step, log = given.get("step"), given.get("log", False)
    if not low < high:
        raise InputError(f"{name} goes from {low} to {high}; expected low below high")
    if not isinstance(log, bool) or (log and (step is not None or low <= 0)):
        raise InputError(
            f"{name} has log: {log!r}; expected true for a range above 0 without a step, or false"
        )
    if step is not None and (
        isinstance(step, bool)
        or not isinstance(step, int | float)
        or not 0 < step <= high - low
        or (kind == "int" and step != int(step))
    ):
        raise InputError(
            f"{name} has the step {step!r}; expected a {'whole ' if kind == 'int' else ''}number "
            f"above 0, at most {high - low:g}"
        )
    if step is None and kind == "int" and not log:
        step = 1
    if step is None:
        if search == "grid":
            raise InputError(
                f"{name} is a range, of which a grid can't try all; give a list, a step, or "
                "search: random"
            )
        return Axis(name, (), low, high, 0.0, log=log, whole=kind == "int")
    count = int((high - low) / step + _ROUNDING) + 1
    if count > MOST_TRIALS:
        raise InputError(f"{name} has {count:,} steps; expected at most {MOST_TRIALS:,}")
    steps = low + np.arange(count) * step
    return Axis(name, tuple(make(rounded(x, whole=kind == "int")) for x in steps.tolist()))


def rounded(value: float, *, whole: bool) -> float:
    """Return a drawn number as a person would write it: whole, or of six digits."""
    return round(value) if whole else float(f"{value:.{_DIGITS}g}")


def _checker(name: str, folder: Path) -> tuple[Any, str]:
    """Return what checks one value of a parameter, and the parameter's type."""
    section, dot, leaf = name.partition(".")
    if section == "scored" and dot:
        known = sorted({*BUILT_IN["scored"]})
        if leaf not in known:
            raise InputError(
                f"there is no scored component {leaf!r}; known are {', '.join(known)}: give whole "
                "lists of scored for others"
            )
        return lambda value: scored_pairs([(leaf, value)])[0][1], "float"
    if dot:
        # An unknown name gets the variants' own sentence.
        found = [f for f in fields(SECTIONS.get(section, Params)) if f.name == leaf]
        if section not in SECTIONS or not found:
            Params().updated({section: {leaf: None}})
        spec = found[0]
        return lambda value: checked(name, spec, value), str(spec.type)
    if name in SECTIONS:
        raise ParamsError(f"{name} is a whole section; expected one of its fields, as {name}.FIELD")
    if name not in BUILT_IN:
        Params().updated({name: None})
        raise ParamsError(f"{name} can't vary; expected a parameter as section.field")
    return lambda value: _component(name, value, folder), "component"


def _component(kind: str, value: object, folder: Path) -> object:
    folders = [folder, Path()]

    def found(one: object) -> object:
        if isinstance(one, str) and ":" in one:
            return component_named(one, "the sweep", folders=folders)
        return one

    if kind == "scored" and isinstance(value, Mapping):
        return scored_pairs([(found(name), weight) for name, weight in value.items()])
    if kind == "scored":
        return scored_pairs(value)
    if isinstance(value, list):
        return component_list(kind, [found(v) for v in value])
    one = found(value)
    return getattr(Params().updated({kind: one}), kind)


def _example(given: object) -> str:
    return f"{given}" if isinstance(given, int | float | str) else "1, 2"

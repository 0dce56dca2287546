"""Parameters by date: how they are written, and what may not change between two days."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from catalyst.errors import ParamsError
from catalyst.strategy.components import Component
from catalyst.strategy.param_content import day_text, is_idle
from catalyst.strategy.param_sections import SECTIONS

FIXED: tuple[tuple[str, str], ...] = (
    ("catalyst", "news_hours"),
    ("screen", "mean_sessions"),
    ("screen", "rvol_sessions_min"),
    ("pattern", "timeframes"),
    ("technical", "window"),
    ("risk", "initial_equity_usd"),
    ("execution", "bar_grace_s"),
)
"""Section and name of the numbers that shape what is known before a day begins."""

_NOT_FIELDS = {"variant", "hash", "by_date"}


def check_dates(params: Any) -> None:  # noqa: ANN401 - Params, which imports this
    """Refuse entries of ``by_date`` that are out of order, nested, or change what is fixed.

    Raises
    ------
    ParamsError
        If one does.
    """
    given = params.by_date
    pairs = isinstance(given, tuple) and all(
        isinstance(pair, tuple)
        and len(pair) == 2
        and isinstance(pair[0], int)
        and isinstance(pair[1], type(params))
        for pair in given
    )
    if not pairs:
        raise ParamsError(
            f"by_date is {given!r}; expected dates with what changes from each on, such as "
            "2023-07-03: {scored: {...}}"
        )
    last = None
    for day, entry in given:
        if last is not None and day <= last:
            raise ParamsError(
                f"by_date has {day_text(day)} after {day_text(last)}; expected each date once, "
                "ascending"
            )
        last = day
        if entry.by_date:
            raise ParamsError(
                f"by_date of {day_text(day)} has a by_date of its own; expected numbers and "
                "components"
            )
        for section, name in FIXED:
            own, whole = (getattr(getattr(one, section), name) for one in (entry, params))
            if own != whole:
                raise ParamsError(
                    f"by_date of {day_text(day)} sets {section}.{name} to {own!r}; expected "
                    f"{whole!r} on all days: what is known before a day begins depends on it"
                )


def laid_over(params: Any, given: object) -> tuple[tuple[int, Any], ...]:  # noqa: ANN401 - see above
    """Return entries of ``by_date`` from dates with what changes, each laid over some parameters.

    Parameters
    ----------
    params
        What is changed; has no ``by_date``.
    given
        A mapping of date (text or a date) to a nested mapping or whole parameters; or pairs as
        ``Params.by_date`` holds them.

    Raises
    ------
    ParamsError
        If a date is none, or what changes is wrong.
    """
    if isinstance(given, (tuple, list)):
        return tuple(given)
    if not isinstance(given, Mapping):
        raise ParamsError(
            f"by_date is {given!r}; expected dates with what changes from each on, such as "
            "2023-07-03: {scored: {...}}"
        )
    found = []
    for key, value in given.items():
        day = _day(key)
        if not isinstance(value, (Mapping, type(params))):
            raise ParamsError(
                f"by_date of {day_text(day)} is {value!r}; expected names with values, such as "
                "{scored: {...}}"
            )
        found.append((day, params.updated(value) if isinstance(value, Mapping) else value))
    return tuple(sorted(found, key=lambda pair: pair[0]))


def _day(key: object) -> int:
    text = str(key)
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return int(np.datetime64(text, "D").astype(np.int64))
    except ValueError:
        pass
    raise ParamsError(f"by_date has {key!r}; expected a date such as 2023-07-03")


def mapping_by_date(params: Any) -> dict[str, Any]:  # noqa: ANN401 - see above
    """Return the nested mapping of every field; an entry of ``by_date`` holds what it changes."""
    tree = _mapping(params)
    whole = {name: value for name, value in tree.items() if name not in SECTIONS} | {
        name: _section(params, name) for name in SECTIONS
    }
    dates = {day_text(day): _changes(whole, entry) for day, entry in params.by_date}
    return tree | ({"by_date": dates} if dates else {})


def _changes(whole: dict[str, Any], entry: Any) -> dict[str, Any]:  # noqa: ANN401 - see above
    out: dict[str, Any] = {}
    for name in whole:
        if name in SECTIONS:
            section = _section(entry, name)
            changed = {k: v for k, v in section.items() if v != whole[name][k]}
            if changed:
                out[name] = changed
    mapping = _mapping(entry)
    return out | {
        name: mapping[name]
        for name in whole
        # Two mappings with the same pairs in another order are another sum of floats.
        if name not in SECTIONS and repr(mapping[name]) != repr(whole[name])
    }


def _mapping(params: Any) -> dict[str, Any]:  # noqa: ANN401 - see above
    tree: dict[str, Any] = {"variant": params.variant}
    for item in fields(params):
        value: Any = getattr(params, item.name)
        if item.name in SECTIONS:
            if not is_idle(params, item.name):
                tree[item.name] = _section(params, item.name)
        elif item.name == "scored":
            tree["scored"] = {c.name: w for c, w in value}
        elif isinstance(value, Component):
            tree[item.name] = value.name
        elif item.name not in _NOT_FIELDS:
            tree[item.name] = [c.name for c in value]
    return tree


def _section(params: Any, name: str) -> dict[str, Any]:  # noqa: ANN401 - see above
    section = getattr(params, name)
    values = {f.name: getattr(section, f.name) for f in fields(section)}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

"""Fields of the parameters: their range and unit, and what to tell a person who got one wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, field
from typing import Any

from catalyst.errors import ParamsError
from catalyst.strategy.components import Component, as_component


# A dataclass field is declared by the type of its value, so what makes one may return anything.
def number(default: float | tuple[float, ...], low: float, high: float, unit: str) -> Any:  # noqa: ANN401 - see above
    """Declare a number, or a fixed count of numbers, each from ``low`` to ``high``."""
    return field(default=default, metadata={"low": low, "high": high, "unit": unit})


# As for `number`.
def numbers(low: int, high: int, unit: str) -> Any:  # noqa: ANN401 - see above
    """Declare any count of whole numbers, each from ``low`` to ``high``, by default none."""
    return field(default=(), metadata={"low": low, "high": high, "unit": unit, "any": True})


def switch(default: bool, meaning: str) -> Any:  # noqa: ANN401 - see above
    """Declare a switch; ``meaning`` says what it does when it is on."""
    return field(default=default, metadata={"unit": meaning})


def check_ascending(name: str, section: object, *, low: str, high: str) -> None:
    """Refuse a section in which the field ``low`` is above the field ``high``.

    Raises
    ------
    ParamsError
        If it is.
    """
    below, above = getattr(section, low), getattr(section, high)
    if below > above:
        raise ParamsError(
            f"{name}.{low} is {below!r}, above {name}.{high} {above!r}; expected at most that"
        )


def component_list(kind: str, value: object) -> tuple[Component, ...]:
    """Return the components of a list of names or functions.

    Raises
    ------
    ParamsError
        If it is no list, or a name is not a built-in's.
    """
    if not isinstance(value, (list, tuple)):
        raise ParamsError(f"{kind} is {value!r}; expected a list of component names or functions")
    found = tuple(as_component(kind, v) for v in value)
    check_once(kind, [c.name for c in found])
    return found


def check_once(kind: str, names: list[str]) -> None:
    """Refuse a list that names a component twice: files tell them apart by name.

    Raises
    ------
    ParamsError
        If it does.
    """
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if twice is not None:
        raise ParamsError(
            f"{kind} has {twice} twice; expected each component once, functions under names of "
            "their own"
        )


def scored_pairs(value: object) -> tuple[tuple[Component, float], ...]:
    """Return pairs of scored component and weight from a mapping or a list of pairs.

    Raises
    ------
    ParamsError
        If it is neither, a weight is not from 0 to 1, or they add up to more than 1.
    """
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    if not isinstance(pairs, (list, tuple)) or not pairs:
        raise ParamsError(
            f"scored is {value!r}; expected component names with weights, such as catalyst: 0.35"
        )
    out = []
    for component, weight in pairs:
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight <= 1:
            raise ParamsError(
                f"scored weight of {component} is {weight!r}; expected a number from 0 to 1"
            )
        out.append((as_component("scored", component), float(weight)))
    check_once("scored", [c.name for c, _ in out])
    if (total := sum(weight for _, weight in out)) > 1.0 + 1e-9:
        raise ParamsError(
            f"the weights of scored add up to {total:g}; expected at most 1, so that confidence "
            "stays below 100"
        )
    return tuple(out)


def checked(name: str, spec: Field[Any], value: object) -> object:
    """Return a field's value in the field's type.

    Parameters
    ----------
    name
        With its section, such as ``screen.price_max``.
    spec
        The field; its metadata hold the range (low, high) and the unit.
    value
        As a person wrote it: whole numbers for floats and lists for tuples are fine.

    Raises
    ------
    ParamsError
        If it is of the wrong type or out of range.
    """
    kind = str(spec.type)
    meta = spec.metadata
    if kind == "bool":
        if not isinstance(value, bool):
            raise ParamsError(f"{name} is {value!r}; expected true or false ({meta['unit']})")
        return value
    if kind.startswith("tuple"):
        default: Any = spec.default
        usual = len(default)
        if (
            not isinstance(value, (tuple, list))
            or (name != "pattern.timeframes" and len(value) != usual and "any" not in meta)
            or not (len(value) or "any" in meta)
        ):
            if "any" in meta:
                raise ParamsError(f"{name} is {value!r}; expected a list ({meta['unit']})")
            raise ParamsError(f"{name} is {value!r}; expected {usual} numbers ({meta['unit']})")
        inner = int if "int" in kind else float
        found = tuple(_in_range(name, meta, inner, v) for v in value)
        if name == "pattern.timeframes" and len(set(found)) < len(found):
            raise ParamsError(f"{name} is {value!r}; expected each timeframe once")
        if "any" in meta:
            _check_order(name, found)
        return found
    return _in_range(name, meta, int if kind == "int" else float, value)


def _check_order(name: str, found: tuple[float, ...]) -> None:
    for k in range(1, len(found)):
        if found[k] < found[k - 1]:
            raise ParamsError(
                f"{name} has {found[k]} after {found[k - 1]}; expected them ascending"
            )


def _in_range(name: str, meta: Mapping[str, Any], kind: type[float], value: object) -> float:
    what = "a whole number" if kind is int else "a number"
    expected = f"expected {what} from {meta['low']:g} to {meta['high']:g} ({meta['unit']})"
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not meta["low"] <= value <= meta["high"]
    ):
        raise ParamsError(f"{name} is {value!r}; {expected}")
    if kind is int and value != int(value):
        raise ParamsError(f"{name} is {value!r}; {expected}")
    return kind(value)

"""Calls of a user's own components: what comes back is checked, what goes wrong is one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from catalyst.errors import CatalystError, ComponentError
from catalyst.strategy.components import Component
from catalyst.strategy.values import Flags, Floats

_DUST = 1e-9
_NUMBA_LEADS = ("Failed in", "Cannot determine Numba type of", "non-precise type")


@dataclass(frozen=True)
class Caller:
    """Call components for some symbols at one instant.

    Attributes
    ----------
    asof_ns
        The instant, ns UTC.
    names
        The symbols that are asked about, in their order; empty for the whole market.
    """

    asof_ns: int
    names: tuple[str, ...] = ()

    def scores(self, component: Component, *arguments: object) -> Floats:
        """Return the score of each symbol, float64[k] from 0 to 100.

        Raises
        ------
        ComponentError
            If it fails, or gives another shape or type, NaN, or a number out of range.
        """
        k = len(self.names)
        if not k:
            return np.empty(0)
        return self._in_range(component, self._call(component, arguments), (k,), 0.0, 100.0)

    def catalyst(self, component: Component, m: int, *arguments: object) -> tuple[Floats, Floats]:
        """Return catalyst scores (0 to 100) and directions (-1 to 1) of the whole market.

        Raises
        ------
        ComponentError
            If it fails, or gives anything but two such float64[m].
        """
        found = self._call(component, arguments)
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise self._error(
                component,
                f"returned {_shown(found)}; expected a pair (score, direction), each float64[{m}]",
            )
        score, direction = found
        return (
            self._in_range(component, score, (m,), 0.0, 100.0, "score: "),
            self._in_range(component, direction, (m,), -1.0, 1.0, "direction: "),
        )

    def kept(self, component: Component, *arguments: object) -> Flags:
        """Return whether an entry filter keeps each symbol, bool[k].

        Raises
        ------
        ComponentError
            If it fails, or gives another shape or type.
        """
        k = len(self.names)
        if not k:
            return np.empty(0, np.bool_)
        found = self._call(component, arguments)
        kept = self._array(found)
        if kept is None or kept.dtype.kind != "b" or kept.shape != (k,):
            raise self._error(
                component,
                f"returned {_shown(found)}; expected bool[{k}], True for each row that may be "
                "entered",
            )
        return kept

    def pattern(self, component: Component, *arguments: object) -> int:
        """Return a pattern's value: above 0 bullish, below 0 bearish, 0 none.

        Raises
        ------
        ComponentError
            If it fails, or gives anything but a whole number.
        """
        found: Any = self._call(component, arguments)
        whole = isinstance(found, (bool, int, np.bool_, np.integer)) or (
            isinstance(found, (float, np.floating)) and float(found).is_integer()
        )
        if not whole:
            raise self._error(
                component, f"returned {_shown(found)}; expected 100, -100 or 0 (none)"
            )
        return int(found)

    def leaves(self, component: Component, *arguments: object) -> bool:
        """Return whether an exit leaves.

        Raises
        ------
        ComponentError
            If it fails, or gives anything but True or False.
        """
        found = self._call(component, arguments)
        if not isinstance(found, (bool, np.bool_)):
            raise self._error(component, f"returned {_shown(found)}; expected True or False")
        return bool(found)

    def scored(self, component: Component, *arguments: object) -> float:
        """Return a scored component's value, 0 to 100.

        Raises
        ------
        ComponentError
            If it fails, or gives anything but a number in that range.
        """
        return float(self._in_range(component, self._call(component, arguments), (), 0.0, 100.0))

    def _call(self, component: Component, arguments: tuple[object, ...]) -> object:
        assert component.function is not None  # noqa: S101 - asked for where there is one
        try:
            return component.function(*arguments)
        except CatalystError:
            raise
        except Exception as error:
            fault = f"failed with {_told(error)}{_line(error, component.function)}; mend that line"
            raise self._error(component, fault) from error

    def _in_range(
        self,
        component: Component,
        found: object,
        shape: tuple[int, ...],
        low: float,
        high: float,
        part: str = "",
    ) -> Floats:
        size = f"float64[{shape[0]}], one for each symbol," if shape else "a number"
        expected = f"{part}expected {size} from {low:g} to {high:g}"
        array = self._array(found)
        if array is None or array.dtype.kind not in "fiu" or array.shape != shape:
            raise self._error(component, f"returned {_shown(found)}; {expected}")
        values = array.astype(np.float64)
        if (
            not np.isfinite(values).all()
            or (values < low - _DUST).any()
            or (values > high + _DUST).any()
        ):
            wrong = ~((values >= low - _DUST) & (values <= high + _DUST))
            value = float(values[wrong].flat[0])
            at = int(np.flatnonzero(wrong)[0])
            names = (self.names[at],) if len(self.names) == values.size else self.names
            raise ComponentError(
                component.name,
                f"returned {part}{value:g}; {expected.removeprefix(part)}"
                + ("; give 50 where it can't tell" if np.isnan(value) and not part else ""),
                self.asof_ns,
                names,
            )
        return values

    @staticmethod
    def _array(found: object) -> np.ndarray[Any, Any] | None:
        if found is None or isinstance(found, (str, bytes, dict, set)):
            return None
        try:
            return np.asarray(found)
        except (ValueError, TypeError):
            return None

    def _error(self, component: Component, fault: str) -> ComponentError:
        return ComponentError(component.name, fault, self.asof_ns, self.names)


def _shown(found: object) -> str:
    if found is None:
        return "None (is a return missing?)"
    if isinstance(found, (np.ndarray, np.generic)):
        inside = f"[{', '.join(map(str, found.shape))}]" if found.shape else f" {found!r}"
        return f"{found.dtype}{inside}"
    if isinstance(found, (tuple, list)):
        return f"a {type(found).__name__} of {len(found)}"
    text = repr(found)
    name = type(found).__name__
    return f"{name} {text}" if isinstance(found, (bool, int, float, str)) else f"a {name}"


def _told(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(_NUMBA_LEADS)] or lines
    return f"{type(error).__name__}: {told[0]}" if told else type(error).__name__


def _line(error: Exception, function: Any) -> str:  # noqa: ANN401 - plain or njit
    """Name the innermost line of the user's file that the error passed."""
    code = getattr(function, "py_func", function).__code__
    line, trace = code.co_firstlineno, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == code.co_filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    name = code.co_filename.replace("\\", "/").rpartition("/")[2]
    cell = code.co_filename.startswith("<") or "ipykernel" in code.co_filename
    return f" (line {line} of its cell)" if cell else f" ({name}, line {line})"

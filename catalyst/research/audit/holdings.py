"""What data an object holds: constants a person typed, or numbers that came from somewhere.

A threshold, a tuple of weights, a sector map of thousands of names are part of an idea. A frame, a
long array, a table by day or by symbol is data: an audit that remakes the lake can't remake it, and
so can't vouch for what was computed from it.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

#: More different numbers than a person types as weights or thresholds.
NUMBERS = 64
#: A longer array is data even where it looks like a formula's; windows reach 250 bars.
FORMULA = 1_024
_TEXT = 20_000
_DATES = 2
_DEPTH = 6
_TICKERS = 5
_DIGITS = 8
_DATE = re.compile(r"^\d{4}-?[01]\d-?[0-3]\d([T ].*)?$")
_TICKER = re.compile(r"^[A-Z][A-Z0-9]{0,5}([.\-/][A-Z]{1,2})?$")
_LIBRARIES = frozenset({"polars", "pandas", "pyarrow", "duckdb", "xarray", "vectorbt", "scipy"})
#: What a library calls columns and types is no data.
_WORDS = ("polars.expr", "polars.datatypes", "pandas.core.dtypes")
#: Instants in seconds, ms, us and ns of the years 1985 to 2100.
_INSTANTS = tuple((0.5e9 * unit, 4.1e9 * unit) for unit in (1, 10**3, 10**6, 10**9))
_DAYS = (5_500, 48_000)
_YMD = (19_500_101, 21_001_231)


def held(value: object) -> str:
    """Say what data an object holds; nothing where it holds only what a person may have typed.

    Parameters
    ----------
    value
        A captured or global object, a default, or a constant of the code.

    Returns
    -------
    str
        Such as ``a polars.DataFrame of 1,200 rows``; empty if it is clean.
    """
    return _held(value, frozenset(), 0)


def _held(value: object, seen: frozenset[int], depth: int) -> str:
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    if isinstance(value, (bool, int, float, complex, np.generic, types.ModuleType)) or (
        value is None or depth > _DEPTH or id(value) in seen or kind.__module__.startswith(_WORDS)
    ):
        return ""
    if isinstance(value, (str, bytes, bytearray)):
        return f"a text of {len(value):,} characters" if len(value) > _TEXT else ""
    if library in _LIBRARIES:
        rows = getattr(value, "__len__", None)
        size = f" of {len(value):,} rows" if rows is not None else ""  # type: ignore[arg-type]
        return f"a {library}.{kind.__qualname__}{size}"
    if isinstance(value, PurePath):
        return f"the path {value.name!r}"
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, memoryview) or hasattr(value, "fileno") or hasattr(value, "readinto"):
        return f"an open {kind.__qualname__}"
    if isinstance(value, Iterator):
        return f"a {kind.__qualname__}, which goes on where the last call left it"
    seen |= {id(value)}
    if isinstance(value, Mapping):
        return _mapping(value, seen, depth)
    if isinstance(value, (list, tuple, set, frozenset)) or kind.__name__ == "deque":
        return _sequence(list(value), seen, depth)  # type: ignore[call-overload]
    return _instance(value, seen, depth)


def _instance(value: object, seen: frozenset[int], depth: int) -> str:
    kind = type(value)
    if isinstance(value, type) or (callable(value) and not hasattr(value, "__dict__")):
        return ""
    if kind.__module__ in ("catalyst.strategy.params", "catalyst.strategy.components"):
        return ""
    if kind.__module__.startswith(("catalyst.data.", "catalyst.research.")):
        return f"a {kind.__qualname__}"
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType)):
        return ""
    inside: dict[str, object] = {}
    if is_dataclass(value):
        inside = {f.name: getattr(value, f.name, None) for f in fields(value)}
    else:
        inside = dict(getattr(value, "__dict__", {}))
        for name in _slots(kind):
            inside[name] = getattr(value, name, None)
    if kind.__module__.partition(".")[0] in ("numba", "builtins", "re", "typing", "functools"):
        return ""
    for name, one in inside.items():
        what = _held(one, seen, depth + 1)
        if what:
            return f"a {kind.__qualname__} whose {name} is {what}"
    return ""


def _slots(kind: type) -> Iterator[str]:
    for one in kind.__mro__:
        names = one.__dict__.get("__slots__", ())
        yield from (names,) if isinstance(names, str) else names


def _array(value: NDArray[np.generic]) -> str:
    shape = "x".join(map(str, value.shape))
    if value.dtype.kind == "M":
        return f"an array of {value.size:,} instants" if value.size > _DATES else ""
    if value.dtype.kind == "O":
        return _sequence(value.ravel().tolist(), frozenset(), _DEPTH - 1)
    if value.dtype.names or value.dtype.kind not in "fiuc":
        return f"a table of {value.size:,} records" if value.dtype.names else ""
    if value.size > 1 and value.dtype.kind in "iu" and _are_instants(value.ravel().tolist()):
        return f"an array of {value.size:,} instants"
    if value.size <= NUMBERS or (value.size <= FORMULA and _is_formula(value)):
        return ""
    return f"an array of {shape} numbers"


def _is_formula(value: NDArray[np.generic]) -> bool:
    # Weights of a window rise, fall, mirror themselves or repeat a few values; prices don't.
    x = np.asarray(value, np.float64)
    if x.ndim != 1 or len(np.unique(x)) <= _DIGITS:
        return len(np.unique(x)) <= _DIGITS
    steps = np.diff(x)
    bends = np.diff(steps)
    smooth = bool(np.all(bends >= -_tiny(x)) or np.all(bends <= _tiny(x)))
    monotone = bool(np.all(steps >= 0) or np.all(steps <= 0))
    return (monotone and smooth) or bool(np.allclose(x, x[::-1], rtol=1e-12, atol=0.0))


def _tiny(x: NDArray[np.float64]) -> float:
    return float(np.abs(x).max()) * 1e-12


def _mapping(value: Mapping[object, object], seen: frozenset[int], depth: int) -> str:
    keys = list(value)
    if any(_is_date(part) for key in keys for part in _parts(key)):
        return f"a table of {len(keys):,} rows by date"
    if _are_instants([k for k in keys if isinstance(k, (int, float))]):
        return f"a table of {len(keys):,} rows by instant"
    named = [v for k, v in value.items() if isinstance(k, str) and _TICKER.match(k)]
    fitted = sum(isinstance(v, (float, np.floating)) and _is_fitted(float(v)) for v in named)
    if fitted >= _TICKERS:
        return f"a table of {fitted:,} numbers by symbol, with more digits than anyone types"
    inside = _sequence(list(value.values()), seen, depth, table=True)
    if inside:
        return inside
    whole = _sequence(keys, seen, depth)
    return whole and f"a table by {whole}"


def _sequence(items: list[object], seen: frozenset[int], depth: int, *, table: bool = False) -> str:
    noun = "a table" if table else "a list"
    if sum(_is_date(one) for one in items) > _DATES:
        return f"{noun} of {len(items):,} dates"
    numbers = [x for x in _leaves(items, depth) if isinstance(x, (int, float, np.number))]
    if len(numbers) > _DATES and _are_instants([x for x in numbers if isinstance(x, (int, float))]):
        return f"{noun} of {len(numbers):,} instants"
    if len({float(x.real) for x in numbers if not isinstance(x, bool)}) > NUMBERS and not (
        _is_formula(np.array([float(x.real) for x in numbers])) and len(numbers) <= FORMULA
    ):
        return f"{noun} of {len(numbers):,} numbers"
    for one in items[:FORMULA]:
        what = _held(one, seen, depth + 1)
        if what:
            return f"{noun} that holds {what}"
    return ""


def _leaves(items: Iterable[object], depth: int) -> Iterator[object]:
    for one in items:
        if isinstance(one, (list, tuple, set, frozenset)) and depth < _DEPTH:
            yield from _leaves(one, depth + 1)
        elif isinstance(one, Mapping) and depth < _DEPTH:
            yield from _leaves(one.values(), depth + 1)
        else:
            yield one


def _parts(key: object) -> tuple[object, ...]:
    return key if isinstance(key, tuple) else (key,)


def _is_date(value: object) -> bool:
    if isinstance(value, str):
        return bool(_DATE.match(value))
    if isinstance(value, np.datetime64):
        return True
    return isinstance(value, (dt.date, dt.datetime))


def _are_instants(values: list[int | float]) -> bool:
    plain = [float(v) for v in values if not isinstance(v, bool)]
    if not plain:
        return False
    if len(plain) > _DATES and all(v.is_integer() for v in plain) and len(set(plain)) > _DATES:
        near = (_DAYS, _YMD, _INSTANTS[0])
        if all(any(low <= v <= high for low, high in near) for v in plain) and not _is_round(plain):
            return True
    return all(any(low <= v <= high for low, high in _INSTANTS[2:]) for v in plain)


def _is_round(values: list[float]) -> bool:
    # Thresholds such as 10,000 and 25,000 or bit masks are no days.
    return all(v % 500 == 0 or math.log2(v).is_integer() for v in values)


def _is_fitted(value: float) -> bool:
    return math.isfinite(value) and len(repr(abs(value)).replace(".", "").strip("0")) > _DIGITS

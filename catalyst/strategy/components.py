"""Components: the functions that a variant names, built-in or the user's own.

A component is a pure function with the signature of its kind:

====================  ============================================================================
kind                  signature
====================  ============================================================================
``catalyst_score``    ``f(news, n_symbols, asof_ns, params) -> (score, direction)``, float64[m] each
``technical_score``   ``f(bars, params) -> float64[k]``, 0 to 100 for a long
``volume_score``      ``f(rvol, params) -> float64[k]``, 0 to 100
``patterns``          ``f(open_, high, low, close, volume) -> int`` for the last of the given bars
``entry_filters``     ``f(view, rows, params) -> bool[len(rows)]``; rows index ``view.symbols``
``exits``             ``f(view, row, entry, params) -> bool``
``scored``            ``f(view, row, side, params) -> float``, 0 to 100
====================  ============================================================================
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from catalyst.errors import ParamsError

BUILT_IN: dict[str, tuple[str, ...]] = {
    "catalyst_score": ("spec",),
    "technical_score": ("spec",),
    "volume_score": ("spec",),
    "patterns": ("candlesticks", "events"),
    "entry_filters": (),
    "exits": ("news_reversal", "time_stop", "flatten"),
    "scored": ("catalyst", "pattern", "technical", "volume"),
}
"""Names of the built-in components of each kind."""


_ADDRESS = re.compile(r" at 0x[0-9a-f]+")

PATTERN_NAMES = (
    "CDLDOJI",
    "CDLHAMMER",
    "CDLHANGINGMAN",
    "CDLINVERTEDHAMMER",
    "CDLSHOOTINGSTAR",
    "CDLENGULFING",
    "CDLHARAMI",
    "CDLPIERCING",
    "CDLDARKCLOUDCOVER",
    "CDLMORNINGSTAR",
    "CDLEVENINGSTAR",
    "CDL3WHITESOLDIERS",
    "CDL3BLACKCROWS",
)
"""The candlesticks that a variant may name one by one, in the order of `candles.PATTERNS`."""


@dataclass(frozen=True)
class Component:
    """Name a component; carry the function and its source's hash where it is the user's own.

    Attributes
    ----------
    name
        A built-in's name, or ``module:function``.
    source_hash
        16 hexadecimal digits over the function's code, empty for a built-in.
    function
        The function, None for a built-in. Not compared: the hash is.
    """

    name: str
    source_hash: str = ""
    function: Callable[..., Any] | None = field(default=None, compare=False, repr=False)


def as_component(kind: str, value: object) -> Component:
    """Make a component of a built-in's name or of a function.

    Raises
    ------
    ParamsError
        If a name is not a built-in's; `Params.load`, which may import, resolves
        ``module:function`` before.
    """
    if isinstance(value, Component):
        return value
    if callable(value):
        name = f"{getattr(value, '__module__', '?')}:{getattr(value, '__qualname__', repr(value))}"
        return Component(name, code_hash(value), value)
    if isinstance(value, str) and value in (
        *BUILT_IN[kind],
        *(PATTERN_NAMES if kind == "patterns" else ()),
    ):
        return Component(value)
    known = (
        ", ".join((*BUILT_IN[kind], *(PATTERN_NAMES if kind == "patterns" else ())))
        or "none built in"
    )
    raise ParamsError(
        f"{kind} is {value!r}; expected one of: {known}, or module:function, or a function"
    )


def code_hash(function: Callable[..., Any]) -> str:
    """Return 16 hexadecimal digits over a function's code, constants, defaults and captured values.

    Parameters
    ----------
    function
        Any Python or numba-compiled function.

    Raises
    ------
    ParamsError
        If the callable has no Python code to hash, such as a builtin.
    """
    digest = hashlib.sha256()
    _feed_function(digest, function, ())
    return digest.hexdigest()[:16]


def _feed_function(digest: hashlib._Hash, function: object, seen: tuple[object, ...]) -> None:
    plain: Any = getattr(function, "py_func", function)
    code = getattr(plain, "__code__", None)
    if code is None:
        raise ParamsError(
            f"component {function!r} has no Python code; expected a plain or njit function"
        )
    if code in seen:
        return
    seen = (*seen, code)
    _feed_code(digest, code)
    cells = [cell.cell_contents for cell in (plain.__closure__ or ())]
    defaults = (plain.__defaults__, sorted((plain.__kwdefaults__ or {}).items()))
    used = [plain.__globals__[name] for name in _names(code) if name in plain.__globals__]
    for value in (*defaults, *cells, *used):
        _feed_value(digest, value, seen)


# Code objects have a type in a module that the strategy may not import.
def _names(code: Any) -> list[str]:  # noqa: ANN401 - see above
    inner = [name for c in code.co_consts if hasattr(c, "co_code") for name in _names(c)]
    return sorted({*code.co_names, *inner})


def _feed_code(digest: hashlib._Hash, code: Any) -> None:  # noqa: ANN401 - see above
    digest.update(code.co_code)
    digest.update(repr((code.co_names, code.co_varnames)).encode())
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            _feed_code(digest, constant)
        else:
            _feed_value(digest, constant, ())


def _feed_value(digest: hashlib._Hash, value: object, seen: tuple[object, ...]) -> None:
    if isinstance(value, (frozenset, set)):
        digest.update(repr(sorted(map(repr, value))).encode())
    elif isinstance(value, (tuple, list)):
        for item in value:
            _feed_value(digest, item, seen)
    elif hasattr(value, "__code__") or hasattr(value, "py_func"):
        _feed_function(digest, value, seen)
    elif hasattr(value, "tobytes"):
        digest.update(value.tobytes())
    elif not _ADDRESS.search(text := repr(value)):
        digest.update(text.encode())
    elif not hasattr(value, "__spec__") and not isinstance(value, type):
        raise ParamsError(
            f"a component uses {text}, which has no lasting content; expected numbers, text, "
            "arrays or functions"
        )

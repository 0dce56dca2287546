"""Components: the functions that a variant names, built-in or the user's own.

A component is a pure function with the signature of its kind:

====================  =====================================================================================
kind                  signature
====================  =====================================================================================
``catalyst_score``    ``f(news, n_symbols, asof_ns, params) -> (score float64[m], direction float64[m])``
``technical_score``   ``f(bars, params) -> float64[k]``, 0 to 100 for a long
``volume_score``      ``f(rvol, params) -> float64[k]``, 0 to 100
``patterns``          ``f(open_, high, low, close, volume) -> int`` for the last of the given bars
``entry_filters``     ``f(view, rows, params) -> bool[len(rows)]``; rows index ``view.symbols``
``exits``             ``f(view, row, entry, params) -> bool``
``scored``            ``f(view, row, side, params) -> float``, 0 to 100
====================  =====================================================================================
"""

from __future__ import annotations

import hashlib
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


def as_component(kind: str, value: Any) -> Component:  # noqa: ANN401 - a name or a function
    """Make a component of a built-in's name or of a function.

    Raises
    ------
    ParamsError
        If a name is not a built-in's (``module:function`` is resolved by `Params.load`, which may import).
    """
    if isinstance(value, Component):
        return value
    if callable(value):
        name = f"{getattr(value, '__module__', '?')}:{getattr(value, '__qualname__', repr(value))}"
        return Component(name, code_hash(value), value)
    if isinstance(value, str) and (value in BUILT_IN[kind] or (kind == "patterns" and value.startswith("CDL"))):
        return Component(value)
    known = ", ".join(BUILT_IN[kind]) or "none built in"
    raise ParamsError(f"{kind} is {value!r}; expected one of: {known}, or module:function, or a function")


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
    plain = getattr(function, "py_func", function)
    code = getattr(plain, "__code__", None)
    if code is None:
        raise ParamsError(f"component {function!r} has no Python code; expected a plain or njit function")
    digest = hashlib.sha256()
    _feed(digest, code)
    cells = [cell.cell_contents for cell in (plain.__closure__ or ())]
    for value in (plain.__defaults__, plain.__kwdefaults__, cells):
        digest.update(repr(value).encode())
    return digest.hexdigest()[:16]


def _feed(digest: Any, code: Any) -> None:  # noqa: ANN401 - hashlib and code objects have no public type
    digest.update(code.co_code)
    digest.update(repr((code.co_names, code.co_varnames)).encode())
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            _feed(digest, constant)
        else:
            digest.update(repr(constant).encode())

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

Arguments are passed by position; a name may differ, but not so that it is another's. All but a
pattern are called with objects that numba doesn't know: a plain function may call njit kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from catalyst.errors import ParamsError
from catalyst.strategy.source_hash import code_hash

__all__ = [
    "BUILT_IN",
    "MOVE_SCORES",
    "PATTERN_NAMES",
    "SIGNATURES",
    "Component",
    "as_component",
    "check_signature",
    "code_hash",
    "parameter_names",
]

MOVE_SCORES = ("momentum_chase", "pullback")
"""Built-in technical scores that go by the move of some days (`catalyst.strategy.moves`)."""

BUILT_IN: dict[str, tuple[str, ...]] = {
    "catalyst_score": ("spec",),
    "technical_score": ("spec", *MOVE_SCORES),
    "volume_score": ("spec",),
    "patterns": ("candlesticks", "events"),
    "entry_filters": (),
    "exits": ("news_reversal", "time_stop", "flatten"),
    "scored": ("catalyst", "pattern", "technical", "volume", "half_size"),
}
"""Names of the built-in components of each kind; ``half_size`` is ``signal.half_from`` always."""

SIGNATURES: dict[str, tuple[str, ...]] = {
    "catalyst_score": ("news", "n_symbols", "asof_ns", "params"),
    "technical_score": ("bars", "params"),
    "volume_score": ("rvol", "params"),
    "patterns": ("open_", "high", "low", "close", "volume"),
    "entry_filters": ("view", "rows", "params"),
    "exits": ("view", "row", "entry", "params"),
    "scored": ("view", "row", "side", "params"),
}
"""Names of the arguments that each kind of component is given, in their order."""

# Flags of a code object: takes *args; is a generator, a coroutine, an asynchronous generator.
_VARARGS, _SUSPENDS = 0x04, 0x20 | 0x80 | 0x200
_OBJECTS = {"news", "bars", "view", "params", "entry"}

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
    place
        Where another process can load it anew, ``file.py:function``; empty if it can be had by its
        name, or lives in memory only. Not compared.
    """

    name: str
    source_hash: str = ""
    function: Callable[..., Any] | None = field(default=None, compare=False, repr=False)
    place: str = field(default="", compare=False, repr=False)


def as_component(kind: str, value: object) -> Component:
    """Make a component of a built-in's name or of a function.

    Raises
    ------
    ParamsError
        If a name is not a built-in's (`Params.load`, which may import, resolves
        ``module:function`` before), or a function can't be called as its kind is.
    """
    if isinstance(value, Component):
        if value.function is not None:
            check_signature(kind, value.name, value.function)
        return value
    if callable(value):
        name = f"{getattr(value, '__module__', '?')}:{getattr(value, '__qualname__', repr(value))}"
        source_hash = code_hash(value)
        check_signature(kind, name, value)
        return Component(name, source_hash, value)
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


def parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a function's positional parameters, ``*name`` for the rest of them."""
    code = _code(function)
    names = code.co_varnames[: code.co_argcount]
    if code.co_flags & _VARARGS:
        names = (*names, f"*{code.co_varnames[code.co_argcount + code.co_kwonlyargcount]}")
    return tuple(names)


def check_signature(kind: str, name: str, function: Callable[..., Any]) -> None:
    """Refuse a function that can't be called as a kind of component is.

    Parameters
    ----------
    kind
        A key of `SIGNATURES`.
    name
        What to call the function in the message.
    function
        Plain or njit.

    Raises
    ------
    ParamsError
        If it takes another number of arguments, or those of another kind, or in another order; if
        it is a generator or a coroutine; or if it is njit and its kind is given objects.
    """
    code, wanted = _code(function), SIGNATURES[kind]
    own = parameter_names(function)
    expected = f"expected {name.rpartition(':')[2]}({', '.join(wanted)})"
    if code.co_flags & _SUSPENDS:
        raise ParamsError(
            f"component {name} of {kind} is a generator or a coroutine; {expected} that returns "
            "its result: use return, not yield or async"
        )
    needed = code.co_argcount - len(getattr(function, "py_func", function).__defaults__ or ())
    keywords = len(getattr(function, "py_func", function).__kwdefaults__ or ())
    most = None if own[-1:] and own[-1].startswith("*") else code.co_argcount
    plain = [n.strip("_*") for n in own]
    told = [n.strip("_") for n in wanted]
    owners = [
        other
        for other, names in SIGNATURES.items()
        if other != kind and plain == [n.strip("_") for n in names]
    ]
    if (
        needed > len(wanted)
        or (most is not None and most < len(wanted))
        or code.co_kwonlyargcount > keywords
        or owners
        or (sorted(plain) == sorted(told) and plain != told)
    ):
        hint = f", as {owners[0]} does" if owners else ""
        raise ParamsError(f"component {name} of {kind} takes ({', '.join(own)}){hint}; {expected}")
    if kind != "patterns" and getattr(function, "targetoptions", {}).get("nopython"):
        raise ParamsError(
            f"component {name} of {kind} is compiled by njit, which can't take "
            f"{' or '.join(n for n in wanted if n in _OBJECTS)}; expected a plain function, which "
            "may call njit kernels with the arrays they need"
        )


def _code(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - a code object
    code = getattr(getattr(function, "py_func", function), "__code__", None)
    if code is None:
        raise ParamsError(
            f"component {function!r} has no Python code of its own; expected a plain or njit "
            "function, so write one with def that calls it"
        )
    return code

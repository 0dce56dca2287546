"""What a user plugs into an audited run: a loader, a view builder, fills, fitted parameters.

Each gets a lake for one call only; what it keeps of it expires.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from catalyst.errors import CatalystError, InputError
from catalyst.research.audit.differences import clock
from catalyst.research.audit.original import Original
from catalyst.research.audit.purity import impurities
from catalyst.research.audit.remade import RemadeLake
from catalyst.research.audit.served import ReadableLake, served
from catalyst.strategy.decisions import Fill
from catalyst.strategy.params import Params
from catalyst.strategy.values import MarketView, Survey

Loader = Callable[[Any], object]
ViewBuilder = Callable[[Any, Any], object]
FillsPlug = Callable[[tuple[Fill, ...], Any], object]
Fit = Callable[[Any], object]

#: Files are how a plug reads the lake it is given; what it holds and what it asks are not.
_OF_FILES = ("reads or writes files", "reads its files or environment")
_Seen = TypeVar("_Seen", Survey, MarketView)


@dataclass(frozen=True)
class Plugs:
    """Hold the callables of an audited run; None where there is none.

    Attributes
    ----------
    params
        Parameters, or ``f(lake) -> Params``.
    loader
        ``f(lake) -> lake``, or a dict of frames by table.
    view_builder
        ``f(seen, lake) -> seen``, for a `Survey` at each advance and a `MarketView` at each look.
    fills
        ``f(fills, lake) -> fills``.
    """

    params: Params | Fit
    loader: Loader | None = None
    view_builder: ViewBuilder | None = None
    fills: FillsPlug | None = None

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises
        ------
        InputError
            If one is no function, or takes another number of arguments.
        """
        if not isinstance(self.params, Params):
            _check("params", self.params, ("lake",), "Params")
        for name, wanted, gives in (
            ("loader", ("lake",), "a lake or frames by table"),
            ("view_builder", ("seen", "lake"), "what it was given, a Survey or a MarketView"),
            ("fills", ("fills", "lake"), "fills"),
        ):
            if getattr(self, name) is not None:
                _check(name, getattr(self, name), wanted, gives)

    @property
    def given(self) -> list[tuple[str, Callable[..., Any]]]:
        """Return the names and functions of those that are plugged in, a fit included."""
        every = [
            ("fit", None if isinstance(self.params, Params) else self.params),
            ("loader", self.loader),
            ("view builder", self.view_builder),
            ("fills", self.fills),
        ]
        return [(name, function) for name, function in every if function is not None]

    def plant(self, original: Original) -> bool:
        """Tell whether late-known bars are planted: for a user's code, where the lake has any.

        Code that takes bars in the order of their stamps is right while none arrive late.
        """
        return not self.given or original.has_late_bars

    def fitted(self, lake: ReadableLake) -> Params:
        """Return the parameters, fitted on a lake if they are to be."""
        if isinstance(self.params, Params):
            return self.params
        found = self.params(lake)
        if not isinstance(found, Params):
            raise InputError(f"the fit returned {_kind(found)}; expected Params")
        return found

    def loaded(self, lake: ReadableLake, *, timeframe: str | None) -> ReadableLake:
        """Return what the loader makes of a lake; the lake itself without one."""
        if self.loader is None:
            return lake
        return served(self.loader(lake), lake, timeframe=timeframe)

    def seen(self, seen: _Seen, lake: RemadeLake) -> _Seen:
        """Return what the view builder makes of a survey or a view; the same without one.

        The lake expires with the call.
        """
        if self.view_builder is None:
            return seen
        try:
            found = self.view_builder(seen, lake)
        finally:
            lake.expire()
        if type(found) is not type(seen):
            raise InputError(
                f"the view builder was given a {type(seen).__name__} and returned {_kind(found)}; "
                f"expected a {type(seen).__name__}, changed with dataclasses.replace or as it is"
            )
        _check_arrays(seen, found)
        return found

    def filled(self, fills: tuple[Fill, ...], lake: RemadeLake) -> tuple[Fill, ...]:
        """Return what the plugged fills make of a book's fills; the lake expires with the call."""
        if self.fills is None:
            return fills
        try:
            found = self.fills(fills, lake)
        finally:
            lake.expire()
        if not isinstance(found, (tuple, list)) or not all(isinstance(f, Fill) for f in found):
            raise InputError(f"fills returned {_kind(found)}; expected a tuple of Fill")
        return tuple(found)


@contextmanager
def failing(name: str, at_ns: int) -> Iterator[None]:
    """Turn what a plug raises on the lake itself into one sentence.

    Raises
    ------
    InputError
        Naming the plug, the instant and the error.
    """
    try:
        yield
    except CatalystError:
        raise
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"the {name} failed on the lake itself at {clock(at_ns)} ({type(error).__name__}: "
            f"{reason}); mend it before it is audited"
        ) from error


def impure(function: Callable[..., Any]) -> list[str]:
    """List what a plug uses that an audit can't remake, as sentences; reading files is its job."""
    return [str(one) for one in impurities(function) if not one.what.startswith(_OF_FILES)]


def function_of(text: str, *, option: str) -> Callable[..., Any]:
    """Import a function named as ``path/to/file.py:function``.

    Raises
    ------
    InputError
        If there is no such file or function, or the file can't be imported.
    """
    path_text, colon, name = text.rpartition(":")
    path = Path(path_text)
    if not colon or not name or path.suffix != ".py":
        raise InputError(f"{option} is {text!r}; expected FILE.py:FUNCTION, such as mine.py:load")
    if not path.is_file():
        raise InputError(f"{option} names {path}, which is no file; expected FILE.py:FUNCTION")
    module_name = f"catalyst_plug_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None and spec.loader is not None  # noqa: PT018, S101 - a .py file has both
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # noqa: BLE001 - a file of a user may raise anything
        line = getattr(error, "lineno", None)
        where = f" at line {line}" if line else ""
        raise InputError(
            f"{path} can't be imported ({type(error).__name__}: {error}{where}); mend it first"
        ) from None
    finally:
        sys.path.remove(str(path.parent.resolve()))
    function = getattr(module, name, None)
    if not callable(function):
        there = [
            key
            for key, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module_name
        ]
        raise InputError(f"{path} has no function {name!r}; it has {', '.join(there) or 'none'}")
    found: Callable[..., Any] = function
    return found


def _check_arrays(given: Survey | MarketView, found: Survey | MarketView) -> None:
    for field in fields(given):
        was, became = getattr(given, field.name), getattr(found, field.name)
        if not isinstance(was, np.ndarray):
            continue
        if not isinstance(became, np.ndarray) or (became.dtype, became.shape) != (
            was.dtype,
            was.shape,
        ):
            kind = (
                f"{became.dtype}{list(became.shape)}"
                if isinstance(became, np.ndarray)
                else _kind(became)
            )
            raise InputError(
                f"the view builder gave {field.name} as {kind}; expected {was.dtype}"
                f"{list(was.shape)}, as it was given"
            )


def _check(name: str, function: object, wanted: tuple[str, ...], gives: str) -> None:
    shape = f"{name}({', '.join(wanted)}) that returns {gives}"
    if not callable(function):
        raise InputError(f"{name} is {_kind(function)}; expected a function {shape}")
    try:
        inspect.signature(function).bind(*wanted)
    except TypeError:
        raise InputError(
            f"{name} is {getattr(function, '__name__', function)}"
            f"{inspect.signature(function)}; expected a function {shape}"
        ) from None
    except ValueError:  # a builtin without a signature
        return


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"

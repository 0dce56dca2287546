"""What a component uses beside its arguments, found by reading its code.

A component gets everything it may know as arguments. What it takes from elsewhere, a file, the
clock, chance, a frame in a global, an earlier call, no audit can remake, and so none can vouch for.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from catalyst.research.audit.bytecode import UNKNOWN, Argument, Outside, Scope, Use, uses
from catalyst.research.audit.holdings import held
from catalyst.research.audit.origins import (
    Origin,
    Source,
    origin_of,
    origin_of_default,
    origin_of_itself,
)
from catalyst.research.audit.outside import attribute_is, kind_of, module_is, names_is
from catalyst.research.audit.user_code import code_of, is_users_file

REMAKE = "pass it as fit(lake) so that the audit can remake it"
"""What to do with a value that came from data."""

#: How the sentences of `held` end that only say that there is much of something.
_AMOUNTS = ("numbers", "with more digits than anyone types")
_OUTSIDE = ", data from outside its arguments"
_WRITTEN = "a component must give the same for the same arguments, whatever was asked before"


@dataclass(frozen=True)
class Impurity:
    """Name what a component uses beside its arguments.

    Attributes
    ----------
    name
        The function or global concerned.
    what
        What it does, and what to do instead; a sentence without a subject.
    """

    name: str
    what: str

    def __str__(self) -> str:
        """Return a sentence."""
        return f"{self.name} {self.what}"


def impurities(function: Callable[..., Any]) -> list[Impurity]:
    """List what a component uses beside its arguments.

    Read from its code, closures, globals and defaults, and from the user's own functions that it
    calls, compiled ones by their Python source. Libraries are judged by name.

    Parameters
    ----------
    function
        A plain or njit function, a `functools.partial`, a bound method or a callable object.

    Returns
    -------
    list of `Impurity`
        Empty for a pure component: constants, small weights, maps of text to text, helper functions
        and kernels are no impurity.
    """
    return list(dict.fromkeys(_Judge().function(function, top=True)))


def captured(function: Callable[..., Any]) -> list[tuple[str, object]]:
    """List what a component holds from outside its arguments, by name: globals, cells, defaults."""
    judge = _Judge()
    for _ in judge.function(function, top=True):
        pass
    return judge.held


class _Judge:
    def __init__(self) -> None:
        self.seen: set[tuple[int, int]] = set()
        self.held: list[tuple[str, object]] = []

    def function(self, given: object, *, top: bool = False) -> Iterator[Impurity]:
        yield from self._wrapping(given)
        plain = code_of(given)
        if plain is None:
            name = getattr(given, "__qualname__", repr(given))
            if top:
                yield Impurity(name, "has no Python code to read; write it as a plain function")
            return
        bound = given.__self__ if isinstance(given, types.MethodType) else None
        if bound is None and not isinstance(given, types.FunctionType) and _is_instance(given):
            bound = given
        key = (id(plain.__code__), id(bound))
        if key in self.seen:
            return
        self.seen.add(key)
        name = _name(plain)
        made = origin_of_itself(plain)
        if made.source is Source.DATA:
            yield Impurity(name, _computed(made))
        yield from self._defaults(plain, name)
        scope = scope_of(plain, bound)
        yield from self._constants(plain.__code__, name)
        told = ""
        read = list(uses(plain.__code__, scope))
        for k, use in enumerate(read):
            if told and use.name.startswith(f"{told}."):
                continue  # what a module leads to is said once
            told = ""
            for found in self._use(use, plain, top=top):
                if use.how == "load" and isinstance(use.value, types.ModuleType):
                    told = use.name
                    full = _longest(read[k:])
                    yield Impurity(found.name, found.what.replace(f": {told} ", f": {full} "))
                else:
                    yield found

    def _wrapping(self, given: object) -> Iterator[Impurity]:
        name = getattr(given, "__name__", type(given).__name__)
        if isinstance(given, functools._lru_cache_wrapper):  # noqa: SLF001 - it has no other name
            yield Impurity(
                name, "remembers earlier calls (functools.cache); compute it anew in each call"
            )
        options = getattr(given, "targetoptions", None) if hasattr(given, "py_func") else None
        for option in ("fastmath", "parallel"):
            if options and options.get(option):
                yield Impurity(
                    name,
                    f"is compiled with {option}=True, which lets sums be taken in any order; "
                    "leave it out, so that a value depends on its window only",
                )
        if isinstance(given, functools.partial):
            for n, value in (*enumerate(given.args), *given.keywords.items()):
                yield from self._held(f"argument {n} of partial {_text_of(given.func)}", value)
        if isinstance(given, types.MethodType) and not isinstance(given.__self__, type):
            yield from self._held(type(given.__self__).__qualname__, given.__self__)
        elif _is_instance(given) and not isinstance(
            given,
            (functools.partial, functools._lru_cache_wrapper),  # noqa: SLF001 - as above
        ):
            yield from self._held(type(given).__qualname__, given)
        if isinstance(given, types.FunctionType):
            for attribute, value in vars(given).items():
                if attribute != "__wrapped__":
                    yield from self._held(f"{given.__name__}.{attribute}", value)

    def _defaults(self, plain: types.FunctionType, name: str) -> Iterator[Impurity]:
        for parameter, value in defaults_of(plain).items():
            found = list(self._held(f"default {parameter} of {name}", value))
            origin = origin_of_default(plain, parameter)
            if not found and _is_computed(value, origin):
                found = [Impurity(f"default {parameter} of {name}", _computed(origin))]
            yield from found

    def _constants(self, code: types.CodeType, name: str) -> Iterator[Impurity]:
        for constant in code.co_consts:
            if isinstance(constant, (tuple, frozenset)) and held(constant):
                yield Impurity(name, f"has {held(constant)} in its code: {REMAKE}")
            elif isinstance(constant, types.CodeType):
                yield from self._constants(constant, name)
        if {"now", "today"} & {c for c in code.co_consts if isinstance(c, str)} and (
            "datetime64" in code.co_names or "Timestamp" in code.co_names
        ):
            yield Impurity(name, "reads the clock ('now'); use view.asof_ns or the asof_ns given")

    def _use(self, use: Use, plain: types.FunctionType, *, top: bool) -> Iterator[Impurity]:
        name = _name(plain)
        where = f"line {use.line}"
        if use.how == "write":
            yield Impurity(
                use.name.split(".")[0].split("[")[0],
                f"is changed by {name} ({use.name}, {where}) and kept for the next call; "
                f"{_WRITTEN}",
            )
        elif use.how == "argument" and top:
            yield Impurity(
                name,
                f"writes into its argument {use.name} ({where}), which others read too; copy it "
                "first",
            )
        elif use.how == "attribute":
            what = attribute_is(use.name)
            if what:
                yield Impurity(name, f"{what}: .{use.name} ({where})")
        elif use.how == "dynamic":
            yield Impurity(
                name,
                f"takes from {use.name} by a name that can't be read ({where}); write the name",
            )
        elif use.how == "load":
            yield from self._loaded(use, plain)

    def _loaded(self, use: Use, function: types.FunctionType) -> Iterator[Impurity]:
        value, name = use.value, _name(function)
        if value is UNKNOWN:
            return
        if isinstance(value, type) and _is_users(value):
            yield from self._class(value)
            return
        if (plain := code_of(value)) is not None and _is_users(plain):
            yield from self.function(value)
            return
        what = module_is(value) if isinstance(value, types.ModuleType) else names_is(value)
        if what:
            yield Impurity(name, f"{what}: {use.name} ({kind_of(value)}, line {use.line})")
        elif not isinstance(value, (types.ModuleType, type)) and (
            not callable(value) or _is_instance(value)
        ):
            yield from self._captured(use.name, value, function)

    def _captured(
        self, name: str, value: object, function: types.FunctionType
    ) -> Iterator[Impurity]:
        origin = origin_of(function, name)
        found = list(self._held(name, value))
        if origin.source is Source.TYPED:
            # However many numbers, and digits: a person, or a formula, wrote them.
            found = [one for one in found if not one.what.partition(_OUTSIDE)[0].endswith(_AMOUNTS)]
        elif not found and _is_computed(value, origin):
            found = [Impurity(name, _computed(origin))]
        yield from found

    def _class(self, kind: type) -> Iterator[Impurity]:
        for one in vars(kind).values():
            method = one.fget if isinstance(one, property) else getattr(one, "__func__", one)
            if isinstance(method, types.FunctionType) and _is_users(method):
                yield from self.function(method)

    def _held(self, name: str, value: object) -> Iterator[Impurity]:
        self.held.append((name, value))
        what = held(value)
        if what:
            yield Impurity(name, f"holds {what}{_OUTSIDE}: {REMAKE}")


def _computed(origin: Origin) -> str:
    return (
        f"is computed from data ({origin.how}, line {origin.line}), so it knows the whole sample: "
        f"{REMAKE}"
    )


def _is_computed(value: object, origin: Origin) -> bool:
    if origin.source is not Source.DATA:
        return False
    if isinstance(value, str) or not origin.lake:
        # A table of sectors, a list of names read from a file, say nothing of a market.
        return not _is_text(value)
    return True


def _is_text(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(k, str) and isinstance(v, str) for k, v in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(isinstance(one, str) for one in value)
    return value is None or isinstance(value, str)


def _longest(read: list[Use]) -> str:
    # os, os.environ, os.environ.get: one chain, said with its last name.
    name = read[0].name
    for use in read[1:]:
        if not use.name.startswith(f"{name}."):
            break
        name = use.name
    return name


def scope_of(plain: types.FunctionType, bound: object = None) -> Scope:
    """Return what the names in a function's code mean."""
    code = plain.__code__
    arguments: dict[str, object] = {
        parameter: Argument(parameter)
        for parameter in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    }
    arguments |= {name: Outside(value, name) for name, value in defaults_of(plain).items()}
    if bound is not None and code.co_argcount:
        arguments[code.co_varnames[0]] = Outside(bound, type(bound).__qualname__)
    cells: dict[str, object] = {}
    for name, cell in zip(code.co_freevars, plain.__closure__ or (), strict=True):
        try:
            cells[name] = cell.cell_contents
        except ValueError:
            cells[name] = UNKNOWN
    return Scope(plain.__globals__, cells, arguments, frozenset(code.co_freevars))


def defaults_of(plain: types.FunctionType) -> dict[str, object]:
    """Return the defaults of a function's parameters by name."""
    given = plain.__defaults__ or ()
    code = plain.__code__
    names = code.co_varnames[code.co_argcount - len(given) : code.co_argcount]
    return dict(zip(names, given, strict=True)) | (plain.__kwdefaults__ or {})


def _is_users(thing: object) -> bool:
    name = getattr(thing, "__module__", "") or ""
    if isinstance(thing, types.FunctionType):
        return is_users_file(thing.__code__.co_filename, name)
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None) or ""
    if module is not None and not file and name != "__main__":
        return False
    return is_users_file(file, name)


def _is_instance(value: object) -> bool:
    return not (
        isinstance(
            value,
            (
                type,
                types.FunctionType,
                types.BuiltinFunctionType,
                types.MethodType,
                types.ModuleType,
            ),
        )
        or hasattr(value, "py_func")
    )


def _name(plain: types.FunctionType) -> str:
    return plain.__qualname__.rpartition("<locals>.")[2]


def _text_of(function: object) -> str:
    return str(getattr(function, "__name__", type(function).__name__))

"""Components in a file: found by the names of their arguments."""

from __future__ import annotations

import difflib
import functools
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalyst.data.own_modules import module_of, own_module
from catalyst.errors import InputError, ParamsError
from catalyst.research.audit.user_code import code_of
from catalyst.strategy.components import SIGNATURES

_NEAR = 0.75


@dataclass(frozen=True)
class Found:
    """Hold a component that was found, or nearly.

    Attributes
    ----------
    name
        Such as ``my_ideas:score``.
    kind
        A key of `catalyst.strategy.components.SIGNATURES`.
    function
        The function.
    near
        For a near miss, its arguments as they are; else empty.
    """

    name: str
    kind: str
    function: Callable[..., Any]
    near: str = ""


def components_in(path: Path) -> tuple[list[Found], list[Found]]:
    """Find the components of a file.

    A component is a function whose arguments are named as those of its kind, in their order; more
    arguments may follow if they have defaults. Functions that begin with an underscore, and those
    imported from elsewhere, are left out.

    Parameters
    ----------
    path
        A Python file.

    Returns
    -------
    components, near_misses
        In the order of the file.

    Raises
    ------
    InputError
        If there is no such file, it can't be loaded, or holds no component.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}; expected a Python file with components")
    if path.suffix != ".py":
        raise InputError(f"{path} is no Python file; expected one such as my_ideas.py")
    name, folder = module_of(path, [])
    module = own_module(name, [folder, Path.cwd()])
    if module is None:
        raise ParamsError(f"{path} can't be loaded; expected a file named as a Python module")
    found: list[Found] = []
    near: list[Found] = []
    for title, function in _own(module, path):
        kind = kind_of(function)
        if kind:
            found.append(Found(f"{module.__name__}:{title}", kind, function))
        elif close := nearest(function):
            shown = ", ".join(arguments_of(function))
            near.append(Found(f"{module.__name__}:{title}", close, function, shown))
    if not found:
        raise InputError(f"{path} holds no component{_near_text(near)}; expected {_kinds_text()}")
    return found, near


def kind_of(function: Callable[..., Any]) -> str:
    """Return the kind whose argument names a function has, or nothing."""
    own = [name.strip("_") for name in arguments_of(function)]
    plain = code_of(function)
    optional = len(plain.__defaults__ or ()) if plain is not None else 0
    for kind, names in SIGNATURES.items():
        wanted = [name.strip("_") for name in names]
        if own[: len(wanted)] == wanted and len(own) - len(wanted) <= optional:
            return kind
    return ""


def nearest(function: Callable[..., Any]) -> str:
    """Return the kind that a function's arguments resemble, or nothing."""
    own = [name.strip("_") for name in arguments_of(function)]
    best, kind = 0.0, ""
    for one, names in SIGNATURES.items():
        wanted = [name.strip("_") for name in names]
        alike = difflib.SequenceMatcher(None, " ".join(own), " ".join(wanted)).ratio()
        if sorted(own) == sorted(wanted):
            alike = 1.0
        if len(own) == len(wanted) and alike > best:
            best, kind = alike, one
    return kind if best >= _NEAR else ""


def arguments_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the arguments that a call of a function must give, or may."""
    plain = code_of(function)
    if plain is None:
        return ()
    names = plain.__code__.co_varnames[: plain.__code__.co_argcount]
    bound = isinstance(function, types.MethodType) or not (
        isinstance(function, (types.FunctionType, functools.partial))
        or hasattr(function, "py_func")
        or hasattr(function, "__wrapped__")
    )
    names = names[1:] if bound else names
    if isinstance(function, functools.partial):
        names = tuple(n for n in names[len(function.args) :] if n not in function.keywords)
    return names


def near_text(one: Found) -> str:
    """Say what a near miss has and what its nearest kind asks for."""
    return (
        f"{one.name} takes ({one.near}), and the nearest kind, {one.kind}, "
        f"({', '.join(SIGNATURES[one.kind])})"
    )


def _own(module: types.ModuleType, path: Path) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, value in vars(module).items():
        if name.startswith("_") or isinstance(value, type) or not callable(value):
            continue
        plain = code_of(value)
        if plain is not None and Path(plain.__code__.co_filename).resolve() == path.resolve():
            yield name, value


def _near_text(near: list[Found]) -> str:
    return f" ({'; '.join(near_text(one) for one in near)})" if near else ""


def _kinds_text() -> str:
    return "a function " + " or ".join(
        f"f({', '.join(names)}) for {kind}" for kind, names in SIGNATURES.items()
    )

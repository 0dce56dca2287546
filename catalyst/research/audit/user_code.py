"""Whose code it is: the user's own, a library's, or catalyst's."""

from __future__ import annotations

import functools
import sysconfig
import types

_LIBRARY_FOLDERS = tuple(
    {sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)


def code_of(function: object) -> types.FunctionType | None:
    """Return the Python function behind a callable, None where there is none."""
    seen = 0
    while seen < 8:
        seen += 1
        if isinstance(function, types.FunctionType):
            return function
        if isinstance(function, types.MethodType):
            function = function.__func__
        elif isinstance(function, functools.partial):
            function = function.func
        elif hasattr(function, "py_func"):
            function = function.py_func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        else:
            function = vars(type(function)).get("__call__")
    return None


def is_users_file(file: str, module: str) -> bool:
    """Tell whether code is the user's own: of no library, nor catalyst's."""
    return not (
        file.startswith((*_LIBRARY_FOLDERS, "<frozen"))
        or module.partition(".")[0] in ("catalyst", "numba", "numpy")
    )

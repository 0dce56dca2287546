"""Try a function: call it again, in another order, and watch where it reaches while it runs.

Reading code misses what is put together at run time. Here Python itself tells of every call that
the user's code makes and of every file that is opened underneath.
"""

from __future__ import annotations

import random
import sys
import threading
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from catalyst.research.audit.outside import instead, library_is, names_is
from catalyst.research.audit.purity import Impurity, defaults_of, scope_of
from catalyst.research.audit.user_code import code_of, is_users_file

_EVENTS = {
    "open": "reads or writes files",
    "os.listdir": "reads or writes files",
    "os.scandir": "reads or writes files",
    "os.remove": "reads or writes files",
    "os.mkdir": "reads or writes files",
    "sqlite3.connect": "reads or writes files",
    "socket.connect": "uses the network",
    "socket.getaddrinfo": "uses the network",
    "urllib.Request": "uses the network",
    "subprocess.Popen": "starts threads or processes",
    "os.system": "starts threads or processes",
    "os.fork": "starts threads or processes",
    "os.posix_spawn": "starts threads or processes",
}
#: Frames of these open files of their own accord: imports, and the kernels' cache.
_OWN = ("numba", "llvmlite", "importlib", "_frozen_importlib", "linecache", "tokenize", "zipimport")
_DEEP = 4
_LONG = 2_000


class _Watch(threading.local):
    found: list[tuple[str, str]] | None = None


_WATCH = _Watch()
_HOOKED: list[bool] = []


@contextmanager
def watched() -> Iterator[list[tuple[str, str]]]:
    """Watch the user's code while it runs in this thread.

    Yields
    ------
    list of (what, name)
        Grows as the code runs: ``("reads the clock", "time.time")``. Calls made inside compiled
        kernels don't show; libraries' own imports and caches are left out.
    """
    if not _HOOKED:
        # An audit hook can't be taken away again; it looks at a flag of its thread.
        sys.addaudithook(_on_event)
        _HOOKED.append(True)
    found: list[tuple[str, str]] = []
    before, _WATCH.found = _WATCH.found, found
    profile = sys.getprofile()
    sys.setprofile(_on_call)
    try:
        yield found
    finally:
        sys.setprofile(profile)
        _WATCH.found = before


def tried(
    function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], *, seed: int = 0
) -> list[Impurity]:
    """Call a function twice with each of some arguments, the second time in another order.

    Parameters
    ----------
    function
        Plain or compiled.
    calls
        Positional arguments of each call; each call gets copies of its own.
    seed
        Of the other order.

    Returns
    -------
    list of `Impurity`
        What it reached for while it ran; results that differ between the calls; arguments written
        to; captured objects that were changed. A call that raises counts as a result.
    """
    plain = code_of(function)
    name = getattr(function, "__name__", type(function).__name__)
    held_before = _state(function)
    order = list(range(len(calls)))
    first: dict[int, bytes] = {}
    out: dict[Impurity, None] = {}
    found: list[tuple[str, str]] = []
    for k in order:
        first[k] = _called(function, calls[k], name, out, found)
    # A fixed order, of no use to anyone who wants chance.
    random.Random(seed).shuffle(order)  # noqa: S311
    for k in order:
        if _called(function, calls[k], name, out, found) != first[k]:
            out[
                Impurity(
                    name,
                    "gave another result for the same arguments when asked again; it must depend "
                    "on its arguments only",
                )
            ] = None
            break
    for what, reached in dict.fromkeys(found):
        out[Impurity(name, f"{instead(what)}: called {reached} while it ran")] = None
    if plain is not None:
        for changed in sorted(_differences(held_before, _state(function))):
            out[
                Impurity(
                    changed,
                    f"is changed when {name} runs and kept for the next call; a component must "
                    "give the same for the same arguments, whatever was asked before",
                )
            ] = None
    return list(out)


def copied(value: Any) -> Any:  # noqa: ANN401 - any argument of a component
    """Copy an argument deeply: arrays, and values made of them."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if is_dataclass(value) and not isinstance(value, type) and _has_arrays(value):
        return replace(
            value, **{f.name: copied(getattr(value, f.name)) for f in fields(value) if f.init}
        )
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(copied(one) for one in value)
    return value


def content(value: Any) -> bytes:  # noqa: ANN401 - any argument or result of a component
    """Return a value's bits; all NaNs are one."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f":
            value = np.where(np.isnan(value), np.nan, value)
        return f"{value.dtype}{value.shape}".encode() + bytes(value.tobytes())
    if is_dataclass(value) and not isinstance(value, type) and _has_arrays(value):
        return b"|".join(content(getattr(value, f.name)) for f in fields(value))
    if isinstance(value, (tuple, list)):
        return b"(" + b",".join(content(one) for one in value) + b")"
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}".encode()
    return repr(value).encode()


def _has_arrays(value: object) -> bool:
    return any(
        isinstance(one, np.ndarray) or is_dataclass(one) or isinstance(one, tuple)
        for one in (getattr(value, f.name) for f in fields(value))  # type: ignore[arg-type]
    ) and not type(value).__module__.endswith(".params")


def _called(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    name: str,
    out: dict[Impurity, None],
    found: list[tuple[str, str]],
) -> bytes:
    own = copied(arguments)
    answer: Any
    try:
        with watched() as reached:
            answer = function(*own)
    except Exception as error:  # noqa: BLE001 - what a user's function raises is its result here
        answer = error
    found += reached
    result = content(answer)
    for place, (given, after) in enumerate(zip(arguments, own, strict=True)):
        if content(given) != content(after):
            out[
                Impurity(
                    name,
                    f"writes into its argument {_argument(function, place)}, which others read "
                    "too; copy it first",
                )
            ] = None
    return result


def _argument(function: Callable[..., Any], place: int) -> str:
    plain = code_of(function)
    names = plain.__code__.co_varnames if plain is not None else ()
    names = names[1:] if names[:1] == ("self",) else names
    return names[place] if place < len(names) else str(place + 1)


def _state(function: Callable[..., Any]) -> dict[str, bytes]:
    plain = code_of(function)
    if plain is None:
        return {}
    scope = scope_of(plain)
    names = _names(plain.__code__)
    held: dict[str, object] = {n: scope.globals[n] for n in names if n in scope.globals}
    held |= dict(scope.cells)
    held |= defaults_of(plain)
    held |= {f"{plain.__name__}.{n}": v for n, v in vars(plain).items()}
    # A kernel counts its compilations, which is none of the user's memory.
    if not isinstance(function, types.FunctionType) and not hasattr(function, "py_func"):
        owner = getattr(function, "__self__", function)
        held |= {
            f"{type(owner).__name__}.{n}": v for n, v in getattr(owner, "__dict__", {}).items()
        }
    return {n: mark for n, v in held.items() if (mark := _mark(v, 0)) is not None}


def _names(code: types.CodeType) -> set[str]:
    inner = [one for one in code.co_consts if isinstance(one, types.CodeType)]
    return set(code.co_names).union(*(_names(one) for one in inner))


def _mark(value: object, depth: int) -> bytes | None:
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return repr(value).encode()
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if depth > _DEEP:
        return b"deep"
    if isinstance(value, Mapping):
        items = list(value.items())[:_LONG]
        parts = [repr(k).encode() + (_mark(v, depth + 1) or b"") for k, v in items]
        return str(len(value)).encode() + b"{" + b",".join(parts)
    if isinstance(value, (list, tuple, set, frozenset)) or type(value).__name__ == "deque":
        some = list(value)[:_LONG]  # type: ignore[call-overload]
        return str(len(some)).encode() + b"[" + b",".join(_mark(v, depth + 1) or b"" for v in some)
    return None


def _differences(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}


def _on_call(frame: types.FrameType, event: str, argument: object) -> None:
    found = _WATCH.found
    if found is None:
        return
    if event == "c_call":
        if is_users_file(frame.f_code.co_filename, str(frame.f_globals.get("__name__"))):
            what = names_is(argument, bare=True)
            if what:
                name = getattr(argument, "__qualname__", repr(argument))
                module = getattr(argument, "__module__", None)
                found.append((what, f"{module}.{name}" if module else name))
    elif event == "call" and frame.f_back is not None:
        caller = frame.f_back
        if is_users_file(caller.f_code.co_filename, str(caller.f_globals.get("__name__"))):
            module = str(frame.f_globals.get("__name__"))
            what = library_is(module, frame.f_code.co_qualname)
            own = is_users_file(frame.f_code.co_filename, module)
            if what and not own:
                found.append((what, f"{module}.{frame.f_code.co_qualname}"))


def _on_event(event: str, arguments: tuple[object, ...]) -> None:
    found = _WATCH.found
    what = _EVENTS.get(event)
    if found is None or what is None:
        return
    frame: types.FrameType | None = sys._getframe(1)  # noqa: SLF001 - whose call it was
    users = False
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.partition(".")[0] in _OWN:
            return
        if is_users_file(frame.f_code.co_filename, module):
            users = True
            break
        frame = frame.f_back
    if users:
        first = arguments[0] if arguments else ""
        # Files by their last name only: a finding holds no path of this machine.
        shown = str(first).replace("\\", "/").rpartition("/")[2]
        found.append((what, f"{event} {shown}".strip()))

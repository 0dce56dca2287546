"""The hash of a user's function: what it does, wherever it stands and whatever its notes say."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from catalyst.errors import ParamsError

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_INSTALLED = re.compile(r"[/\\](site-packages|dist-packages|lib[/\\]python\d[\d.]*)[/\\]|^<frozen")
_TABLES = {"polars", "pandas", "pyarrow", "duckdb"}
_FAR = 256


def code_hash(function: Callable[..., Any]) -> str:
    """Return 16 hexadecimal digits over what a function does.

    Covered are its code, constants, defaults and captured values, and those of the functions and
    classes of the user's own that it uses; functions of installed packages, and catalyst's, count
    by name. Comments, docstrings and the place of the code don't count.

    Parameters
    ----------
    function
        Any Python or numba-compiled function.

    Raises
    ------
    ParamsError
        If the callable has no Python code to hash, such as a builtin, or uses a value without
        lasting content.
    """
    digest = hashlib.sha256()
    _feed_function(digest, function, ())
    return digest.hexdigest()[:16]


def _feed_function(digest: hashlib._Hash, function: object, seen: tuple[object, ...]) -> None:
    plain: Any = getattr(function, "py_func", function)
    code = getattr(plain, "__code__", None)
    if code is None or hasattr(plain, "__self__"):
        raise ParamsError(
            f"component {_ADDRESS.sub('', repr(function))} has no Python code of its own; expected "
            "a plain or njit function, so write one with def that calls it"
        )
    if code in seen:
        return
    seen = (*seen, code)
    options = getattr(function, "targetoptions", {})
    if any(options.get(name) for name in ("fastmath", "parallel", "error_model")):
        digest.update(repr(sorted(options.items())).encode())
    _feed_code(digest, code, seen)
    cells = [cell.cell_contents for cell in (plain.__closure__ or ())]
    defaults = (plain.__defaults__, sorted((plain.__kwdefaults__ or {}).items()))
    used = [plain.__globals__[name] for name in _names(code) if name in plain.__globals__]
    for value in (*defaults, *cells, *used):
        if hasattr(value, "__spec__"):
            _feed_module(digest, value, _names(code), seen)
        else:
            _feed_value(digest, value, seen)


# Code objects have a type in a module that the strategy may not import.
def _names(code: Any) -> list[str]:  # noqa: ANN401 - see above
    inner = [name for c in code.co_consts if hasattr(c, "co_code") for name in _names(c)]
    return sorted({*code.co_names, *inner})


def _feed_code(digest: hashlib._Hash, code: Any, seen: tuple[object, ...]) -> None:  # noqa: ANN401 - see above
    # A docstring is a constant, and moves the others. So an instruction that names a constant by
    # its place counts by the constant's value.
    digest.update(repr((code.co_names, code.co_varnames, code.co_freevars)).encode())
    constants = code.co_consts
    if len(constants) > _FAR:
        digest.update(code.co_code)
        for constant in constants:
            _feed_constant(digest, constant, seen)
        return
    for opcode, place in _instructions(code):
        if opcode in _NAMES_A_CONSTANT:
            digest.update(bytes([opcode]))
            _feed_constant(digest, constants[place], seen)
        else:
            digest.update(bytes([opcode, place]))


def _feed_constant(digest: hashlib._Hash, value: object, seen: tuple[object, ...]) -> None:
    if hasattr(value, "co_code"):
        _feed_code(digest, value, seen)
    else:
        _feed_value(digest, value, seen)


def _instructions(code: Any) -> Iterator[tuple[int, int]]:  # noqa: ANN401 - see above
    raw = code.co_code
    return zip(raw[::2], raw[1::2], strict=True)


def _constant_opcodes() -> frozenset[int]:
    """Learn which instructions name a constant: `dis` knows, but the strategy may not import it."""
    known, names = "known", ("a", "b", "c")

    def add(x: str) -> str:
        return x + "another" + "known"

    def give(f: Callable[..., object]) -> str:
        f("another", f, f, f)
        return "known"

    def keep(f: Callable[..., object]) -> None:
        f("another", f, f, f)
        f(a=f, b=f, c=f)

    probes: tuple[tuple[Any, object], ...] = ((add, known), (give, known), (keep, names))
    return frozenset(
        opcode
        for probe, constant in probes
        for opcode, place in _instructions(probe.__code__)
        if place == probe.__code__.co_consts.index(constant)
    )


def _feed_module(
    digest: hashlib._Hash,
    module: Any,  # noqa: ANN401 - modules have any attributes
    names: list[str],
    seen: tuple[object, ...],
) -> None:
    digest.update(module.__name__.encode())
    file = getattr(module, "__file__", None) or ""
    if not file or _INSTALLED.search(file) or module in seen:
        return
    for name in names:
        value = getattr(module, name, None)
        if hasattr(value, "__spec__"):
            _feed_module(digest, value, names, (*seen, module))
        elif value is not None:
            _feed_value(digest, value, (*seen, module))


def _feed_value(digest: hashlib._Hash, value: Any, seen: tuple[object, ...]) -> None:  # noqa: ANN401 - any
    if isinstance(value, (frozenset, set)):
        digest.update(repr(sorted(map(repr, value))).encode())
    elif isinstance(value, (tuple, list)):
        digest.update(f"{type(value).__name__} of {len(value)}".encode())
        for item in value:
            _feed_value(digest, item, seen)
    elif isinstance(value, Mapping):
        digest.update(f"mapping of {len(value)}".encode())
        for key, item in value.items():
            _feed_value(digest, key, seen)
            _feed_value(digest, item, seen)
    elif isinstance(value, type):
        _feed_class(digest, value, seen)
    elif hasattr(value, "__code__") or hasattr(value, "py_func"):
        if _is_installed(value):
            digest.update(f"{value.__module__}.{value.__qualname__}".encode())
        else:
            _feed_function(digest, value, seen)
    elif hasattr(value, "__wrapped__"):
        _feed_value(digest, value.__wrapped__, seen)
    elif hasattr(value, "tobytes"):
        digest.update(f"{value.dtype} {value.shape}".encode())
        digest.update(value.tobytes())
    elif is_dataclass(value):
        _feed_class(digest, type(value), seen)
        for field in fields(value):
            _feed_value(digest, getattr(value, field.name), seen)
    else:
        _feed_text(digest, value)


def _feed_text(digest: hashlib._Hash, value: Any) -> None:  # noqa: ANN401 - any
    if type(value).__module__.partition(".")[0] in _TABLES:
        raise ParamsError(
            f"a component uses a {type(value).__name__} from outside its arguments, whose content "
            "can't be told from another's; expected numbers, text, arrays or functions"
        )
    text = repr(getattr(value, "pattern", value))
    if not _ADDRESS.search(text):
        digest.update(text.encode())
        return
    home, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not isinstance(home, str) or not isinstance(name, str):
        raise ParamsError(
            f"a component uses {text}, which has no lasting content; expected numbers, text, "
            "arrays or functions"
        )
    digest.update(f"{home}.{name}".encode())


def _feed_class(digest: hashlib._Hash, cls: type, seen: tuple[object, ...]) -> None:
    digest.update(f"{cls.__module__}.{cls.__qualname__}".encode())
    if cls in seen or _is_ours(cls):
        return
    for name, member in sorted(vars(cls).items()):
        body = getattr(member, "__func__", getattr(member, "fget", member))
        if hasattr(body, "__code__") and not _is_installed(body):
            digest.update(name.encode())
            _feed_function(digest, body, (*seen, cls))
        elif not name.startswith("_") and isinstance(member, (bool, int, float, str, tuple)):
            digest.update(f"{name}={member!r}".encode())


def _is_installed(function: Any) -> bool:  # noqa: ANN401 - a function
    # catalyst's own source has a hash in every summary, whether installed or a checkout.
    code = getattr(function, "py_func", function).__code__
    return _is_ours(function) or bool(_INSTALLED.search(code.co_filename))


def _is_ours(value: object) -> bool:
    return str(getattr(value, "__module__", "")).partition(".")[0] == "catalyst"


_NAMES_A_CONSTANT = _constant_opcodes()

"""Where a captured value comes from, read from the source: typed in, or computed from data.

A number looks the same whether it was typed or is the mean of the whole sample; the assignment
that made it does not. A constant expression is typed, whatever its digits. A value computed from
anything else, a file, a lake, a method of what was handed in, comes from data.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import sys
import types
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from catalyst.research.audit.bindings import Bindings, bindings, children, parsed, targets
from catalyst.research.audit.outside import library_is, module_is, names_is
from catalyst.research.audit.user_code import code_of, is_users_file

_SAFE = frozenset(
    {
        *("builtins", "math", "cmath", "numpy", "numba", "scipy", "statistics", "itertools"),
        *("functools", "operator", "_operator", "_functools", "collections", "_collections"),
        *("datetime", "decimal", "fractions", "re", "string", "dataclasses", "enum", "copy"),
        *("zoneinfo", "calendar", "hashlib", "array", "struct", "unicodedata", "pytz", "dateutil"),
        *("types", "typing", "catalyst", "polars", "pandas", "talib", "bisect", "heapq", "json"),
    }
)
#: Methods of text and containers, on a value that a factory was handed.
_PLAIN_METHODS = frozenset(
    {
        *("split", "strip", "lower", "upper", "replace", "join", "format", "title", "casefold"),
        *("items", "keys", "values", "get", "copy", "startswith", "endswith", "splitlines"),
        *("append", "extend", "add", "update", "insert", "setdefault", "index", "count", "union"),
    }
)
_DEEP = 30


class Source(IntEnum):
    """Rank where a value comes from; the worst part of an expression is the whole's."""

    TYPED = 0
    UNKNOWN = 1
    DATA = 2


@dataclass(frozen=True)
class Origin:
    """Say where a value comes from.

    Attributes
    ----------
    source
        Typed, unknown (no source text, or a factory's parameter), or data.
    how
        The expression that brought the data in, empty otherwise.
    line
        Its line; 0 where there is none.
    lake
        Whether a lake's market data came in, of which even a list of names is hindsight.
    """

    source: Source
    how: str = ""
    line: int = 0
    lake: bool = False


_TYPED, _UNKNOWN = Origin(Source.TYPED), Origin(Source.UNKNOWN)


def origin_of(function: types.FunctionType, name: str) -> Origin:
    """Return where a name that a function uses comes from.

    Parameters
    ----------
    function
        The function.
    name
        A global, a captured variable, or ``module.name``.

    Returns
    -------
    Origin
        Unknown where the source text can't be had.
    """
    first, _, rest = name.partition(".")
    value = function.__globals__.get(first)
    if rest and isinstance(value, types.ModuleType):
        found = _module_scope(value)
        return found.name(rest.partition(".")[0], 0) if found else _UNKNOWN
    if first in function.__code__.co_freevars:
        return _captured(function, first)
    scope = _scope_binding(function, first)
    origin = scope.name(first, 0)
    if origin.source is Source.TYPED and isinstance(value, Sized) and len(value):
        # What was begun empty and is not was filled by somebody, in a function or another cell.
        begun = scope.bound.get(first, [])
        return _UNKNOWN if begun and all(map(_is_empty, begun)) else origin
    return origin


def _is_empty(node: ast.expr | None) -> bool:
    match node:
        case ast.Dict(keys=[]) | ast.List(elts=[]):
            return True
        case ast.Call(ast.Name("dict" | "list" | "set" | "deque"), args=[], keywords=[]):
            return True
    return False


def origin_of_itself(function: types.FunctionType) -> Origin:
    """Return where a function that a factory made comes from: what the factory was called with."""
    if not function.__closure__:
        return _TYPED
    for name, value in function.__globals__.items():
        if value is function or getattr(value, "py_func", None) is function:
            return _scope_binding(function, name).name(name, 0)
    return _UNKNOWN


@dataclass
class _Scope:
    names: Mapping[str, Any]
    bound: Bindings
    above: _Scope | None = None
    parameters: frozenset[str] = frozenset()
    inner: dict[str, Origin] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def name(self, name: str, depth: int) -> Origin:
        if name in self.inner:
            return self.inner[name]
        if name in self.parameters and name not in self.bound:
            return _UNKNOWN
        if name in self.bound:
            if name in self.asked or depth > _DEEP:
                return _TYPED  # it is being asked already: what else it is made of decides
            self.asked.add(name)
            parts = [self.of(one, depth + 1) for one in self.bound[name] if one is not None]
            self.asked.discard(name)
            if parts or None not in self.bound[name]:
                return max(parts, key=_rank, default=_UNKNOWN)
            return self._value(name)
        if self.above is not None:
            return self.above.name(name, depth)
        return self._value(name)

    def _value(self, name: str) -> Origin:
        value = self.names.get(name, getattr(builtins, name, None))
        if value is None:
            return _UNKNOWN  # nobody's: other modules that don't have it, either, say nothing
        if isinstance(value, types.ModuleType):
            return _TYPED if not module_is(value) else Origin(Source.DATA, name)
        module = sys.modules.get(getattr(value, "__module__", "") or "")
        if callable(value):
            return _TYPED
        # Imported by name: where it was made is in the other module. One that imported it, too,
        # would only ask back.
        for other in _users_modules(self.names, module):
            scope = _module_scope(other) if vars(other).get(name) is value else None
            if scope is not None and any(one is not None for one in scope.bound.get(name, ())):
                return scope.name(name, 0)
        return _UNKNOWN

    def of(self, node: ast.expr, depth: int = 0) -> Origin:
        if depth > _DEEP:
            return _UNKNOWN
        match node:
            case ast.Constant() | ast.Lambda():
                return _TYPED
            case ast.Name():
                return self.name(node.id, depth)
            case ast.Call():
                return self._call(node, depth)
            case ast.Attribute():
                return self._attribute(node, depth)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node, depth)
            case ast.Await() | ast.Yield() | ast.YieldFrom():
                return Origin(Source.DATA, ast.unparse(node), node.lineno)
            case _:
                return self._all(children(node), depth)

    def _all(self, nodes: Sequence[ast.expr], depth: int) -> Origin:
        return max((self.of(one, depth + 1) for one in nodes), key=_rank, default=_TYPED)

    def _comprehension(self, node: ast.expr, depth: int) -> Origin:
        inner = dict(self.inner)
        parts: list[Origin] = []
        scope = _Scope(self.names, self.bound, self.above, self.parameters, inner, self.asked)
        for loop in getattr(node, "generators", ()):
            parts.append(scope.of(loop.iter, depth + 1))
            inner.update(dict.fromkeys(targets(loop.target), parts[-1]))
            parts += [scope.of(one, depth + 1) for one in loop.ifs]
        parts += [
            scope.of(getattr(node, name), depth + 1)
            for name in ("elt", "key", "value")
            if hasattr(node, name)
        ]
        return max(parts, key=_rank)

    def _object(self, node: ast.expr) -> object:
        """Resolve a dotted name to the object that it is, None where that can't be."""
        if isinstance(node, ast.Name):
            if node.id in self.inner or node.id in self.parameters:
                return None
            found: object = self.names.get(node.id, getattr(builtins, node.id, None))
            return found
        if isinstance(node, ast.Attribute):
            of = self._object(node.value)
            if isinstance(of, (types.ModuleType, type)):
                return getattr(of, node.attr, None)
        return None

    def _attribute(self, node: ast.Attribute, depth: int) -> Origin:
        of = self._object(node.value)
        if isinstance(of, types.ModuleType):
            scope = _module_scope(of)
            if scope is not None and node.attr in scope.bound:
                return scope.name(node.attr, depth + 1)
            reached = getattr(of, node.attr, None)
            what = module_is(of) or names_is(reached, bare=True)
            return Origin(Source.DATA, ast.unparse(node), node.lineno) if what else _TYPED
        return self.of(node.value, depth + 1)

    def _call(self, node: ast.Call, depth: int) -> Origin:
        given = [*node.args, *(one.value for one in node.keywords)]
        arguments = self._all(given, depth)
        called = self._object(node.func)
        here = Origin(Source.DATA, ast.unparse(node.func), node.lineno, _is_lake(called))
        if called is not None:
            return max(arguments, self._of_called(called, here), key=_rank)
        if isinstance(node.func, ast.Attribute):
            of = self.of(node.func.value, depth + 1)
            if of.source is Source.UNKNOWN and node.func.attr not in _PLAIN_METHODS:
                return max(arguments, here, key=_rank)
            return max(arguments, of, key=_rank)
        return max(arguments, self.of(node.func, depth + 1), key=_rank)

    def _of_called(self, called: Any, here: Origin) -> Origin:  # noqa: ANN401 - anything
        from catalyst.research.audit.purity import impurities

        plain = code_of(called) if not isinstance(called, type) else None
        module = str(getattr(called, "__module__", "") or "")
        if plain is not None and is_users_file(plain.__code__.co_filename, module):
            return here if impurities(called) else _TYPED
        if isinstance(called, type) and module in sys.modules:
            file = getattr(sys.modules[module], "__file__", "") or ""
            if is_users_file(file, module):
                return _TYPED
        what = names_is(called, bare=True) or library_is(module, "")
        owner = getattr(called, "__self__", None)
        top = (module or type(owner).__module__).partition(".")[0]
        return here if what or (top and top not in _SAFE) else _TYPED


def origin_of_default(function: types.FunctionType, parameter: str) -> Origin:
    """Return where the default of a function's parameter comes from."""
    found = _around(function)
    if found is None:
        return _UNKNOWN
    scope, body = found
    arguments = next(
        (
            one.args
            for one in ast.walk(ast.Module(body, []))
            if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))
            and one.name == function.__name__
        ),
        None,
    )
    if arguments is None:
        return _UNKNOWN
    places = [*arguments.posonlyargs, *arguments.args]
    given: list[tuple[ast.arg, ast.expr | None]] = [
        *zip(places[len(places) - len(arguments.defaults) :], arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    written = next((node for one, node in given if one.arg == parameter), None)
    return _UNKNOWN if written is None else scope.of(written)


def _captured(function: types.FunctionType, name: str) -> Origin:
    found = _around(function)
    return _UNKNOWN if found is None else found[0].name(name, 0)


def _around(function: types.FunctionType) -> tuple[_Scope, list[ast.stmt]] | None:
    # What the names mean where a function is written, and the statements around it.
    tree = _tree(function.__code__.co_filename, function.__globals__)
    if tree is None:
        return None
    body: list[ast.stmt] = tree.body
    found = _scope_binding(function, "")
    for part in function.__qualname__.split(".<locals>.")[:-1]:
        inside = next(
            (
                one
                for one in ast.walk(ast.Module(body, []))
                if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))
                and one.name == part.rpartition(".")[2]
            ),
            None,
        )
        if inside is None:
            return None
        arguments = inside.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        found = _Scope(
            function.__globals__,
            bindings(inside.body),
            found,
            frozenset(one.arg for one in every),
        )
        body = inside.body
    return found, body


def _scope_binding(function: types.FunctionType, name: str) -> _Scope:
    tree = _tree(function.__code__.co_filename, function.__globals__)
    bound = bindings(tree.body) if tree is not None else {}
    if name not in bound:
        # A notebook's name may be bound in another cell, the last one counts.
        for cell in reversed(list(function.__globals__.get("In") or ())):
            other = bindings(parsed(str(cell)).body)
            if name in other:
                return _Scope(function.__globals__, {**bound, **other})
    return _Scope(function.__globals__, bound)


def _module_scope(module: types.ModuleType) -> _Scope | None:
    file = getattr(module, "__file__", None)
    if not file or not is_users_file(file, module.__name__):
        return None
    tree = _tree(file, vars(module))
    return _Scope(vars(module), bindings(tree.body)) if tree is not None else None


def _users_modules(
    names: Mapping[str, Any], own: types.ModuleType | None
) -> Iterator[types.ModuleType]:
    here = names.get("__name__")
    for module in [own, *list(sys.modules.values())]:
        file = getattr(module, "__file__", None) if module is not None else None
        if module is None or not file or module.__name__ == here:
            continue
        if is_users_file(file, module.__name__):
            yield module


def _tree(file: str, names: Mapping[str, Any]) -> ast.Module | None:
    lines = linecache.getlines(file, dict(names))
    return parsed("".join(lines)) if lines else None


def _is_lake(called: object) -> bool:
    owner = called if isinstance(called, type) else getattr(called, "__objclass__", called)
    return str(getattr(owner, "__module__", "")).startswith(("catalyst.data", "catalyst.research"))


def _rank(one: Origin) -> tuple[int, bool]:
    return one.source, one.lake

"""What names are bound to in a piece of source: every assignment, at any depth but a function's."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import lru_cache

Bindings = dict[str, list[ast.expr | None]]


def parsed(text: str) -> ast.Module:
    """Return the tree of some source, an empty one where it is no Python, as a cell's magic.

    Nor where it is nested deeper than Python reads when it is asked deep in a call.
    """
    try:
        return _tree(text)
    except (SyntaxError, RecursionError):
        return ast.Module([], [])


@lru_cache(maxsize=16)
def _tree(text: str) -> ast.Module:
    # Every captured name of a function asks for its file again; nobody changes a tree.
    return ast.parse(text)


def bindings(body: Sequence[ast.stmt]) -> Bindings:
    """Return every expression that each name is bound to, or that goes into it.

    Assignments inside functions count where they reach a name of the module's. None stands for an
    import.
    """
    out: Bindings = {}

    for statement in _statements(body):
        for target, value in _pairs(statement):
            for name in targets(target):
                out.setdefault(name, []).append(value)
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            for alias in statement.names:
                out.setdefault((alias.asname or alias.name).partition(".")[0], []).append(None)
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            out.setdefault(statement.name, []).append(ast.Constant(None))
            for name, value in _reached(statement):
                out.setdefault(name, []).append(value)
    return out


def _reached(function: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    # What a function binds in, or puts into, a name of its module's.
    if isinstance(function, ast.ClassDef):
        return
    inside = list(_statements(getattr(function, "body", [])))
    pairs = [pair for one in inside for pair in _pairs(one)]
    shared = {name for one in inside if isinstance(one, ast.Global) for name in one.names}
    own = {target.id for target, _ in pairs if isinstance(target, ast.Name)} - shared
    arguments = {one.arg for one in ast.walk(function) if isinstance(one, ast.arg)}
    for target, value in pairs:
        for name in targets(target):
            if name in shared or name not in own | arguments:
                for one in _with_parts(value, pairs):
                    yield name, one


def _with_parts(value: ast.expr, pairs: list[tuple[ast.expr, ast.expr]]) -> list[ast.expr]:
    # A local name means nothing outside its function: what it is bound to stands beside it.
    out, asked = [value], {id(value)}
    for expression in out:
        names = {one.id for one in ast.walk(expression) if isinstance(one, ast.Name)}
        for target, part in pairs:
            if id(part) not in asked and names & set(targets(target)):
                asked.add(id(part))
                out.append(part)
    return out


def _pairs(statement: ast.stmt) -> list[tuple[ast.expr, ast.expr]]:
    match statement:
        case ast.Assign(several, value):
            return [(target, value) for target in several]
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            return [(target, value)]
        case ast.AugAssign(target=target, value=value):
            return [(target, value)]
        case ast.For(target=target, iter=over) | ast.AsyncFor(target=target, iter=over):
            return [(target, over)]
        case ast.With(items=items) | ast.AsyncWith(items=items):
            return [
                (one.optional_vars, one.context_expr)
                for one in items
                if one.optional_vars is not None
            ]
        case ast.Expr(ast.Call(ast.Attribute(ast.Name() as owner), arguments)):
            # names.append(...): what goes in is a part of what it is.
            return [(owner, argument) for argument in arguments]
        case _:
            return []


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for one in body:
        yield one
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for name in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(one, name, []) or [])
        for handler in getattr(one, "handlers", []):
            yield from _statements(handler.body)


def targets(node: ast.expr) -> Iterator[str]:
    """Yield the names that an assignment's left side binds or changes."""
    match node:
        case ast.Name():
            yield node.id
        case ast.Tuple() | ast.List():
            for one in node.elts:
                yield from targets(one)
        case ast.Starred() | ast.Subscript() | ast.Attribute():
            yield from targets(node.value)
        case _:
            pass


def children(node: ast.AST) -> list[ast.expr]:
    """Return the expressions that an expression is made of."""
    out: list[ast.expr] = []
    for one in ast.iter_child_nodes(node):
        out += [one] if isinstance(one, ast.expr) else children(one)
    return out

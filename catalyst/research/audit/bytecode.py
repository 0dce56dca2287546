"""What a function's code touches outside its arguments, read from its bytecode.

Bytecode is there in a notebook and in a file alike, and names resolve to the objects themselves, so
that ``from time import time as now`` is no disguise. The stack is followed in straight lines;
where the way is lost a value is unknown, which never accuses anyone.
"""

from __future__ import annotations

import builtins
import dis
import importlib
import inspect
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

#: Methods that change a list, dict, set, deque or array in place.
MUTATORS = frozenset(
    [
        "append",
        "appendleft",
        "extend",
        "extendleft",
        "insert",
        "pop",
        "popleft",
        "popitem",
        "remove",
        "clear",
        "update",
        "setdefault",
        "add",
        "discard",
        "sort",
        "reverse",
        "rotate",
        "fill",
        "put",
        "itemset",
        "resize",
        "setflags",
        "__setitem__",
        "__delitem__",
        "__setattr__",
        "send",
    ]
)
_MUTABLE = (list, dict, set, bytearray)


class Unknown:
    """Stand for a value that the reading can't name."""


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Outside:
    """Stand for an object that comes from outside the call, under the name the code gives it."""

    value: object
    name: str


@dataclass(frozen=True)
class Argument:
    """Stand for an argument of the call, or an attribute of one."""

    name: str


@dataclass(frozen=True)
class Use:
    """Say what one instruction touches.

    Attributes
    ----------
    how
        ``load`` of an outside object, ``write`` to one, ``argument`` written to, ``attribute`` of
        something unknown, ``dynamic``: a module's attribute by a name made at run time.
    name
        Dotted name in the code.
    value
        The object loaded or written to; `UNKNOWN` otherwise.
    line
        In the function's file.
    """

    how: str
    name: str
    value: object
    line: int


@dataclass
class Scope:
    """Hold what names mean to a code object.

    Attributes
    ----------
    globals
        The module's names.
    cells
        Captured variables by name; those of an enclosing call are unknown.
    arguments
        Parameters by name: an `Argument`, or an `Outside` for a default or a bound object.
    kept
        Captured variables that live longer than one call.
    """

    globals: Mapping[str, object]
    cells: Mapping[str, object] = field(default_factory=dict)
    arguments: Mapping[str, object] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()


def uses(code: types.CodeType, scope: Scope) -> Iterator[Use]:
    """Yield what a code object and the functions defined inside it touch, in order of the code."""
    yield from _Reading(code, scope).walk()
    made_here = dict.fromkeys(code.co_cellvars, UNKNOWN)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner = Scope(
                scope.globals,
                {**scope.cells, **made_here},
                {},
                scope.kept - frozenset(code.co_cellvars),
            )
            yield from uses(constant, inner)


def attribute(value: object, name: str) -> object:
    """Return an attribute without running anyone's code; `UNKNOWN` where that can't be had."""
    if isinstance(value, types.ModuleType):
        found = vars(value).get(name, UNKNOWN)
        if found is UNKNOWN and type(value) is types.ModuleType:
            # Lazy names such as numpy.random: only modules of libraries have them.
            found = getattr(value, name, UNKNOWN)
        return found
    try:
        found = inspect.getattr_static(value, name)
    except AttributeError:
        return UNKNOWN
    if isinstance(found, (staticmethod, classmethod)):
        return found.__func__
    if isinstance(found, types.MemberDescriptorType) and not isinstance(value, type):
        return getattr(value, name, UNKNOWN)
    return found


class _Reading:
    def __init__(self, code: types.CodeType, scope: Scope) -> None:
        self.code, self.scope = code, scope
        self.stack: list[object] = []
        self.locals: dict[str, object] = dict(scope.arguments)
        self.at: dict[int, list[object]] = {}
        self.line = code.co_firstlineno
        self.found: list[Use] = []

    def walk(self) -> list[Use]:
        lost = False
        for step in dis.get_instructions(self.code):
            if step.positions is not None and step.positions.lineno is not None:
                self.line = step.positions.lineno
            if step.offset in self.at:
                self.stack = list(self.at[step.offset])
            elif lost:
                self.stack = []
            if step.opcode in dis.hasjrel or step.opcode in dis.hasjabs:
                depth = len(self.stack) + dis.stack_effect(step.opcode, step.arg, jump=True)
                self.at.setdefault(int(step.argval), self.stack[: max(depth, 0)])
            self._take(step)
            lost = step.opname.startswith(("RETURN", "RAISE", "RERAISE", "JUMP_FORWARD")) or (
                step.opname.startswith("JUMP_BACKWARD")
            )
        return self.found

    def _pop(self, n: int = 1) -> list[object]:
        taken = self.stack[-n:] if n else []
        del self.stack[len(self.stack) - len(taken) :]
        return [UNKNOWN] * (n - len(taken)) + taken

    def _use(self, how: str, name: str, value: object = UNKNOWN) -> None:
        self.found.append(Use(how, name, value, self.line))

    def _load(self, value: object, name: str) -> object:
        self._use("load", name, value)
        return Outside(value, name)

    def _take(self, step: dis.Instruction) -> None:  # noqa: C901, PLR0912, PLR0915 - an arm each
        name = step.argval
        match step.opname:
            case "LOAD_GLOBAL" | "LOAD_NAME":
                value = self._global(name)
                if step.opname == "LOAD_GLOBAL" and step.arg is not None and step.arg & 1:
                    self.stack += (
                        [UNKNOWN, value] if sys.version_info < (3, 13) else [value, UNKNOWN]
                    )
                else:
                    self.stack.append(value)
            case "LOAD_FAST" | "LOAD_FAST_CHECK" | "LOAD_FAST_BORROW":
                self.stack.append(self.locals.get(name, UNKNOWN))
            case "LOAD_FAST_LOAD_FAST" | "LOAD_FAST_BORROW_LOAD_FAST_BORROW":
                self.stack += [self.locals.get(one, UNKNOWN) for one in name]
            case "STORE_FAST":
                self.locals[name] = self._pop()[0]
            case "LOAD_DEREF" | "LOAD_CLASSDEREF" | "LOAD_FROM_DICT_OR_DEREF":
                self.stack.append(self._captured(name))
            case "STORE_DEREF" | "DELETE_DEREF":
                if step.opname == "STORE_DEREF":
                    self.locals[name] = self._pop()[0]
                if name in self.scope.kept and name not in self.code.co_cellvars:
                    self._use("write", name)
            case "STORE_GLOBAL" | "DELETE_GLOBAL":
                if step.opname == "STORE_GLOBAL":
                    self._pop()
                self._use("write", name)
            case "LOAD_ATTR" | "LOAD_METHOD":
                of = self._pop()[0]
                self.stack.append(self._attribute(of, name))
                if step.opname == "LOAD_METHOD" or (
                    sys.version_info >= (3, 12) and step.arg is not None and step.arg & 1
                ):
                    self.stack.append(UNKNOWN)
            case "STORE_ATTR" | "DELETE_ATTR":
                of = self._pop(2 if step.opname == "STORE_ATTR" else 1)[-1]
                self._written(of, f".{name}")
            case "STORE_SUBSCR" | "DELETE_SUBSCR" | "STORE_SLICE":
                n = {"STORE_SUBSCR": 3, "DELETE_SUBSCR": 2, "STORE_SLICE": 4}[step.opname]
                taken = self._pop(n)
                self._written(taken[0 if step.opname == "DELETE_SUBSCR" else 1], "[...]")
            case "BINARY_SUBSCR":
                self.stack.append(_element(*self._pop(2)))
            case "BINARY_OP":
                left, _ = self._pop(2)
                inplace = step.argrepr.endswith("=") and isinstance(left, Outside)
                if inplace and isinstance(left, Outside) and _is_mutable(left.value):
                    self._written(left, "")
                self.stack.append(UNKNOWN)
            case "IMPORT_NAME":
                self._pop(2)
                self.stack.append(self._load(_module(name), name))
            case "IMPORT_FROM":
                self.stack.append(self._attribute(self.stack[-1] if self.stack else UNKNOWN, name))
            case "CALL":
                *called, last = self._pop((step.arg or 0) + 2)
                self.stack.append(self._called([*called, last]))
            case "LOAD_CONST":
                self.stack.append(Outside(name, "") if isinstance(name, str) else UNKNOWN)
            case "COPY":
                depth = step.arg or 1
                self.stack.append(self.stack[-depth] if len(self.stack) >= depth else UNKNOWN)
            case "SWAP":
                depth = step.arg or 1
                if len(self.stack) >= depth:
                    self.stack[-1], self.stack[-depth] = self.stack[-depth], self.stack[-1]
            case "GET_ITER":
                pass
            case "FOR_ITER":
                over = self.stack[-1] if self.stack else UNKNOWN
                self.stack.append(_element(over, UNKNOWN))
            case "PRECALL":
                pass
            case _:
                self._generic(step)

    def _generic(self, step: dis.Instruction) -> None:
        arg = step.arg if step.opcode >= dis.HAVE_ARGUMENT else None
        effect = dis.stack_effect(step.opcode, arg, jump=False)
        if effect > 0:
            self.stack += [UNKNOWN] * effect
        elif effect < 0:
            # What is popped and what is pushed is not told apart; the top becomes unknown.
            self._pop(-effect)
            if self.stack and not step.opname.startswith(("POP_", "RETURN")):
                self.stack[-1] = UNKNOWN

    def _global(self, name: str) -> object:
        if name in self.locals:
            return self.locals[name]
        if name in self.scope.globals:
            return self._load(self.scope.globals[name], name)
        if hasattr(builtins, name):
            return self._load(getattr(builtins, name), name)
        return UNKNOWN

    def _captured(self, name: str) -> object:
        if name in self.locals:
            return self.locals[name]
        value = self.scope.cells.get(name, UNKNOWN)
        return value if value is UNKNOWN else self._load(value, name)

    def _attribute(self, of: object, name: str) -> object:
        if isinstance(of, Argument):
            self._use("attribute", name)
            return Argument(f"{of.name}.{name}")
        if not isinstance(of, Outside) or of.value is UNKNOWN:
            self._use("attribute", name)
            if isinstance(of, Outside) and name in MUTATORS:
                self._written(of, f".{name}()")
            return UNKNOWN
        if name in MUTATORS and not isinstance(of.value, (types.ModuleType, str, bytes, tuple)):
            own = attribute(of.value, name)
            # A method of one's own class that is called `update` is read, not guessed at.
            if not isinstance(own, types.FunctionType):
                self._written(of, f".{name}()")
                return UNKNOWN
        dotted = f"{of.name}.{name}"
        value = attribute(of.value, name)
        if value is UNKNOWN:
            self._use("attribute", name)
            return UNKNOWN
        if isinstance(value, types.FunctionType) and not isinstance(
            of.value, (type, types.ModuleType)
        ):
            value = types.MethodType(value, of.value)
        if isinstance(value, property):
            if value.fget is not None:
                self._use("load", dotted, types.MethodType(value.fget, of.value))
            return UNKNOWN
        return self._load(value, dotted)

    def _written(self, to: object, how: str) -> None:
        if isinstance(to, Outside):
            self._use("write", f"{to.name}{how}", to.value)
        elif isinstance(to, Argument):
            self._use("argument", f"{to.name}{how}")

    def _called(self, parts: list[object]) -> object:
        if (
            len(parts) >= 4
            and any(isinstance(p, Outside) and p.value is getattr for p in parts[:2])
            and isinstance(parts[3], Outside)
            and isinstance(parts[3].value, str)
        ):
            return self._attribute(parts[2], parts[3].value)
        if (
            len(parts) >= 4
            and any(isinstance(p, Outside) and p.value is getattr for p in parts[:2])
            and isinstance(parts[2], Outside)
            and isinstance(parts[2].value, types.ModuleType)
        ):
            self._use("dynamic", parts[2].name)
        return UNKNOWN


def _is_mutable(value: object) -> bool:
    return isinstance(value, _MUTABLE) or hasattr(value, "__array__")


def _element(of: object, key: object) -> object:
    if not isinstance(of, Outside) or isinstance(of.value, (str, bytes)):
        return UNKNOWN
    if isinstance(of.value, dict) and isinstance(key, Outside):
        return Outside(of.value.get(key.value, UNKNOWN), f"{of.name}[{key.value!r}]")
    if isinstance(of.value, (list, dict, tuple)) or of.value is UNKNOWN:
        return Outside(UNKNOWN, f"{of.name}[...]")
    return UNKNOWN


def _module(name: str) -> object:
    if name in sys.modules:
        # `import a.b` binds a; `from a.b import c` takes from a.b, whose attributes a has too.
        return sys.modules[name]
    try:
        return importlib.import_module(name)
    except Exception:  # noqa: BLE001 - whatever the user's module raises, its name is judged
        return types.ModuleType(name)

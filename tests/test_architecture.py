from __future__ import annotations

import ast
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from conftest import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = REPOSITORY / "catalyst"
MODULES = sorted(PACKAGE.rglob("*.py"))
STRATEGY = sorted((PACKAGE / "strategy").rglob("*.py"))

LONGEST_MODULE_LINES = 400
VAGUE_NAMES = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils", "v2"}

STRATEGY_IMPORTS = {
    "__future__",
    "catalyst.errors",
    "catalyst.strategy",
    "collections.abc",
    "dataclasses",
    "enum",
    "hashlib",
    "math",
    "numba",
    "numpy",
    "numpy.typing",
    "re",
    "typing",
}
# Ways from the allowed modules and the builtins to files, the clock, chance, other processes'
# memory, or results that differ between two runs of one program.
STRATEGY_FORBIDDEN = {
    "numba": {"cuda", "experimental", "objmode", "set_num_threads"},
    "numpy": {
        *("random", "ctypeslib", "lib", "load", "loadtxt", "genfromtxt", "fromfile", "memmap"),
        *("save", "savetxt", "savez", "savez_compressed"),
    },
    "hashlib": {"file_digest"},
    "builtins": {
        *("open", "print", "input", "eval", "exec", "compile", "__import__", "breakpoint"),
        *("globals", "hash", "id"),
    },
}
# Lets the compiler reorder sums, so that a value depends on what surrounds its window.
JIT_FORBIDDEN = {"fastmath"}

VECTORBT_MODULES = {"catalyst/research/portfolio.py"}
MLFLOW_MODULES = {"catalyst/research/tracking.py"}

# A folder at the root of some machine or in somebody's home; the home of no one in particular (`~`)
# is fine.
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(?:work|farm|root|home/\w+|Users/\w+)/")
# The pattern is written so that it does not find itself.
REGISTRY = re.compile(
    r"index[-]url|extra[-]index|https?:[/]/(?:files|registry|deb)\.|https?:[/]/\S+/simple\b"
    r'|"resolved": *"http|[p]ythonhosted'
)


def imported(tree: ast.Module, *, package: str) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of everything a module imports, from-imports with their name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                source = ".".join([*above, source]).rstrip(".")
            yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)


def is_allowed_in_strategy(name: str) -> bool:
    if any(
        name.split(".", maxsplit=1)[0] == top and forbidden & set(name.split(".")[1:])
        for top, forbidden in STRATEGY_FORBIDDEN.items()
    ):
        return False
    # `from enum import IntEnum` arrives as enum.IntEnum; only our own packages go deeper.
    return (
        name in STRATEGY_IMPORTS
        or name.rpartition(".")[0] in STRATEGY_IMPORTS
        or name.startswith("catalyst.strategy.")
    )


def impurities(source: str, *, package: str = "catalyst.strategy") -> list[str]:
    """List what a module of the strategy may not do, as ``line: what``."""
    tree = ast.parse(source)
    found = [
        f"{line}: imports {name}"
        for line, name in imported(tree, package=package)
        if not is_allowed_in_strategy(name)
    ]
    called = {"np": "numpy", "nb": "numba"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = called.get(node.value.id, node.value.id)
            if node.attr in STRATEGY_FORBIDDEN.get(module, set()):
                found.append(f"{node.lineno}: uses {module}.{node.attr}")
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in STRATEGY_FORBIDDEN["builtins"]:
                found.append(f"{node.lineno}: calls {node.func.id}()")
            found += [
                f"{node.lineno}: asks for {keyword.arg}"
                for keyword in node.keywords
                if keyword.arg in JIT_FORBIDDEN
            ]
    return found


@pytest.fixture(scope="module")
def tracked_texts() -> dict[str, str]:
    # safe.directory: a checkout may belong to another user than the one who tests it.
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={REPOSITORY}", "ls-files", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip(f"what is tracked is known in a git checkout only: {listed.stderr.strip()}")
    paths = [REPOSITORY / name for name in listed.stdout.split("\0") if name]
    return {
        relative(path): path.read_bytes().decode("utf-8", errors="replace")
        for path in paths
        if path.is_file()
    }


def relative(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize("path", STRATEGY, ids=relative)
def test_the_strategy_imports_and_calls_only_what_is_pure(path: Path) -> None:
    package = ".".join(path.relative_to(REPOSITORY).parent.parts)

    assert impurities(path.read_text(encoding="utf-8"), package=package) == []


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ("import os", "1: imports os"),
        ("import numpy.random", "1: imports numpy.random"),
        ("from numpy import random", "1: imports numpy.random"),
        ("from numpy.random import default_rng", "1: imports numpy.random.default_rng"),
        ("from numba import cuda", "1: imports numba.cuda"),
        ("from numba.core import types", "1: imports numba.core.types"),
        ("from collections import Counter", "1: imports collections.Counter"),
        ("from catalyst.data import lake", "1: imports catalyst.data.lake"),
        ("from ..data import lake", "1: imports catalyst.data.lake"),
        ("from catalyst import Lake", "1: imports catalyst.Lake"),
        ("def f():\n    import time", "2: imports time"),
        ("np.random.default_rng()", "1: uses numpy.random"),
        ("np.load('x.npy')", "1: uses numpy.load"),
        ("open('x')", "1: calls open()"),
        ("hash('x')", "1: calls hash()"),
        ("@njit(cache=True, fastmath=True)\ndef f_nb(): ...", "1: asks for fastmath"),
    ],
)
def test_an_impure_line_of_strategy_is_found(source: str, finding: str) -> None:
    assert finding in impurities(source)


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\nfrom numpy.typing import NDArray\nnp.sum(x)",
        "from numba import njit",
        "from collections.abc import Mapping",
        "from catalyst.errors import ParamsError",
        "from catalyst import errors",
        "from catalyst.strategy.candles import detect",
        "from . import values",
        "from .values import MarketState",
        "import hashlib\nhashlib.sha256(b'')",
    ],
)
def test_a_pure_line_of_strategy_passes(source: str) -> None:
    assert impurities(source) == []


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_has_room_for_one_subject(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())

    assert lines <= LONGEST_MODULE_LINES


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_has_a_name_that_says_something(path: Path) -> None:
    names = set(path.relative_to(PACKAGE).with_suffix("").parts)

    assert names.isdisjoint(VAGUE_NAMES)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_compiled_function_says_so_in_its_name_and_keeps_its_signature(path: Path) -> None:
    misnamed = []
    bare = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            if any(re.match(r"(numba\.|nb\.)?njit\b", text) for text in decorators):
                misnamed += [] if node.name.endswith("_nb") else [node.name]
                # numba's annotations lose the signature under a decorator without parentheses.
                bare += [node.name] if any(text.endswith("njit") for text in decorators) else []

    assert (misnamed, bare) == ([], [])


@pytest.mark.parametrize(
    ("library", "allowed"), [("vectorbt", VECTORBT_MODULES), ("mlflow", MLFLOW_MODULES)]
)
def test_what_is_slow_to_import_is_imported_by_one_module(library: str, allowed: set[str]) -> None:
    importers = {
        relative(path)
        for path in MODULES
        for _, name in imported(ast.parse(path.read_text(encoding="utf-8")), package="")
        if name.split(".")[0] == library
    }

    assert importers <= allowed


def test_replaying_and_asking_for_help_load_no_vectorbt() -> None:
    program = (
        "import sys; from catalyst import Lake, Params, replay; import catalyst.cli.app;"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'vectorbt', 'mlflow', 'alpaca'}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (loaded.stdout.strip(), loaded.stderr) == ("[]", "")


def test_no_file_names_a_path_of_one_machine(tracked_texts: dict[str, str]) -> None:
    found = [
        f"{name}: {match.group()}"
        for name, text in tracked_texts.items()
        for match in MACHINE_PATH.finditer(text)
    ]

    assert found == []


@pytest.mark.parametrize("folder", ["work", "farm", "root", "home/ann", "Users/ann"])
def test_a_path_of_one_machine_is_found(folder: str) -> None:
    assert MACHINE_PATH.search(f"see /{folder}/data")
    assert MACHINE_PATH.search(f"path='/{folder}/data'")


@pytest.mark.parametrize("before", ["frame", "~", "https://host", "..", "catalyst/a"])
def test_the_same_name_inside_another_path_passes(before: str) -> None:
    assert not MACHINE_PATH.search(f"{before}/{'work'}/data")


def test_no_file_but_prose_names_a_package_registry(tracked_texts: dict[str, str]) -> None:
    found = [
        f"{name}: {match.group()}"
        for name, text in tracked_texts.items()
        if not name.endswith(".md")
        for match in REGISTRY.finditer(text)
    ]

    assert found == []


def test_every_locked_package_has_its_hashes_and_no_host() -> None:
    lock = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
    packages = re.split(r"\n(?=\S)", lock.strip())

    assert [package.split()[0] for package in packages if "--hash=sha256:" not in package] == []
    assert "://" not in lock

"""Names that lead out of a component: files, clocks, chance, the network, other processes."""

from __future__ import annotations

import types

_BY_MODULE = {
    "reads or writes files": "pathlib io posix nt shutil glob fileinput tempfile zipfile tarfile "
    "gzip bz2 lzma csv shelve dbm sqlite3 pickle joblib dill cloudpickle mmap fcntl linecache "
    "configparser duckdb h5py tables pyarrow openpyxl fsspec posixpath ntpath genericpath _io "
    "catalyst.data catalyst.cli catalyst.research catalyst.live _pickle",
    "reads its files or environment": "os",
    "reads the clock": "time sched",
    "uses chance": "random secrets uuid numpy.random _random",
    "uses the network": "socket ssl http urllib urllib3 requests httpx aiohttp ftplib smtplib "
    "websockets curl_cffi yfinance alpaca redis psycopg psycopg2 select selectors xmlrpc boto3 "
    "socketserver _socket",
    "starts threads or processes": "subprocess multiprocessing threading concurrent asyncio signal "
    "_thread queue sched",
    "prints or logs": "logging warnings pprint rich tqdm structlog",
    "reads its environment": "platform getpass locale sys",
    "reaches behind its arguments": "inspect gc traceback ctypes importlib pkgutil runpy ast code "
    "faulthandler weakref",
}
_MODULES = {module: what for what, names in _BY_MODULE.items() for module in names.split()}
# Constants and pure functions of modules that are otherwise out of bounds.
_ALLOWED = frozenset(
    [
        "threading.RLock",
        "threading.Lock",
        "sys.float_info",
        "sys.maxsize",
        "sys.byteorder",
        "sys.intern",
        "catalyst.data.calendar",
        "catalyst.data.timeframes",
        "catalyst.data.variants",
    ]
)
_BUILTINS = {
    "open": "reads or writes files",
    "print": "prints or logs",
    "input": "reads its environment",
    "eval": "runs text as code, which can't be read",
    "exec": "runs text as code, which can't be read",
    "compile": "runs text as code, which can't be read",
    "__import__": "imports by name, which can't be read",
    "globals": "reads globals by name, which can't be followed",
    "breakpoint": "reads its environment",
    "id": "uses an object's address, which differs from run to run",
    "hash": "uses hash(), which differs from process to process",
    "setattr": "changes an object that it may not have made",
    "delattr": "changes an object that it may not have made",
}
_FROM_DATETIME = frozenset({"now", "today", "utcnow"})
_READERS = ("read_", "scan_", "sink_", "write_", "to_csv", "to_parquet", "from_csv")
_NUMPY_FILES = frozenset(
    [
        "load",
        "loadtxt",
        "genfromtxt",
        "fromfile",
        "memmap",
        "save",
        "savetxt",
        "savez",
        "savez_compressed",
        "DataSource",
        "open_memmap",
    ]
)
_FRAMES = frozenset({"polars", "pandas", "pyarrow", "duckdb"})
# Methods with no other meaning, on an object that the reading can't name.
_METHODS = {
    **dict.fromkeys(
        [
            "read_text",
            "read_bytes",
            "write_text",
            "write_bytes",
            "iterdir",
            "rglob",
            "unlink",
            "mkdir",
            "touch",
            "tofile",
            "write_csv",
            "write_parquet",
            "write_ipc",
            "write_json",
            "to_csv",
            "to_parquet",
            "to_pickle",
            "sink_parquet",
            "sink_csv",
            "read_session",
            "read_news",
            "add_bars",
            "add_news",
        ],
        "reads or writes files",
    ),
    **dict.fromkeys(["urlopen", "recv", "sendall"], "uses the network"),
    **dict.fromkeys(
        ["utcnow", "perf_counter", "perf_counter_ns", "time_ns", "monotonic"], "reads the clock"
    ),
    **dict.fromkeys(["default_rng", "standard_normal", "rvs"], "uses chance"),
    **dict.fromkeys(
        [
            "f_back",
            "f_globals",
            "f_locals",
            "__globals__",
            "__closure__",
            "__builtins__",
            "__subclasses__",
            "gi_frame",
            "cell_contents",
            "__setattr__",
            "__dict__",
        ],
        "reaches behind its arguments",
    ),
}
_INSTEAD = {
    "reads or writes files": "a component is given all that it may know",
    "reads the clock": "use view.asof_ns or the asof_ns given",
    "uses chance": "derive choices from the symbol's name and asof",
}


def module_is(module: types.ModuleType) -> str:
    """Say what a module leads to; nothing for one that a component may use."""
    return instead(_family(module.__name__)) if module.__name__ != "sys" else ""


def names_is(value: object, *, bare: bool = False) -> str:
    """Say what a function, class or instance of a library leads to; nothing for a clean one.

    ``bare`` leaves out what to do instead.
    """
    module, name = _origin(value)
    if module == "builtins" and _is_method(value):
        return ""
    what = library_is(module, name)
    return what if bare else instead(what)


def library_is(module: str, name: str) -> str:
    """Say what a name of a library leads to; nothing for a clean one."""
    top, last = module.partition(".")[0], name.rpartition(".")[2]
    if f"{module}.{name}" in _ALLOWED or module in _ALLOWED:
        return ""
    if module == "builtins":
        return _BUILTINS.get(name, "")
    if top in ("datetime", "_pydatetime") or name.startswith("datetime."):
        return "reads the clock" if last in _FROM_DATETIME else ""
    if top in _FRAMES - {"duckdb"} and last.startswith(_READERS):
        return "reads or writes files"
    if top == "pandas" and last in _FROM_DATETIME:
        return "reads the clock"
    if top == "numpy" and last in _NUMPY_FILES:
        return "reads or writes files"
    return "" if top == "pyarrow" else _family(module)


def attribute_is(name: str) -> str:
    """Say what a method of an unnamed object leads to; nothing where it may be anything."""
    return instead(_METHODS.get(name, ""))


def kind_of(value: object) -> str:
    """Return the full name of an object, for a sentence."""
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    return ".".join(part for part in _origin(value) if part)


def _is_method(value: object) -> bool:
    return not isinstance(getattr(value, "__self__", None), (types.ModuleType, type(None)))


def _family(module: str) -> str:
    parts = module.split(".")
    for n in range(len(parts), 0, -1):
        name = ".".join(parts[:n])
        if name in _ALLOWED:
            return ""
        if name in _MODULES:
            return _MODULES[name]
    return ""


def instead(what: str) -> str:
    """Add to what is wrong what to do instead."""
    return f"{what} ({_INSTEAD[what]})" if what in _INSTEAD else what


def _origin(value: object) -> tuple[str, str]:
    owner = getattr(value, "__self__", None)
    if owner is not None and not isinstance(owner, types.ModuleType):
        kind = owner if isinstance(owner, type) else type(owner)
        return _module_of(kind), f"{kind.__qualname__}.{getattr(value, '__name__', '')}"
    objclass = getattr(value, "__objclass__", None)
    if isinstance(objclass, type) and not isinstance(value, type):
        return _module_of(objclass), f"{objclass.__qualname__}.{getattr(value, '__name__', '')}"
    if isinstance(value, type) or hasattr(value, "__qualname__"):
        return _module_of(value), str(getattr(value, "__qualname__", ""))
    return _module_of(type(value)), type(value).__qualname__


def _module_of(value: object) -> str:
    return str(getattr(value, "__module__", "") or "")

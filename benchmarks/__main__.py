"""Run every benchmark of this folder, one after another, under a heading that names the machine."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

TIMED_AGAINST = ("numpy", "numba", "polars", "duckdb", "vectorbt", "ta-lib")


def main() -> None:
    """Print the facts of this machine, then what ``main()`` of each ``bench_*.py`` prints."""
    print(
        f"{_processor()}, {_memory_gb()}, {os.cpu_count()} logical cores, {platform.system()}"
        f" {platform.release()}, Python {platform.python_version()}"
    )
    print(", ".join(f"{name} {version(name)}" for name in TIMED_AGAINST))
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        print(f"\n{path.stem.removeprefix('bench_')}", flush=True)
        importlib.import_module(f"benchmarks.{path.stem}").main()


def _processor() -> str:
    # platform.processor() is empty on most Linux machines.
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> str:
    if sys.platform == "win32":
        return "memory unknown"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB"


if __name__ == "__main__":
    main()

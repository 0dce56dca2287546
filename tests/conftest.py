from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["live_services"]

REPOSITORY = Path(__file__).resolve().parents[1]

# Tests ask made-up data made-up questions: they must not count as somebody's search.
_LEDGER = tempfile.mkdtemp(prefix="catalyst-ledger-")
os.environ["CATALYST_LEDGER"] = str(Path(_LEDGER) / "trials.sqlite")
atexit.register(shutil.rmtree, _LEDGER, ignore_errors=True)

# The same examples on every machine and every day: a failure seen once is seen by all. Searching
# for new ones is a deliberate act: `pytest --hypothesis-profile explore`. No deadline, because the
# first call of a kernel compiles it.
settings.register_profile("same", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("explore", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile("same")


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real market data is not here: {folder} is no folder")
    return folder

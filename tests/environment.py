"""The environment that tests run in, set before Django reads its settings (loaded early as a pytest plugin)."""

import gc
import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("SECRET_KEY", "for-tests-only-" + "x" * 50)
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="brainscan-tests-")  # each process of pytest-xdist has its own
os.environ.pop("REDIS_URL", None)  # tests empty the queue, so it must not be anybody else's: see `valkey` in conftest
os.environ.setdefault("HTTPS", "0")
os.environ["DECODE_PROCESSES"] = "0"  # most tests look into decoding; tests of the pool start one
(Path(os.environ["DATA_DIR"]) / "static").mkdir(parents=True, exist_ok=True)  # WhiteNoise looks for it at start

settings.register_profile("brainscan", deadline=None)  # a busy machine is no reason to fail
settings.load_profile("brainscan")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """A million objects of modules and tests stay until the end: looking for garbage among them costs time only."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()

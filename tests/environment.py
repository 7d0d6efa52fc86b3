"""The environment that tests run in, set before Django reads its settings (loaded early as a pytest plugin)."""

import os
import tempfile
from pathlib import Path

from hypothesis import settings

os.environ.setdefault("SECRET_KEY", "for-tests-only-" + "x" * 50)
os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="brainscan-tests-"))
os.environ.setdefault("HTTPS", "0")
(Path(os.environ["DATA_DIR"]) / "static").mkdir(parents=True, exist_ok=True)  # WhiteNoise looks for it at start

settings.register_profile("brainscan", deadline=None)  # a busy machine is no reason to fail
settings.load_profile("brainscan")

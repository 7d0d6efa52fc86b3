"""The settings as the type checker reads them: it has to import them, and has no site to run."""

import os

os.environ.setdefault("SECRET_KEY", "types")

from brainscan.settings import *  # noqa: F403

"""What the server process imports before it forks processes that decode files (`intake.decoder_pool`).

Outside `intake`, which cannot be imported before Django is set up.
"""

import os
import sys

import django

from ml import child_environment

_NO_KEY = "signs-nothing"


def _leave_secrets_behind() -> None:
    """Start this program again without them. `multiprocessing` hands over the whole environment, and what a program was
    started with stays readable to it."""
    if os.environ.get("SECRET_KEY") == _NO_KEY:
        return
    kept = child_environment.reduced(os.environ, "DJANGO_SETTINGS_MODULE", "LOG_")
    kept |= {"SECRET_KEY": _NO_KEY, "DATABASE_URL": "sqlite://:memory:"}  # Django's settings ask for both
    os.execve(sys.executable, sys.orig_argv, kept)  # noqa: S606 - this program, without a shell


_leave_secrets_behind()
django.setup()

from diagnosis.intake import decoder_child  # noqa: E402, F401

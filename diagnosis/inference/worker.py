"""What a worker process does besides tasks: load the model before its first task, and tell that it lives.

TensorFlow does not survive a fork, so each pool process loads the model after it was forked.
"""

import os
import socket
import time
from typing import Any

import structlog
from celery.signals import heartbeat_sent, task_prerun, worker_process_init, worker_shutdown
from django.db import close_old_connections

from diagnosis.inference import broker, model_versions
from ml.contracts import ModelUnavailable
from ml.engines import quiet_blas

_BEAT_EVERY = 5.0  # seconds; Celery's own heartbeat comes more often than anyone needs to know
_last_beat = 0.0
_log = structlog.get_logger(__name__)


@worker_process_init.connect
def load_model_first(**_: Any) -> None:
    """In each pool process: load the active model, or log why there is none; tasks will then fail with that reason."""
    quiet_blas()
    owner = f"{socket.gethostname()}:{os.getppid()}"
    try:
        model = model_versions.load_active()
    except ModelUnavailable as error:
        _log.error("no usable model", code=error.code, problem=error.message)
        broker.report_worker(key=owner, model="")
    else:
        _log.info("model loaded", model=model.manifest.label, engine=model.engine.name)
        broker.report_worker(key=owner, model=model.manifest.label)


@task_prerun.connect
def look_after_the_database(**_: Any) -> None:
    """Before each task, as Django does before each request: a connection that is old or broken is not used again."""
    close_old_connections()


@heartbeat_sent.connect
def report(**_: Any) -> None:
    """In the parent process: still here."""
    global _last_beat
    if time.monotonic() - _last_beat >= _BEAT_EVERY:
        _last_beat = time.monotonic()
        broker.report_worker(key=broker.worker_key())


@worker_shutdown.connect
def sign_off(**_: Any) -> None:
    """In the parent process, at its end."""
    broker.forget_worker(key=broker.worker_key())

"""Celery signal handlers: load the model before the first task, keep database connections healthy, send heartbeats.

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

_HEARTBEAT_EVERY = 5.0  # seconds; Celery's own heartbeat is more frequent than we need
_last_heartbeat = 0.0
_log = structlog.get_logger(__name__)


@worker_process_init.connect
def load_model_first(**_: Any) -> None:
    """In each pool process, load the active model. If there is none, log why; tasks then fail with the same reason."""
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
def close_broken_connections(**_: Any) -> None:
    """Before each task, close connections that are too old or broken, as Django does before each request."""
    close_old_connections()


@heartbeat_sent.connect
def report_heartbeat(**_: Any) -> None:
    """In the parent process, pass Celery's heartbeat on to the broker, at most every few seconds."""
    global _last_heartbeat
    if time.monotonic() - _last_heartbeat >= _HEARTBEAT_EVERY:
        _last_heartbeat = time.monotonic()
        broker.report_worker(key=broker.worker_key())


@worker_shutdown.connect
def report_shutdown(**_: Any) -> None:
    """In the parent process, when the worker stops."""
    broker.forget_worker(key=broker.worker_key())

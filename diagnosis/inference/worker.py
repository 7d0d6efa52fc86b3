"""Celery signal handlers: keep leases, load the model before the first task, keep database connections healthy.

TensorFlow does not survive a fork, so each pool process loads the model after it was forked.
"""

from typing import Any

import structlog
from celery.signals import task_prerun, worker_process_init, worker_process_shutdown
from django.db import Error, close_old_connections

from diagnosis.inference import heartbeats, model_versions
from diagnosis.inference.leases import Keeper
from ml.contracts import ModelUnavailable
from ml.engines import quiet_blas

_log = structlog.get_logger(__name__)
_keepers: list[Keeper] = []


@worker_process_init.connect
def keep_leases(**_: Any) -> None:
    """In each pool process, before anything that takes time: others count how long it is silent."""
    keeper = Keeper()
    keeper.tick()
    keeper.start()
    _keepers.append(keeper)


@worker_process_init.connect
def load_model_first(**_: Any) -> None:
    """In each pool process, load the active model. If there is none, log why; tasks then fail with the same reason."""
    quiet_blas()
    try:
        model = model_versions.load_active()
    except ModelUnavailable as error:
        _log.error("no usable model", code=error.code, problem=error.message)
        heartbeats.report(model="", problem=error.message)
    else:
        _log.info("model loaded", model=model.manifest.label, engine=model.engine.name)
        heartbeats.report(model=model.manifest.label)


@task_prerun.connect
def close_broken_connections(**_: Any) -> None:
    """Before each task, close connections that are too old or broken, as Django does before each request."""
    close_old_connections()


@worker_process_shutdown.connect
def sign_off(**_: Any) -> None:
    """In a pool process that stops in order: what it could not finish need not wait until it counts as dead."""
    while _keepers:
        _keepers.pop().stop()
    try:
        heartbeats.stop()
    except Error as error:
        _log.warning("worker could not sign off", error=str(error))

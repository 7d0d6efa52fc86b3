"""Celery signal handlers: keep leases, load and check the model, look after database connections, show beat.

TensorFlow does not survive a fork, so each pool process loads the model after it was forked.
"""

import gc
from typing import Any

import structlog
from celery.signals import (
    beat_init,
    before_task_publish,
    task_prerun,
    worker_before_create_process,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
)
from django.db import Error, close_old_connections, connection

from diagnosis.inference import heartbeats, rolling_upgrade
from diagnosis.inference.leases import Keeper
from diagnosis.inference.self_check import SelfCheck
from diagnosis.models.heartbeat import Role
from ml.engines import quiet_blas

_log = structlog.get_logger(__name__)
_threads: list[Keeper | SelfCheck] = []


@worker_init.connect
def note_versions(**_: Any) -> None:
    """In the worker's main process, before it forks."""
    try:
        rolling_upgrade.note_start()
    except Error as error:
        _log.warning("the worker could not see which model versions are there", error=str(error))
    connection.close()


@worker_before_create_process.connect
def freeze_garbage_collection(**_: Any) -> None:
    """In the worker's main process, before each fork.

    Parent and child share memory until one of them writes to it. A full garbage collection writes to every object it
    looks at: the first one in the child, half an hour after the fork, gave both 32 MB of their own.
    """
    gc.collect()
    gc.freeze()


@worker_process_init.connect
def keep_leases(**_: Any) -> None:
    """In each pool process, before anything slow: the other workers count how long it is silent."""
    keeper = Keeper()
    keeper.tick()
    keeper.start()
    _threads.append(keeper)


@worker_process_init.connect
def load_model_first(**_: Any) -> None:
    """In each pool process, load the active model. If there is none, log why; tasks then fail with the same reason."""
    quiet_blas()
    checker = SelfCheck()
    checker.first()
    checker.start()
    _threads.append(checker)


@task_prerun.connect
def close_broken_connections(**_: Any) -> None:
    """Before each task, close connections that are too old or broken, as Django does before each request."""
    close_old_connections()


@worker_process_shutdown.connect
def sign_off(**_: Any) -> None:
    """In a pool process that stops normally, so that its unfinished work need not wait until it counts as dead."""
    while _threads:
        _threads.pop().stop()
    try:
        heartbeats.stop()
    except Error as error:
        _log.warning("worker could not sign off", error=str(error))


@beat_init.connect
def show_beat(**_: Any) -> None:
    """In beat, when it starts and whenever it is about to send something."""
    before_task_publish.connect(_beat_lives)
    _beat(first=True)


def _beat_lives(**_: Any) -> None:
    _beat()


def _beat(*, first: bool = False) -> None:
    close_old_connections()
    try:
        if first:
            heartbeats.forget_beat()
        heartbeats.beat(role=Role.BEAT)
    except Error as error:
        _log.warning("beat could not show that it runs", error=str(error))
        connection.close()

"""The Celery application, configured by Django's settings with the prefix CELERY_.

Retries are configured in `diagnosis.inference.task_policy`.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_process_init, worker_process_shutdown

from brainscan import tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brainscan.settings")

app = Celery("brainscan")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["diagnosis.inference", "diagnosis.cases", "diagnosis.uploads"], related_name="tasks")
app.autodiscover_tasks(["diagnosis.inference"], related_name="worker")


@worker_process_init.connect
@beat_init.connect
def start_traces(**_: Any) -> None:
    """In each pool process and in beat."""
    tracing.start()


@worker_process_shutdown.connect
def stop_traces(**_: Any) -> None:
    """Pool processes end without Python's exit handlers, which would send what is left."""
    tracing.stop()

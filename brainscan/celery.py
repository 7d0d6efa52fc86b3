"""The Celery application, configured by Django's settings with the prefix CELERY_.

Retries are configured in `diagnosis.inference.task_policy`.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brainscan.settings")

app = Celery("brainscan")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["diagnosis.inference", "diagnosis.cases", "diagnosis.uploads"], related_name="tasks")
app.autodiscover_tasks(["diagnosis.inference"], related_name="worker")

"""The Django project: settings, URLs, Celery, health, logging. The product's own code is in `diagnosis` and `ml`."""

from brainscan.celery import app as celery_app

__all__ = ["celery_app"]

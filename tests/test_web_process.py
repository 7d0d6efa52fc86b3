"""Processes stay light: the web never imports TensorFlow, nor does a worker that runs ncnn."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = """
import sys
from brainscan.wsgi import application
from django.urls import get_resolver
from django.test import Client
get_resolver().url_patterns
import diagnosis.inference.tasks
response = Client(headers={"host": "localhost"}).get("/health/live")
assert response.status_code == 200, response.content
unused = {"tensorflow", "keras", "matplotlib", "ncnn", "nilearn", "authlib", "joserfc", "fido2"}
heavy = sorted({name.split(".")[0] for name in sys.modules} & unused)
print("heavy:", heavy)
"""


_WORKER = """
import sys
from brainscan.celery import app
app.loader.import_default_modules()
from django.db import connection
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("register_model", "--default")
from celery.signals import worker_process_init
worker_process_init.send(sender=None)
import ml
from diagnosis.inference import model_versions
from tests import builders
analysis = ml.analyze(model_versions.load_active(), builders.png_bytes())
heavy = sorted({name.split(".")[0] for name in sys.modules} & {"tensorflow", "keras", "matplotlib", "nilearn"})
print("engine:", analysis.engine, "heavy:", heavy)
"""


@pytest.mark.slow
def test_the_web_process_imports_nothing_heavy_that_it_does_not_use() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "heavy: []" in done.stdout


@pytest.mark.slow
def test_a_worker_that_runs_ncnn_never_imports_tensorflow(tmp_path: Path) -> None:
    """From its start to its first analysis, with the shipped model."""
    env = os.environ | {"ML_ENGINE": "ncnn", "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}"}
    done = subprocess.run([sys.executable, "-c", _WORKER], capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0, done.stderr
    assert "engine: ncnn heavy: []" in done.stdout

"""The web process stays light: it never imports TensorFlow, however much of the site it has loaded."""

import subprocess
import sys

_SCRIPT = """
import sys
from brainscan.wsgi import application
from django.urls import get_resolver
from django.test import Client
get_resolver().url_patterns
import diagnosis.tasks
response = Client(headers={"host": "localhost"}).get("/health/live")
assert response.status_code == 200, response.content
heavy = sorted({name.split(".")[0] for name in sys.modules} & {"tensorflow", "keras", "matplotlib", "ncnn", "nilearn"})
print("heavy:", heavy)
"""


def test_the_web_process_imports_no_inference_framework() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "heavy: []" in done.stdout

"""A site that only serves has none of training's packages: commands and processes run without them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import phantom, png_bytes

pytestmark = pytest.mark.slow

TRAINING_ONLY = ("keras", "matplotlib", "nilearn", "scipy", "sklearn", "tensorflow", "tqdm")

BLOCK = f"""
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {TRAINING_ONLY}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""


def run(script: str, *arguments: str) -> str:
    """Standard output of a process that has none of TRAINING_ONLY."""
    command = [sys.executable, "-c", BLOCK + script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", TRAINING_ONLY)
def test_the_block_holds(name: str) -> None:
    assert run(f"try: import {name}\nexcept ModuleNotFoundError: print('absent')") == "absent\n"


def test_predict_runs(tmp_path: Path) -> None:
    pytest.importorskip("ncnn", reason="there is no ncnn for this platform")
    file = tmp_path / "scan.png"
    file.write_bytes(png_bytes(phantom(224, lesion=True)))
    script = (
        "import runpy\n"
        "sys.argv = ['ml', 'predict', sys.argv[1]]\n"
        "runpy.run_module('ml', run_name='__main__', alter_sys=True)\n"
    )
    answer = json.loads(run(script, str(file)))
    assert (answer["engine"], answer["file"]) == ("ncnn", str(file))
    assert answer["outcome"] in ("tumor", "no_tumor", "refused")


def test_web_process_and_worker_start() -> None:
    """All of the app is imported, management commands and the DICOM receiver included."""
    script = (
        "import importlib, os, pkgutil\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'brainscan.settings'\n"
        "import brainscan.wsgi, brainscan.urls, brainscan.celery, diagnosis.inference.worker\n"
        "import diagnosis\n"
        "for module in pkgutil.walk_packages(diagnosis.__path__, 'diagnosis.'):\n"
        "    importlib.import_module(module.name)\n"
    )
    run(script)


def test_a_command_of_training_names_what_is_missing(tmp_path: Path) -> None:
    script = (
        "from ml.cli import main\n"
        "try: main(['evaluate', '--data', sys.argv[1]])\n"
        "except ModuleNotFoundError as error: print(error.name)\n"
    )
    assert run(script, str(tmp_path)).strip() in TRAINING_ONLY

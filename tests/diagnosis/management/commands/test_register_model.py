"""`register_model`: what model_versions does, for the command line."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from diagnosis.models import ModelVersion
from tests.diagnosis.inference.test_model_versions import artifact

pytestmark = pytest.mark.django_db


def run(*args: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("register_model", *args, stdout=out, stderr=err, no_color=True)
    return out.getvalue(), err.getvalue()


def test_register_then_activate(tmp_path: Path) -> None:
    folder = str(artifact(tmp_path / "m"))
    version = run(folder)[0]
    assert "is registered." in version
    assert not ModelVersion.objects.get().active
    assert "registered and active" in run(folder, "--activate")[0]
    assert ModelVersion.objects.get().active
    assert "registered and active" in run(folder)[0]


def test_a_wrong_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="does not exist"):
        run(str(tmp_path))
    assert not ModelVersion.objects.exists()


def test_the_default_is_what_ml_model_names(tmp_path: Path, settings: Any) -> None:
    settings.ML_MODEL = str(artifact(tmp_path / "m"))
    run("--default")
    assert ModelVersion.objects.get().active


def test_a_missing_default_only_warns_so_that_the_site_starts(tmp_path: Path, settings: Any) -> None:
    settings.ML_MODEL = str(tmp_path / "absent")
    out, err = run("--default")
    assert out == ""
    assert "Warning: No model:" in err
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize("args", [(), ("folder", "--default")])
def test_either_a_path_or_the_default(args: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run(*args)

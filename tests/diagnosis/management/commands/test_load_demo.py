"""`load_demo`: simulated cases, added once, through the same intake as every upload."""

import sys
from io import StringIO
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from diagnosis import demo
from diagnosis.models import Case, Prediction, Scan
from tests.factories import CaseFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def template(monkeypatch: pytest.MonkeyPatch) -> None:
    """A smooth ball instead of nilearn's brain."""
    axes = np.meshgrid(*[np.linspace(-1, 1, size) for size in (48, 56, 46)], indexing="ij")
    distance = np.sqrt(sum(axis**2 for axis in axes))
    volume = np.where(distance < 0.9, 0.7 + 0.2 * axes[0] * axes[1], 0.0).astype(np.float32)
    monkeypatch.setattr(demo, "load_template", lambda: volume)


def run(*args: str) -> str:
    out = StringIO()
    call_command("load_demo", *args, stdout=out)
    return out.getvalue()


@pytest.mark.usefixtures("template", "model_version")
def test_three_simulated_cases_go_to_the_worker(
    user: User, sent: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        run("--user", "ada")
    cases = Case.objects.order_by("reference")
    assert [(case.reference, case.simulated, case.owner) for case in cases] == [
        ("SIM-HEALTHY", True, user),
        ("SIM-LESION-1", True, user),
        ("SIM-LESION-2", True, user),
    ]
    assert Scan.objects.count() == 11
    assert all(
        name.startswith("simulated-") and name.endswith((".png", ".nii"))
        for name in Scan.objects.values_list("name", flat=True)
    )
    assert sorted(sent) == sorted(Prediction.objects.filter(state="queued").values_list("pk", flat=True))
    assert len(sent) == 11


@pytest.mark.usefixtures("template", "model_version", "user")
def test_run_again_it_adds_nothing() -> None:
    run("--user", "ada")
    assert "0 added, 3 there before" in run("--user", "ada")
    assert (Case.objects.count(), Scan.objects.count(), Prediction.objects.count()) == (3, 11, 11)


@pytest.mark.usefixtures("template")
def test_a_real_case_of_that_name_is_left_alone(user: User) -> None:
    CaseFactory(owner=user, reference="SIM-LESION-2")
    with pytest.raises(CommandError, match="SIM-LESION-2"):
        run("--user", "ada")
    assert not Scan.objects.exists()


def test_without_nilearn_it_says_what_to_run(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nilearn.datasets", None)
    with pytest.raises(CommandError, match="make demo"):
        run("--user", "ada")
    assert not Case.objects.exists()


def test_an_unknown_user_is_an_error() -> None:
    with pytest.raises(CommandError, match="no user 'admin'"):
        run()

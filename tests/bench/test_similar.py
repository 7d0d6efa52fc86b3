"""`python -m bench.similar` measures made-up rows, and never beside real ones."""

import pytest

from bench import similar
from diagnosis.models import Embedding, Prediction, Scan
from tests.factories import ScanFactory

pytestmark = pytest.mark.django_db


def test_it_fills_an_empty_database_and_says_what_it_measured() -> None:
    figures = dict(similar.measure(120))
    assert figures["scans"] == "120" and "held in memory" in figures
    assert sum(" ms, at most " in figure for figure in figures.values()) == 2
    assert Scan.objects.count() == Prediction.objects.count() == Embedding.objects.count() == 120


def test_a_database_in_use_is_left_alone() -> None:
    ScanFactory()
    with pytest.raises(SystemExit, match="needs an empty one"):
        dict(similar.measure(120))
    assert Scan.objects.count() == 1

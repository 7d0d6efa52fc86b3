"""Evidence in words. How it is drawn is tested with the result page."""

import pytest

from diagnosis.presentation import evidence


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        (0.2, 0.2, "upper left quarter"),
        (0.8, 0.2, "upper right quarter"),
        (0.2, 0.9, "lower left quarter"),
        (0.5, 0.9, "lower half"),
        (0.9, 0.48, "right half"),
        (0.52, 0.48, "middle"),
    ],
)
def test_regions_in_words(x: float, y: float, text: str) -> None:
    assert evidence.region(x, y) == text

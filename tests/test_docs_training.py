"""docs/training.md tells the chain of runs behind the shipped weights; a reader can check it against the manifest."""

import re
from pathlib import Path

import pytest

from ml.inference.registry import read_manifest

TEXT = Path(__file__).parents[1] / "docs" / "training.md"


def test_the_runs_end_in_the_shipped_model() -> None:
    lines = TEXT.read_text(encoding="utf-8").splitlines()
    runs = [line.strip("| ").split(" | ") for line in lines if line.startswith("| vgg16-cells-") and "@" in line]
    shipped = read_manifest()
    began, fitted = runs[-2:]
    assert [began[0], fitted[0]] == [shipped.data["training"]["init"], shipped.label]
    assert shipped.data["weights"]["sha256"].startswith(fitted[-1])


def test_what_is_said_of_the_manifest_is_in_the_shipped_one() -> None:
    data, text = read_manifest().data, " ".join(TEXT.read_text(encoding="utf-8").split())
    losses, chosen = data["series"]["facts"]["candidates"], data["series"]
    numbers = (chosen[name] for name in ("sharpness", "depth", "size", "least") if name in chosen)
    cells = losses[", ".join(map(str, numbers))]
    pooled = ", ".join(f"{losses[name]:.2f}" for name in ("mean", "maximum", "each slice alone"))
    assert f"log loss {pooled} (`series.facts.candidates`) | cells averaged in place, {cells:.2f}:" in text
    [dearest] = [one for one in data["operating_point"]["alternatives"] if one["sensitivity_target"] == 0.9]
    assert f"a specificity of {dearest['specificity']:.2f} on validation would cost one tumor slice in ten" in text


@pytest.mark.parametrize(
    "property_", ["sequence", "source", "plane", "sequence and plane", "height", "skull", "resolution"]
)
def test_how_well_a_property_gives_the_label_away(property_: str) -> None:
    rows = [line.strip("| ").split(" | ") for line in TEXT.read_text(encoding="utf-8").splitlines()]
    [row] = [row for row in rows if len(row) == 3 and re.match(rf"{property_}(,| on| in|$)", row[0])]
    assert row[1] == f"{read_manifest().data['training']['guessed'][property_]['drawn']:.2f}"

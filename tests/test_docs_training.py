"""docs/training.md tells the chain of runs behind the shipped weights; a reader can check it against the manifest."""

from pathlib import Path

from ml.inference.registry import read_manifest

TEXT = Path(__file__).parents[1] / "docs" / "training.md"


def test_the_runs_end_in_the_shipped_model() -> None:
    lines = TEXT.read_text(encoding="utf-8").splitlines()
    runs = [line.strip("| ").split(" | ") for line in lines if line.startswith("| vgg16-cells-") and "@" in line]
    shipped = read_manifest()
    assert [runs[-2][0], runs[-1][0]] == [shipped.data["training"]["init"], shipped.label]
    assert shipped.data["weights"]["sha256"].startswith(runs[-1][-1])

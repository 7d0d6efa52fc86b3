"""Committed figures, in JSON, that the model card shows beside those of the manifest."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.contracts import BrainscanError

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "figures"
BASELINE = "baseline.json"
COMPARISON = "comparison.json"
CHANGES = "changes.json"
LEFT_OUT = "left-out.json"


class DocumentError(BrainscanError):
    """A file of figures is missing or invalid."""

    def __init__(self, message: str) -> None:
        super().__init__("figures_missing", message)


@dataclass(frozen=True, slots=True)
class Documents:
    """baseline: test figures of the first model. comparison, changes, left_out: outputs of `python -m ml compare`,
    `changes` and `forecast`, or None."""

    baseline: dict[str, Any]
    comparison: dict[str, Any] | None
    changes: dict[str, Any] | None = None
    left_out: dict[str, Any] | None = None

    @classmethod
    def read(cls, folder: Path = FOLDER) -> "Documents":
        """Raises DocumentError: the baseline is missing, or a file is not valid JSON."""
        try:
            baseline = json.loads((folder / BASELINE).read_text(encoding="utf-8"))
            others = (folder / COMPARISON, folder / CHANGES, folder / LEFT_OUT)
            return cls(
                baseline, *(json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None for file in others)
            )
        except (OSError, ValueError) as error:
            raise DocumentError(f"Figures in {folder} cannot be read: {error}.") from error

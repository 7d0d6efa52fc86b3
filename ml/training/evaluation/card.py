"""The model card (Mitchell et al. 2019) of an artifact, from its manifest and committed figures alone."""

import textwrap
from typing import Any

from ml.inference.registry import Manifest
from ml.training.evaluation import card_figures
from ml.training.evaluation.documents import Documents

WIDTH = 120
_SPLITS = (("train", "training"), ("val", "validation"), ("test", "test"))

OUT_OF_SCOPE = (
    "Diagnosis, screening, triage, or anything that decides on a patient without a person who reads the whole study.",
    "Images other than MRI slices of a brain, single or in one series: CT, other body parts, montages.",
    "Children, postoperative brains, and findings other than tumor: few images or none are behind its answers there.",
    "Outlines: the heat map says where to look; it is no segmentation.",
)


def card(manifest: Manifest, documents: Documents) -> str:
    """Markdown text of the card."""
    data = manifest.data
    parts = [
        _title(manifest),
        _use(data),
        _how(data),
        _origin(data["training"]),
        *card_figures.sections(data, documents),
        _limits(data),
        _known(data["training_hashes"]),
        _again(data["training"]),
    ]
    return "\n\n".join(_wrapped(block) for part in parts for block in part.split("\n\n")) + "\n"


def _wrapped(block: str) -> str:
    """Wrap a paragraph or list at WIDTH; tables, headings, figures and code stay as they are."""
    if block.startswith(("|", "#", "!", "    ")):
        return block
    if block.startswith("- "):
        return "\n".join(
            textwrap.fill(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False) for line in block.splitlines()
        )
    return textwrap.fill(block, WIDTH, break_on_hyphens=False)


def _title(manifest: Manifest) -> str:
    data = manifest.data
    size = data["weights"]["bytes"] / 1e6
    low, high = manifest.calibration.uncertain
    below, above = manifest.calibration.lapses
    return f"""# Model card: {manifest.name}

`python -m ml card --out docs/model-card.md` generates this page from the artifact's manifest and the figures in \
docs/figures; a test keeps it up to date.

| | |
| --- | --- |
| model | `{manifest.label}`, version {data["version"]}, {data["created"]} |
| weights | {data["weights"]["file"]}, {data["weights"]["dtype"]}, {size:.1f} MB, sha256 `{data["weights"]["sha256"]}` |
| preprocessing | {data["preprocessing"]} |
| operating point | tumor at a probability of {manifest.threshold:.4f} or more, chosen on the validation split |
| uncertain | a result from {low:.4f} to {high:.4f} is called uncertain |
| calibration | {data["calibration"]["method"]}: slope {manifest.calibration.slope:.4f}, intercept \
{manifest.calibration.intercept:.4f}, lapses {below:.4f} and {above:.4f}, type temperature \
{manifest.calibration.type_temperature:.4f} |"""


def _use(data: dict[str, Any]) -> str:
    beyond = "\n".join(f"- {item}" for item in OUT_OF_SCOPE)
    return f"""## What it is for

{data["intended_use"]}

**The probability is not a diagnosis.** It says how often slices like this one show a tumor, in a mix like the
validation data. A person who reads the whole study decides whether this patient has one.

## What it is not for

{beyond}"""


def _how(data: dict[str, Any]) -> str:
    shape, (width, height) = data["architecture"], data["input"]["size"]
    return f"""## How it works

{shape["base"]}. Cells: {shape["cells"]}. The image: {shape["picture"]}. Tumor type ({", ".join(data["types"])}): \
{shape["type"]}. The input is one slice, cropped to the head, stretched in intensity and resized to \
{width} × {height}, gray in all three channels. Probability, type, heat map, gate and the embedding that finds similar \
scans all come from one forward pass."""


def _origin(training: dict[str, Any]) -> str:
    lines = [
        "## What it was trained on",
        "",
        "| source | what | published by | license, as published | " + " | ".join(n for _, n in _SPLITS) + " |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, source in training["sources"].items():
        numbers = [_count(training["counts"].get(split, {}).get(name, {})) for split, _ in _SPLITS]
        row = [name, source["what"], source["citation"], source["license"], *numbers]
        lines.append("| " + " | ".join(row) + " |")
    groups = ", ".join(f"{training['groups'][split]} in {name}" for split, name in _SPLITS)
    base, left_out = training["base"], training["copies_left_out"]
    lines += [
        "",
        "Counts are brain images with tumor / without; "
        f"{training['not_brain']} images of other things trained the gate alone. "
        f"The convolutions started from {base['what']} ({base['citation']}; {base['license']}).{_tuned(training)}",
        "",
        "Slices of one patient, and copies of one image in a web collection, look almost the same. A split that",
        "ignores this puts such twins into training and test data and reports memory as skill. Here every group of",
        f"the table, a patient or a cluster of near-duplicates, is in one split only ({groups}),",
        "and training refuses any other table.",
        f"Copies that the groups miss and whose hashes match were dropped: {left_out['train']} training images that",
        f"match a validation or test image, and {left_out['val']} validation images that match a test image.",
        "Copies that are cropped or sharpened further may remain;",
        "[the audit](training.md#auditing-a-table) of the table names those it finds.",
        "Augmentation is applied after the split, to training images only.",
    ]
    return "\n".join(lines)


def _tuned(training: dict[str, Any]) -> str:
    """A sentence about the model that was tuned further; none if the training began with the base."""
    before = training.get("init")
    return (
        f" Blocks 4 and 5 and the heads were tuned further from {before}; see [training](training.md)."
        if before
        else ""
    )


def _limits(data: dict[str, Any]) -> str:
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in data["limits"])


def _known(hashed: dict[str, Any]) -> str:
    return (
        "## Images it was made with\n\n"
        f"The artifact carries perceptual hashes ({hashed['method']}) of its training and validation images. Pages and "
        "API mark an image that matches one: the model's answer to it is memory and proves nothing. A hash is 64 "
        "bytes; at most a rough blur of an image could be guessed from it."
    )


def _again(training: dict[str, Any]) -> str:
    return f"""## Make it again

    {training["command"]}
    python -m ml card --model var/trained --out var/model-card.md

Seed {training["seed"]}, {training["copies"]} images and copies, {len(training["sections"])} sections, precision \
{training["precision"]}. See [training](training.md)."""


def _count(labels: dict[str, int]) -> str:
    return f"{labels.get('tumor', 0)} / {labels.get('no_tumor', 0)}"

"""What two versions that run beside each other during an upgrade say to one another, held against a record of it.

`contract.json` lists what a process of an earlier version sends, stores or expects. The tests fail when something of it
is gone or has become required. Then keep it for as long as a version that uses it may still be running: one release
that understands both comes first, and the next one may drop it, here as well. What is new is only added.
"""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.conf import settings

from diagnosis.inference import broker
from diagnosis.models.prediction import Outcome, State
from diagnosis.models.review import ReviewState
from diagnosis.models.upload_row import UploadState
from ml.contracts import Analysis, Evidence, Gate, ModelUnavailable, Prediction
from ml.inference import registry

ROOT = Path(__file__).resolve().parents[3]
RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("contract.json").read_text())
current_app.loader.import_default_modules()


def tasks() -> dict[str, dict[str, Any]]:
    """Each task: the arguments without which it fails, those it knows, and its queue."""
    found = {}
    for name, task in current_app.tasks.items():
        if name.startswith("diagnosis."):
            parameters = inspect.signature(task.run).parameters.values()
            named = [one for one in parameters if one.kind is not one.VAR_KEYWORD]
            required = [one.name for one in named if one.default is one.empty]
            queue = current_app.amqp.router.route({}, name)["queue"].name
            found[name] = {"required": required, "known": [one.name for one in named], "queue": queue}
    return found


def consumed() -> set[str]:
    """Queues that the Procfile's worker takes messages from."""
    [queues] = re.findall(r"^worker:.* -Q (\S+)", (ROOT / "Procfile").read_text(), re.MULTILINE)
    return set(queues.split(","))


@pytest.mark.parametrize("name", RECORDED["tasks"])
def test_an_earlier_versions_message_is_still_understood(name: str) -> None:
    known, now = RECORDED["tasks"][name], tasks()
    assert name in now, f"An earlier site or beat still sends {name!r}: this worker would drop its messages."
    for argument in now[name]["required"]:
        assert argument in known["required"], f"{name} requires {argument!r}, which no earlier version sends."
    for argument in known["known"]:
        assert argument in now[name]["known"], f"Earlier versions send {argument!r} to {name}."


def test_a_message_about_a_scan_may_say_more_than_this_version_knows() -> None:
    parameters = inspect.signature(current_app.tasks[broker.RUN_PREDICTION].run).parameters.values()
    assert any(one.kind is one.VAR_KEYWORD for one in parameters), (
        "A later site's message would fail here at each try, and wait for the sweep to reach another worker."
    )


def test_every_task_is_on_record() -> None:
    assert tasks() == RECORDED["tasks"], "Add what is new to contract.json: later versions are held to it."


def test_every_queue_that_somebody_sends_to_is_consumed() -> None:
    sent_to = {task["queue"] for task in RECORDED["tasks"].values()} | set(RECORDED["queues"])
    assert sent_to <= consumed(), "Messages of an earlier version would lie in a queue that nobody reads."
    assert {task["queue"] for task in tasks().values()} | {broker.QUEUE} <= set(RECORDED["queues"]), (
        "An earlier worker reads the recorded queues alone. What is sent elsewhere waits until all workers are new."
    )


def test_beat_sends_nothing_unknown() -> None:
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(RECORDED["tasks"])


@pytest.mark.parametrize(
    ("what", "now"),
    [
        ("prediction states", State.values),
        ("outcomes", Outcome.values),
        ("review states", ReviewState.values),
        ("upload states", UploadState.values),
        ("result", list(Analysis("refused", Gate(accepted=False), "m", "e").as_dict())),
        ("gate", list(Gate.__dataclass_fields__)),
        ("prediction", list(Prediction.__dataclass_fields__)),
        ("evidence", list(Evidence((0, 0), None, None, (), (0, 0, 0, 0), 1).as_dict())),
    ],
)
def test_stored_names_stay(what: str, now: list[str]) -> None:
    assert set(RECORDED[what]) <= set(now), f"Rows of an earlier version have these {what}, and its pages expect them."
    assert set(now) <= set(RECORDED[what]), f"Add the new {what} to contract.json: later versions are held to them."


def without(manifest: dict[str, Any], path: str) -> dict[str, Any]:
    """A copy of a manifest that lacks one field: `name`, or `name.part`."""
    copy = json.loads(json.dumps(manifest))
    *parents, last = path.split(".")
    entry = copy
    for parent in parents:
        entry = entry[parent]
    del entry[last]
    return dict(copy)


def needed(manifest: dict[str, Any], folder: Path) -> set[str]:
    """The fields without which this version refuses a manifest."""
    paths = list(manifest)
    paths += [f"{name}.{part}" for name, entry in manifest.items() if isinstance(entry, dict) for part in entry]
    found = set()
    for path in paths:
        (folder / "manifest.json").write_text(json.dumps(without(manifest, path)))
        try:
            read = registry._read_manifest(folder)
            _ = read.name, read.digest, read.types, read.threshold, read.calibration, read.series
        except (ModelUnavailable, KeyError):
            found.add(path)
    return found


def test_artifacts_of_an_earlier_version_are_still_read(tmp_path: Path) -> None:
    assert registry.FORMAT in RECORDED["manifest formats"]
    shipped = json.loads((registry.DEFAULT_ARTIFACT / "manifest.json").read_text())
    shipped |= {name: {} for name in ("metrics", "training", "operating_point", "gate")}  # long, and for people
    now, before = needed(shipped, tmp_path), set(RECORDED["manifest needs"])
    assert now <= before, "Artifacts registered earlier lack these fields. Give each a meaning where it is missing."
    top = {path for path in before if "." not in path}
    assert top <= set(shipped), "An earlier worker refuses the shipped artifact. It would leave all scans to new ones."

"""The Celery tasks: each makes one call."""

from typing import Any

from diagnosis.inference import pipeline, transitions
from diagnosis.inference.broker import RUN_PREDICTION
from diagnosis.inference.task_policy import background_task


@background_task(name=RUN_PREDICTION)
def run_prediction(*, prediction_id: int, **_newer: Any) -> None:
    """Run one prediction, or the one that has waited longest if this one was claimed or ended meanwhile.

    _newer: what a later version's message says beyond that; the database has whatever it takes.
    """
    pipeline.run(prediction_id=prediction_id)


@background_task(name="diagnosis.sweep_stale")
def sweep_stale() -> None:
    """Re-queue what dead workers and lost messages left behind."""
    transitions.sweep()

"""The Celery tasks: each makes one call."""

from diagnosis.inference import pipeline, transitions
from diagnosis.inference.broker import RUN_PREDICTION
from diagnosis.inference.task_policy import background_task


@background_task(name=RUN_PREDICTION)
def run_prediction(*, prediction_id: int) -> None:
    """Run one prediction, unless somebody else has claimed or ended it."""
    pipeline.run(prediction_id=prediction_id)


@background_task(name="diagnosis.sweep_stale")
def sweep_stale() -> None:
    """Bring back what a dead worker or a lost message left behind."""
    transitions.sweep()

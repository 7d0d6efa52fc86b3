"""The Celery task: it makes one call."""

from diagnosis.inference.task_policy import background_task
from diagnosis.uploads import sweep


@background_task(name="diagnosis.sweep_uploads")
def sweep_uploads() -> None:
    """Remove seen and old rows from upload lists."""
    sweep.sweep()

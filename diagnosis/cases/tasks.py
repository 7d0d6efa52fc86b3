"""The Celery task: it makes one call."""

from diagnosis.cases import housekeeping
from diagnosis.inference.task_policy import background_task


@background_task(name="diagnosis.empty_trash")
def empty_trash() -> None:
    """Apply the site's rules of retention."""
    housekeeping.run()

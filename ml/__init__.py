"""Brain MRI tumor detection: the whole surface that the app may use is `load_model` and `analyse`.

No Django, no Celery, no settings: importable and testable alone. Importing it loads no inference framework; that comes
with the first `load_model`.
"""

from ml.analysis import analyse
from ml.registry import Model, load_model

__all__ = ["Model", "analyse", "load_model"]

"""Brain MRI tumor detection: the whole surface that the app may use is what stands in `__all__`.

No Django, no Celery, no settings: importable and testable alone. Importing it loads no inference framework; that comes
with the first `load_model`.
"""

from ml.analysis import analyse, analyse_each
from ml.registry import Model, load_model
from ml.whole_series import SeriesAnalysis, analyse_series

__all__ = ["Model", "SeriesAnalysis", "analyse", "analyse_each", "analyse_series", "load_model"]

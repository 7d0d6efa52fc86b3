"""Brain MRI tumor detection: the whole surface that the app may use is what stands in `__all__`.

No Django, no Celery, no settings: importable and testable alone. Importing it loads no inference framework; that comes
with the first `load_model`.
"""

from ml.inference.analysis import analyze, analyze_each
from ml.inference.registry import Model, load_model
from ml.inference.series import SeriesAnalysis, analyze_series

__all__ = ["Model", "SeriesAnalysis", "analyze", "analyze_each", "analyze_series", "load_model"]

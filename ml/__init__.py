"""Brain MRI tumor detection. `__all__` is everything that the app may use.

No Django, no Celery, no settings: importable and testable alone. Inference frameworks are only imported by
`load_model`.
"""

from ml.inference.analysis import analyze, analyze_each
from ml.inference.registry import Model, load_model
from ml.inference.series import SeriesAnalysis, analyze_series

__all__ = ["Model", "SeriesAnalysis", "analyze", "analyze_each", "analyze_series", "load_model"]

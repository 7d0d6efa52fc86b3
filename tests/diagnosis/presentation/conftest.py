"""What the tests of presentation share with those of the pages."""

from tests.diagnosis.views.conftest import make

__all__ = ["make"]

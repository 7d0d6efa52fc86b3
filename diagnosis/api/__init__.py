"""The HTTP API under /api/v1/: the same reads (`selectors`) and the same writes (`intake`, `pipeline`) as the pages."""

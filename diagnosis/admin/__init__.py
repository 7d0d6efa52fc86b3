"""The admin: staff manage users, model versions and API tokens, and view cases, results and the audit trail.

Each module registers its models on import.
"""

from diagnosis.admin import (
    audit_events,
    cases,
    lockout,
    model_versions,
    predictions,
    provider_links,
    reviews,
    second_factor,
    storage_quotas,
    tokens,
    users,
    worklist,
)

__all__ = [
    "audit_events",
    "cases",
    "lockout",
    "model_versions",
    "predictions",
    "provider_links",
    "reviews",
    "second_factor",
    "storage_quotas",
    "tokens",
    "users",
    "worklist",
]

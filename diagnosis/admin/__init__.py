"""What staff manage: people, model versions, API tokens; and what they may look at: cases, results, the audit trail.

Each module registers its models on import.
"""

from diagnosis.admin import audit_events, cases, model_versions, people, predictions, tokens

__all__ = ["audit_events", "cases", "model_versions", "people", "predictions", "tokens"]

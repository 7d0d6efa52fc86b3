"""The tables. What must always hold is a constraint of the database, not only a rule in Python."""

from diagnosis.models.api_token import ApiToken
from diagnosis.models.assignment import Assignment
from diagnosis.models.audit_event import AuditEvent, Disclosure
from diagnosis.models.case import Case
from diagnosis.models.case_note import CaseLabel, CaseNote
from diagnosis.models.discarded_file import DiscardedFile
from diagnosis.models.embedding import Embedding
from diagnosis.models.heartbeat import Heartbeat
from diagnosis.models.login_failures import LoginFailures
from diagnosis.models.login_session import LoginSession
from diagnosis.models.model_version import ModelVersion
from diagnosis.models.passkey import Passkey
from diagnosis.models.password_history import PasswordHistory
from diagnosis.models.prediction import Prediction
from diagnosis.models.provider_link import ProviderLink
from diagnosis.models.reading_policy import ReadingPolicy
from diagnosis.models.review import Review
from diagnosis.models.saved_view import SavedView, WorklistPreference
from diagnosis.models.scan import Scan
from diagnosis.models.second_factor import RecoveryCode, SecondFactor
from diagnosis.models.slice import Slice, SliceResult
from diagnosis.models.storage_quota import StorageQuota
from diagnosis.models.upload_row import UploadPreview, UploadRow

__all__ = [
    "ApiToken",
    "Assignment",
    "AuditEvent",
    "Case",
    "CaseLabel",
    "CaseNote",
    "DiscardedFile",
    "Disclosure",
    "Embedding",
    "Heartbeat",
    "LoginFailures",
    "LoginSession",
    "ModelVersion",
    "Passkey",
    "PasswordHistory",
    "Prediction",
    "ProviderLink",
    "ReadingPolicy",
    "RecoveryCode",
    "Review",
    "SavedView",
    "Scan",
    "SecondFactor",
    "Slice",
    "SliceResult",
    "StorageQuota",
    "UploadPreview",
    "UploadRow",
    "WorklistPreference",
]

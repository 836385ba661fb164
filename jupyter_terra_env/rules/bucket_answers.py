"""The cause of an error answer of Cloud Storage, which its status alone does not name.

Cloud Storage, "HTTP status and error codes for JSON": the cause is in ``errors[].reason``, or in the message if the
reason is only "forbidden". An answer with an unknown cause keeps the meaning of its status.
"""

import re
from collections.abc import Collection
from typing import Final

from jupyter_terra_env.rules.errors import BucketTrouble

_BY_REASON: Final = {
    "accessnotconfigured": BucketTrouble.API_DISABLED,
    "accountdisabled": BucketTrouble.BILLING_DISABLED,
    "authenticationrequiredrequesterpays": BucketTrouble.REQUESTER_PAYS,
    "objectunderactivehold": BucketTrouble.OBJECT_HELD,
    "orgpolicyconstraintfailed": BucketTrouble.ORGANIZATION_POLICY,
    "quotaexceeded": BucketTrouble.OVERLOADED,
    "ratelimitexceeded": BucketTrouble.OVERLOADED,
    "requesterpays": BucketTrouble.REQUESTER_PAYS,
    "retentionpolicynotmet": BucketTrouble.RETENTION_POLICY,
    "securitypolicyviolated": BucketTrouble.SERVICE_PERIMETER,
    "userprojectaccessdenied": BucketTrouble.USER_PROJECT,
    "userprojectaccountproblem": BucketTrouble.USER_PROJECT,
    "userprojectinconsistent": BucketTrouble.USER_PROJECT,
    "userprojectinvalid": BucketTrouble.USER_PROJECT,
    "userprojectmissing": BucketTrouble.REQUESTER_PAYS,
    "userratelimitexceeded": BucketTrouble.OVERLOADED,
    "vpcservicecontrols": BucketTrouble.SERVICE_PERIMETER,
}
_BY_MESSAGE: Final = (
    ("doesn't match calculated", BucketTrouble.CORRUPT_TRANSFER),
    ("requester pays", BucketTrouble.REQUESTER_PAYS),
    ("vpcservicecontrols", BucketTrouble.SERVICE_PERIMETER),
    ("prohibited by organization's policy", BucketTrouble.SERVICE_PERIMETER),
    ("constraints/", BucketTrouble.ORGANIZATION_POLICY),
    ("retention policy or object retention", BucketTrouble.RETENTION_POLICY),
    ("subject to bucket's retention", BucketTrouble.RETENTION_POLICY),
    ("serviceusage", BucketTrouble.USER_PROJECT),
    ("user project", BucketTrouble.USER_PROJECT),
    ("billing account", BucketTrouble.BILLING_DISABLED),
    ("billing disabled", BucketTrouble.BILLING_DISABLED),
    ("billing to be enabled", BucketTrouble.BILLING_DISABLED),
    ("has not been used in project", BucketTrouble.API_DISABLED),
    ("cloudkms", BucketTrouble.ENCRYPTION_KEY),
    ("kms key", BucketTrouble.ENCRYPTION_KEY),
)
"""Parts of messages, in lower case; the first match counts."""
_QUOTED_NAME: Final = re.compile(r"'[^']*/[^']*'|\"[^\"]*/[^\"]*\"")
"""Names of objects: what they contain says nothing about the cause."""
_AMBIGUOUS: Final = frozenset({400, 401, 403, 412})
_ACCOUNT: Final = re.compile(r"[^\s\"'<>(),;:]+@[^\s\"'<>(),;:]+")


def special_cause(status: int, reasons: Collection[str], message: str) -> BucketTrouble | None:
    """Return the cause of an error answer if it differs from the usual meaning of its status.

    Args:
        status: HTTP status.
        reasons: ``errors[].reason`` of the answer.
        message: the answer's message.

    Returns:
        The cause; None if the status has its usual meaning (403: no permission, 412: precondition failed, and so on).
    """
    if status not in _AMBIGUOUS:
        return None
    plain = {re.sub(r"[^a-z]", "", reason.lower()) for reason in reasons}
    words = _QUOTED_NAME.sub("", message).lower()
    if status == 412:
        # "conditionNotMet" is the fact that the whole protocol relies on; its message does not matter.
        return None if "conditionnotmet" in plain else _by_reason(plain) or _organization_policy(words)
    return _clearer_than_its_reason(words) or _by_reason(plain) or _by_message(words)


def without_accounts(message: str) -> str:
    """Return a message for the log, without addresses of people and service accounts."""
    return _ACCOUNT.sub("(account)", message)


def _by_reason(plain: Collection[str]) -> BucketTrouble | None:
    if any(reason.startswith("cloudkms") for reason in plain):
        return BucketTrouble.ENCRYPTION_KEY
    return next((_BY_REASON[reason] for reason in sorted(plain) if reason in _BY_REASON), None)


def _by_message(words: str) -> BucketTrouble | None:
    return next((trouble for part, trouble in _BY_MESSAGE if part in words), None)


def _organization_policy(words: str) -> BucketTrouble | None:
    return BucketTrouble.ORGANIZATION_POLICY if "constraints/" in words else None


def _clearer_than_its_reason(words: str) -> BucketTrouble | None:
    if "hold and cannot be" in words:
        # Sent with the reason of a hold, or with that of a retention policy.
        return BucketTrouble.OBJECT_HELD
    # "accountDisabled" stands for the bucket's own project and for the one that the request names.
    return BucketTrouble.USER_PROJECT if "project to be billed" in words else None

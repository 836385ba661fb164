"""Causes of errors that only this side of the connection knows: the file of credentials, the embedded bucket's folder.

The client's own errors about credentials differ from version to version, and speak to programmers.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jupyter_terra_env.rules.errors import BucketError, BucketTrouble
from jupyter_terra_env.rules.refused_access import CredentialsFileRefused, CredentialsProblem, EmbeddedBucketMissing

VARIABLE: Final = "GOOGLE_APPLICATION_CREDENTIALS"
_MOST_BYTES: Final = 1 << 20
_REQUIRED: Final = {
    "service_account": ("client_email", "private_key", "token_uri"),
    "authorized_user": ("client_id", "client_secret", "refresh_token"),
    "external_account": ("audience", "subject_token_type", "token_url", "credential_source"),
    "external_account_authorized_user": ("audience", "client_id", "client_secret"),
    "impersonated_service_account": ("service_account_impersonation_url", "source_credentials"),
    "gdch_service_account": ("name", "private_key", "token_uri"),
}
"""Types of credentials that Google's client reads, and keys without which each is of no use (google-auth)."""


def with_known_cause(error: Exception, environ: Mapping[str, str], *, is_embedded: bool = False) -> Exception:
    """An error with the cause that is known here; any other as it is.

    Args:
        error: what went wrong.
        environ: environment variables.
        is_embedded: whether the bucket is in the data folder of an embedded one.
    """
    if not isinstance(error, BucketError):
        return error
    if is_embedded and error.trouble is BucketTrouble.BUCKET_NOT_FOUND:
        return EmbeddedBucketMissing(error.bucket, error.trouble, str(error))
    named = environ.get(VARIABLE, "")
    if error.trouble is not BucketTrouble.NO_CREDENTIALS or not named or isinstance(error, CredentialsFileRefused):
        return error
    return CredentialsFileRefused(error.bucket, str(error), problem_of(Path(named)))


def problem_of(file: Path) -> CredentialsProblem:
    """Find out what is wrong with a file of credentials that was not accepted."""
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return CredentialsProblem.MISSING
    except (OSError, ValueError):
        return CredentialsProblem.UNREADABLE
    try:
        read = json.loads(content)
    except (ValueError, RecursionError):
        return CredentialsProblem.NOT_JSON
    kind = read.get("type") if isinstance(read, dict) else None
    if not isinstance(kind, str) or kind not in _REQUIRED:
        return CredentialsProblem.WRONG_TYPE
    if any(not read.get(key) for key in _REQUIRED[kind]) or _has_damaged_key(read):
        return CredentialsProblem.DAMAGED
    return CredentialsProblem.NOT_ACCEPTED


def _has_damaged_key(read: dict[str, object]) -> bool:
    key = read.get("private_key", "")
    return bool(key) and not (isinstance(key, str) and "-----BEGIN" in key and "-----END" in key)

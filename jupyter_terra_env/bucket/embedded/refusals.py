"""Refusals that only policies, holds, billing and organizations bring about, as Cloud Storage words them: for faults.

Cloud Storage, "HTTP status and error codes for JSON". Names and numbers are made up.
"""

from types import MappingProxyType

from jupyter_terra_env.bucket.embedded.faults import AnswerWith

REFUSALS = MappingProxyType(
    {
        "no-permission": AnswerWith(
            status=403,
            reason="forbidden",
            message=(
                "somebody@example.org does not have storage.objects.delete access to the Google Cloud Storage object. "
                "Permission 'storage.objects.delete' denied on resource "
                "'projects/_/buckets/b/objects/billing account retention policy.ipynb' (or it may not exist)."
            ),
        ),
        "object-held": AnswerWith(
            status=403,
            reason="objectUnderActiveHold",
            message=(
                "Object 'b/notebooks/a.ipynb' is under active Temporary hold and cannot be deleted, overwritten or "
                "archived until hold is removed."
            ),
        ),
        "retention-policy": AnswerWith(
            status=403,
            reason="retentionPolicyNotMet",
            message=(
                "Object 'b/notebooks/a.ipynb' is subject to bucket's retention policy or object retention and cannot "
                "be deleted or overwritten until 2030-01-01T00:00:00.000000-08:00"
            ),
        ),
        "billing-disabled": AnswerWith(
            status=403,
            reason="accountDisabled",
            message="The billing account for the owning project is disabled in state absent",
        ),
        "user-project": AnswerWith(
            status=403,
            reason="accountDisabled",
            message="The project to be billed is associated with a closed billing account.",
        ),
        "requester-pays": AnswerWith(
            status=400,
            reason="required",
            message="Bucket is a requester pays bucket but no user project provided.",
        ),
        "organization-policy": AnswerWith(
            status=412,
            reason="orgPolicyConstraintFailed",
            message="Request violates constraint 'constraints/gcp.restrictTLSVersion'",
        ),
        "service-perimeter": AnswerWith(
            status=403,
            reason="forbidden",
            message="Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: Zm9v",
        ),
        "api-disabled": AnswerWith(
            status=403,
            reason="accessNotConfigured",
            message="Cloud Storage JSON API has not been used in project 1 before or it is disabled.",
        ),
        "encryption-key": AnswerWith(
            status=403,
            reason="forbidden",
            message="Permission denied on Cloud KMS key. Please ensure that your Cloud Storage service account has it.",
        ),
        "overloaded": AnswerWith(
            status=403, reason="userRateLimitExceeded", message="The rate of requests is too high."
        ),
    }
)
"""By the cause each stands for."""

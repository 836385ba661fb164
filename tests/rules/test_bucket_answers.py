"""What error answers of Cloud Storage mean, beyond their status."""

import pytest

from jupyter_terra_env.bucket.embedded.refusals import REFUSALS
from jupyter_terra_env.rules.bucket_answers import special_cause, without_accounts
from jupyter_terra_env.rules.errors import FORBIDDEN, BucketTrouble

PLAIN = {"no-permission": None}


@pytest.mark.parametrize("cause", REFUSALS)
def test_the_answers_that_policies_and_billing_bring_about(cause):
    refusal = REFUSALS[cause]
    found = special_cause(refusal.status, [refusal.reason], refusal.message)
    assert found == PLAIN.get(cause, cause)


@pytest.mark.parametrize("cause", REFUSALS)
def test_a_reason_alone_or_a_message_alone_is_enough_if_it_names_the_cause(cause):
    refusal = REFUSALS[cause]
    found = {
        special_cause(refusal.status, [refusal.reason], ""),
        special_cause(refusal.status, [], refusal.message),
    }
    assert found - {None, BucketTrouble.BILLING_DISABLED} <= {cause}


@pytest.mark.parametrize(
    ("status", "reasons", "message", "expected"),
    [
        (403, ["forbidden"], "Caller does not have storage.objects.create access to the object.", None),
        (403, ["insufficientPermissions"], "Insufficient Permission", None),
        (403, ["forbidden"], "no access to 'b/o/VPC/vpcServiceControls and requester pays.ipynb'", None),
        (
            403,
            ["retentionPolicyNotMet"],
            "Object 'b/a' is under active Event-Based hold and cannot be x",
            "object-held",
        ),
        (403, ["SECURITY_POLICY_VIOLATED"], "", "service-perimeter"),
        (403, ["quotaExceeded"], "", "overloaded"),
        (403, ["userProjectAccessDenied"], "", "user-project"),
        (403, ["forbidden"], "… does not have serviceusage.services.use access to the project.", "user-project"),
        (400, ["userProjectMissing"], "", "requester-pays"),
        (400, ["invalid"], "User project specified in the request is invalid.", "user-project"),
        (400, ["cloudKmsDisabledKey"], "", "encryption-key"),
        (400, ["invalid"], 'Provided CRC32C "a" doesn\'t match calculated CRC32C "b".', "corrupt-transfer"),
        (401, ["authenticationRequiredRequesterPays"], "", "requester-pays"),
        (412, ["conditionNotMet"], "At least one of the pre-conditions you specified did not hold.", None),
        (412, ["conditionNotMet"], "constraints/anything, billing account, retention", None),
        (412, [], "", None),
        (404, ["notFound"], "The billing account is not found", None),
        (503, ["backendError"], "requester pays", None),
        (429, ["rateLimitExceeded"], "", None),
    ],
)
def test_one_answer(status, reasons, message, expected):
    assert special_cause(status, reasons, message) == expected


def test_addresses_do_not_reach_the_log():
    message = "ann@example.org and sa-1@p.iam.gserviceaccount.com: <bob.o'x@example.co.uk> does not have access"
    assert "@" not in without_accounts(message)
    assert without_accounts("nobody here") == "nobody here"


def test_what_a_person_has_to_change_is_forbidden():
    assert {BucketTrouble.NO_PERMISSION, BucketTrouble.OBJECT_HELD, BucketTrouble.BILLING_DISABLED} <= FORBIDDEN
    assert not {BucketTrouble.UNREACHABLE, BucketTrouble.OVERLOADED, BucketTrouble.BUCKET_NOT_FOUND} & FORBIDDEN

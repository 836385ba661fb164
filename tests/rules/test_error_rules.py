"""Errors: each has a sentence; codes are what other programs read, and stay."""

import pytest

from jupyter_terra_env.rules import status
from jupyter_terra_env.rules.errors import (
    BucketRefused,
    BucketTrouble,
    BucketUnavailable,
    ConflictReason,
    LockReason,
    OperationRefused,
    RefusalReason,
    TerraEnvError,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.lock_view import LockAction, LockState
from jupyter_terra_env.rules.status import Place


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (
            BucketTrouble,
            "unreachable overloaded server-error corrupt-transfer no-credentials no-permission bucket-not-found "
            "requester-pays bad-request",
        ),
        (ConflictReason, "remote-changed remote-deleted name-taken"),
        (
            RefusalReason,
            "name-exists workspace-folder folder-not-empty crosses-folders not-in-workspace-yet workspace-copy "
            "outside-workspace parent-is-file no-lock",
        ),
        (LockReason, "locked-by-other locked-elsewhere"),
        (LockState, "held free held-by-other held-elsewhere not-permitted unknown none"),
        (LockAction, "playground copy wait take-over"),
        (Place, "in-workspace uploading on-disk offline conflict local-only playground locked"),
    ],
)
def test_codes_are_appended_to_and_never_renamed(codes, expected):
    assert [code.value for code in codes][: len(expected.split())] == expected.split()


@pytest.mark.parametrize("trouble", list(BucketTrouble))
@pytest.mark.parametrize("kind", [BucketUnavailable, BucketRefused])
def test_every_trouble_has_a_sentence_that_names_the_bucket(trouble, kind):
    error = kind("fc-1", trouble, "503 {oops}")
    assert "fc-1" in error.sentence
    assert "{" not in error.sentence
    assert str(error) == f"{error.sentence} (503 {{oops}})"
    assert (error.bucket, error.trouble) == ("fc-1", trouble)
    assert error.sentence.endswith(".")


@pytest.mark.parametrize("trouble", list(BucketTrouble))
def test_a_sentence_does_not_depend_on_the_detail(trouble):
    sentences = {BucketUnavailable("fc-1", trouble, detail).sentence for detail in ("", "a", "secret token")}
    assert len(sentences) == 1


def test_no_two_troubles_share_a_sentence():
    assert len({BucketRefused("b", trouble, "").sentence for trouble in BucketTrouble}) == len(BucketTrouble)


@pytest.mark.parametrize("reason", list(ConflictReason))
def test_every_conflict_has_a_constant_sentence_that_says_where_the_work_is(reason):
    assert str(WorkspaceConflict(reason)) == str(WorkspaceConflict(reason))
    assert "on this disk" in str(WorkspaceConflict(reason))
    assert WorkspaceConflict(reason).reason is reason


def test_a_refusal_carries_its_own_sentence():
    error = OperationRefused(RefusalReason.NAME_EXISTS, "It exists.")
    assert (str(error), error.reason) == ("It exists.", "name-exists")
    assert isinstance(error, TerraEnvError)


class TestStatus:
    def test_only_what_is_in_the_bucket_is_shown_as_if_it_were(self):
        """Only what is in the bucket is shown as such (promise P8)."""
        trouble = BucketUnavailable("fc-1", BucketTrouble.UNREACHABLE, "")
        for result in (status.owed(), status.never_sent(), status.not_yet_in_workspace(trouble)):
            assert result.place is Place.ON_DISK
            assert "NOT in the workspace" in result.message
        assert status.offline(trouble).place is Place.OFFLINE
        assert status.uploading().place is Place.UPLOADING
        assert status.in_workspace().place is Place.IN_WORKSPACE
        assert status.in_workspace().reason is None

    def test_trouble_is_reported_in_words_and_code(self):
        trouble = BucketUnavailable("fc-1", BucketTrouble.UNREACHABLE, "secret detail")
        for result in (status.not_yet_in_workspace(trouble), status.offline(trouble)):
            assert result.reason == "unreachable"
            assert "fc-1" in result.message
            assert "secret detail" not in result.message

    @pytest.mark.parametrize("reason", list(ConflictReason))
    def test_conflicts(self, reason):
        result = status.conflict(reason)
        assert (result.place, result.reason) == (Place.CONFLICT, reason.value)
        assert result.message == str(WorkspaceConflict(reason))

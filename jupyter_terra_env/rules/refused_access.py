"""Refusals of a bucket whose cause is known here more precisely: which file, which folder."""

from enum import Enum

from jupyter_terra_env.rules.errors import BucketRefused, BucketTrouble


class CredentialsProblem(Enum):
    """What is wrong with the file that GOOGLE_APPLICATION_CREDENTIALS names."""

    MISSING = "names a file that does not exist"
    UNREADABLE = "names something that cannot be read as a file"
    NOT_JSON = "names a file that is not JSON"
    WRONG_TYPE = "names a JSON file of the wrong type: neither a service account's key nor other credentials of Google"
    DAMAGED = "names a file of credentials that is incomplete or damaged"
    NOT_ACCEPTED = "names a file whose credentials Google does not accept: revoked, deleted or expired"


class CredentialsFileRefused(BucketRefused):
    """The file that GOOGLE_APPLICATION_CREDENTIALS names gives no valid credentials.

    Args:
        bucket: bucket name without ``gs://``.
        detail: the message of the client.
        problem: what is wrong with the file.
    """

    def __init__(self, bucket: str, detail: str, problem: CredentialsProblem) -> None:
        super().__init__(bucket, BucketTrouble.NO_CREDENTIALS, detail)
        self.problem = problem

    @property
    def sentence(self) -> str:
        """One constant sentence for the user: which bucket, what is wrong, what to do."""
        return (
            f"There are no valid Google credentials for the workspace bucket {self.bucket}: the variable "
            f"GOOGLE_APPLICATION_CREDENTIALS {self.problem.value}. Let it name another file, or unset it to use "
            "your own login or the machine's service account."
        )

    def about(self, bucket: str, detail: str) -> "CredentialsFileRefused":
        """Return the same refusal for another bucket."""
        return CredentialsFileRefused(bucket, detail, self.problem)


class NoProjectToBill(BucketRefused):
    """A requester-pays bucket that a command was to read, without a project that may be billed."""

    @property
    def sentence(self) -> str:
        """One constant sentence for the user: which bucket, what is wrong, what to do."""
        return (
            f"The bucket {self.bucket} is requester-pays and no project was accepted to bill: "
            "name one that you may use with --user-project PROJECT."
        )


class EmbeddedBucketMissing(BucketRefused):
    """The embedded bucket's data folder does not hold a bucket of this name."""

    @property
    def sentence(self) -> str:
        """One constant sentence for the user: which bucket, what is wrong, what to do."""
        return (
            f"{super().sentence.removesuffix('.')}, or make it in the data folder of the embedded bucket: "
            f"'jupyter terra-env bucket --data FOLDER --create {self.bucket}'."
        )

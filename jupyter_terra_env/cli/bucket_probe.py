"""Finds out what a person may do in a workspace bucket, without writing anything."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME
from jupyter_terra_env.bucket.embedded.errors import DatabaseUnusableError
from jupyter_terra_env.bucket.gcs import GcsBucket
from jupyter_terra_env.bucket.gcs_client import connect
from jupyter_terra_env.bucket.store import Listing
from jupyter_terra_env.rules.errors import (
    BucketError,
    BucketRefused,
    BucketTrouble,
    TerraEnvError,
)
from jupyter_terra_env.rules.workspace import Workspace, is_notebook_name

PATIENCE_SECONDS = 3.0
"""How long an unreachable bucket is retried: a person is waiting."""
ABSENT_NAME = "there-is-no-notebook-of-this-name.ipynb"
WRITING = ("storage.objects.create", "storage.objects.delete", "storage.objects.update")
"""Replacing an object needs the permission to delete, changing its metadata (as locks do) the permission to update."""


class Answer(StrEnum):
    """Whether something can be done."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketAnswers:
    """What was found out about one workspace's bucket.

    Attributes:
        can_list: whether its notebooks can be listed.
        can_read: whether they can be opened.
        can_write: whether they can be saved.
        notebooks: how many are directly below the prefix; None if unknown.
        troubles: a machine code and a sentence for each problem.
    """

    can_list: Answer
    can_read: Answer
    can_write: Answer
    notebooks: int | None
    troubles: tuple[tuple[str, str], ...] = ()


def ask(workspaces: Iterable[Workspace], connection: Connection) -> list[BucketAnswers]:
    """Ask the bucket of each workspace: one listing, one look at an object, one question about permissions."""
    patience = min(PATIENCE_SECONDS, connection.retry_deadline_seconds)
    limited = replace(connection, retry_deadline_seconds=patience)
    client: Any = None
    answers = []
    for workspace in workspaces:
        try:
            client = client or _connected(workspace, limited)
            bucket = GcsBucket(client, workspace.bucket, workspace.user_project, limited)
            answers.append(_ask(bucket, workspace))
        except BucketError as error:
            refused = isinstance(error, BucketRefused)
            answers.append(_nothing(Answer.NO if refused else Answer.UNKNOWN, error.trouble.value, error.sentence))
        except (DatabaseUnusableError, OSError) as error:
            answers.append(_nothing(Answer.NO, "embedded-bucket", f"The embedded bucket cannot be used: {error}"))
    if client is not None:
        client.close()
    return answers


def _connected(workspace: Workspace, connection: Connection) -> Any:
    folder = connection.embedded_directory
    if folder is not None and not (folder / DATABASE_NAME).exists():
        # Connecting would create an empty one, and this command writes nothing.
        raise FileNotFoundError(
            f"{folder} holds no {DATABASE_NAME}. Check the setting TERRA_ENV_EMBEDDED_BUCKET. If it is right, a server "
            "creates the bucket when it first uses it; to create it now, run "
            f"'jupyter terra-env bucket --data {shlex.quote(str(folder))} --create {workspace.bucket}'."
        )
    try:
        return connect(connection)
    except BucketRefused as error:
        raise error.about(workspace.bucket, str(error.__cause__ or error)) from error


def _ask(bucket: GcsBucket, workspace: Workspace) -> BucketAnswers:
    """Ask one bucket.

    Raises:
        BucketError: the bucket cannot be used at all.
    """
    troubles = []
    listing: Listing | None = None
    try:
        listing = bucket.list(workspace.prefix)
    except BucketError as error:
        if error.trouble is not BucketTrouble.NO_PERMISSION:
            raise
        troubles.append((error.trouble.value, error.sentence))
    can_read, about_reading = _may_read(bucket, workspace, listing)
    can_write, about_writing = _may_write(bucket, workspace)
    return BucketAnswers(
        can_list=Answer.NO if listing is None else Answer.YES,
        can_read=can_read,
        can_write=can_write,
        notebooks=None if listing is None else _count(listing, workspace),
        troubles=(*dict.fromkeys([*troubles, *about_reading, *about_writing]),),
    )


def _may_read(bucket: GcsBucket, workspace: Workspace, listing: Listing | None) -> tuple[Answer, list[tuple[str, str]]]:
    """Ask for a notebook, or for one that does not exist: without permission to read, both are refused."""
    names = [version.name for version in listing.objects] if listing else []
    try:
        bucket.stat(names[0] if names else workspace.prefix + ABSENT_NAME)
    except BucketError as error:
        refused = isinstance(error, BucketRefused)
        return Answer.NO if refused else Answer.UNKNOWN, [(error.trouble.value, error.sentence)]
    return Answer.YES, []


def _may_write(bucket: GcsBucket, workspace: Workspace) -> tuple[Answer, list[tuple[str, str]]]:
    """Ask which permissions this person has in the bucket; not every emulator supports this."""
    try:
        granted = bucket.granted(WRITING)
    except TerraEnvError:
        return Answer.UNKNOWN, []
    missing = [permission for permission in WRITING if permission not in granted]
    if not missing:
        return Answer.YES, []
    refusal = BucketRefused(workspace.bucket, BucketTrouble.NO_PERMISSION, "")
    return Answer.NO, [(refusal.trouble.value, f"{refusal.sentence} (missing: {', '.join(missing)})")]


def _count(listing: Listing, workspace: Workspace) -> int:
    return sum(is_notebook_name(workspace, version.name.rpartition("/")[2]) for version in listing.objects)


def _nothing(can_list: Answer, code: str, sentence: str) -> BucketAnswers:
    return BucketAnswers(
        can_list=can_list,
        can_read=Answer.UNKNOWN,
        can_write=Answer.UNKNOWN,
        notebooks=None,
        troubles=((code, sentence),),
    )

"""Workspaces and person of a server, from the settings of its extension application."""

import logging
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jupyter_terra_env.bucket.connection import EMBEDDED_BUCKET_VARIABLE, Connection
from jupyter_terra_env.environment.identity import Person, environment_id
from jupyter_terra_env.environment.machine_identity import machine_identity
from jupyter_terra_env.environment.settings import Defaults, collaborators, find_workspaces, owner_email
from jupyter_terra_env.environment.workspace_folders import make_workspace_folders
from jupyter_terra_env.notebooks.folder_workspaces import FolderWorkspaces
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.workspace import Workspace
from jupyter_terra_env.wiring.notebooks import Plan
from jupyter_terra_env.wiring.welder import shares_unmarked_locks

Log = logging.Logger | logging.LoggerAdapter[Any]


def workspaces_of(app: Any, root: Path, *, warn: Callable[[str], None]) -> tuple[Workspace, ...]:
    """The workspaces that settings, environment and files name.

    Args:
        app: the extension application.
        root: the server's root folder.
        warn: takes one sentence if there are files in folders that do not count.

    Raises:
        SettingsError: a setting is wrong.
    """
    _require_positive(app, "save_wait_seconds", "listing_max_age_seconds", may_be_zero=True)
    _require_positive(
        app,
        "bucket_concurrency",
        "bucket_read_timeout_seconds",
        "bucket_retry_deadline_seconds",
        may_be_zero=False,
    )
    for setting in ("edit_folder", "playground_folder"):
        value = getattr(app, setting)
        if not value or value.startswith(".") or "/" in value:
            raise SettingsError(f"TerraEnvApp.{setting}: expected a folder name, got {value!r}.")
    owner_email(os.environ, app.owner_email)
    collaborators(app.collaborators)
    return find_workspaces(
        root=root,
        environ=os.environ,
        configured=app.workspaces,
        defaults=Defaults(
            edit_folder=app.edit_folder,
            playground_folder=app.playground_folder,
            prefix=app.prefix,
            pattern=app.pattern,
            user_project=app.user_project,
        ),
        folder_buckets=app.folder_buckets,
        warn=warn,
    )


def connection_of(app: Any, workspaces: Iterable[Workspace]) -> Connection:
    """How a server reaches buckets.

    Args:
        app: the extension application.
        workspaces: the workspaces whose buckets are made when an embedded bucket's folder is first used.
    """
    embedded = app.embedded_bucket or os.environ.get(EMBEDDED_BUCKET_VARIABLE, "")
    return Connection(
        embedded_directory=Path(embedded).expanduser() if embedded else None,
        embedded_buckets=tuple(dict.fromkeys(workspace.bucket for workspace in workspaces)),
        concurrency=app.bucket_concurrency,
        read_timeout_seconds=app.bucket_read_timeout_seconds,
        retry_deadline_seconds=app.bucket_retry_deadline_seconds,
    )


def plan_of(app: Any, root: Path, workspaces: tuple[Workspace, ...], *, log: Log) -> Plan:
    """What is to be built for the workspaces of a server.

    Args:
        app: the extension application.
        root: the server's root folder.
        workspaces: the workspaces.
        log: the server's log.

    Raises:
        SettingsError: a setting is wrong, or the environment's id cannot be made or read.
    """
    state = app.state_folder(root)
    return Plan(
        root=root,
        state=state,
        workspaces=workspaces,
        connection=connection_of(app, workspaces),
        person=person_of(app, state, log=log),
        save_wait_seconds=app.save_wait_seconds,
        listing_max_age_seconds=app.listing_max_age_seconds,
        keeping=app.keeping_times,
        pace_seconds=app.pace_seconds,
        still_seconds=app.still_seconds,
        deliver_program_changes=app.deliver_program_changes,
        user_project=app.user_project or None,
        log=log,
    )


def folder_workspaces_of(app: Any, root: Path, *, log: Log) -> FolderWorkspaces | None:
    """The search for workspaces in folders while the server runs; None unless storage_links and folder_buckets are set.

    Args:
        app: the extension application.
        root: the server's root folder.
        log: the server's log.
    """
    if app.wired is None or not (app.storage_links and app.folder_buckets):
        return None
    warned: set[str] = set()

    def warn(sentence: str) -> None:
        if sentence not in warned:
            warned.add(sentence)
            log.warning(sentence)

    def find() -> tuple[Workspace, ...]:
        found = workspaces_of(app, root, warn=warn)
        make_workspace_folders(root, found)
        return found

    return FolderWorkspaces(app.wired.workspaces, app.wired.storage.copies, find=find, log=log)


def person_of(app: Any, state: Path, *, log: Log) -> Person:
    """The owner of this environment, and the environment's id.

    Args:
        app: the extension application.
        state: folder of the journal.
        log: the server's log.

    Raises:
        SettingsError: the environment's id cannot be made or read.
    """
    email = owner_email(os.environ, app.owner_email)
    if not email:
        log.warning(
            "jupyter_terra_env: OWNER_EMAIL is not set. Notebooks are locked for editing all the same, but others "
            "cannot see that it is you, nor you what you edit in another environment."
        )
    return Person(
        email=email,
        environment=environment_id(
            state,
            new_id=lambda: secrets.token_hex(8),
            machine=machine_identity(os.environ),
            on_other_machine=lambda: _log_other_machine(log),
        ),
        collaborators=collaborators(app.collaborators),
        shares_unmarked=shares_unmarked_locks(app, os.environ),
    )


def _log_other_machine(log: Log) -> None:
    log.warning(
        "jupyter_terra_env: this persistent disk was used on another machine before: it was cloned, restored or "
        "moved. This machine gets an environment id of its own, so that neither takes the other's edit locks for "
        "its own. A lock that the other machine still holds can be taken over, or expires in three minutes."
    )


def _require_positive(app: Any, *settings: str, may_be_zero: bool) -> None:
    for setting in settings:
        value = getattr(app, setting)
        if value < 0 or (value == 0 and not may_be_zero):
            raise SettingsError(f"TerraEnvApp.{setting}: expected a positive number, got {value}.")

"""Who and which environment this is: a person's address, and a random id on the persistent disk.

The id tells two environments of one person apart.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_terra_env.rules.edit_lock import Holder, owner_hash
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.workspace import Workspace

FILE_NAME = "environment-id"
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who works in this environment, and whom they may meet.

    Attributes:
        email: Terra e-mail address; empty when it is not known. The locks of such a person are those of nobody else.
        environment: id of this environment.
        collaborators: addresses of people whose locks are told by name.
    """

    email: str = field(repr=False)
    environment: str
    collaborators: tuple[str, ...] = field(default=(), repr=False)

    def holder_in(self, workspace: Workspace) -> Holder:
        """This environment as it takes part in the locks of a workspace's bucket."""
        return Holder(owner=owner_hash(workspace.bucket, self.email or self.environment), environment=self.environment)

    def email_of(self, workspace: Workspace, owner: str) -> str | None:
        """The address behind the hash in a lock, when it is this person's or a known collaborator's."""
        known = (self.email, *self.collaborators)
        return next((email for email in known if email and owner_hash(workspace.bucket, email) == owner), None)


def environment_id(state_directory: Path, *, new_id: Callable[[], str]) -> str:
    """This environment's id; made when there is none. Processes that do so at once agree on one.

    Args:
        state_directory: folder on the persistent disk; is created.
        new_id: gives a random id: 8 to 64 letters, digits, ``-`` or ``_``.

    Raises:
        SettingsError: the file cannot be made or read, or holds something else.
    """
    found = known_environment_id(state_directory)
    if found is not None:
        return found
    file = state_directory / FILE_NAME
    made = new_id()
    try:
        state_directory.mkdir(parents=True, exist_ok=True)
        _create(file, made)
    except OSError as error:
        raise SettingsError(f"state_directory: {file} cannot be made: {error}") from error
    return known_environment_id(state_directory) or made


def known_environment_id(state_directory: Path) -> str | None:
    """This environment's id, or None when it has none yet. Writes nothing.

    Raises:
        SettingsError: the file cannot be read, or holds something else.
    """
    file = state_directory / FILE_NAME
    try:
        content = file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"state_directory: {file} cannot be read: {error}") from error
    if not _ID.fullmatch(content):
        raise SettingsError(f"state_directory: {file} holds no environment id. Remove it: a new one is made.")
    return content


def _create(file: Path, content: str) -> None:
    """Make a file in one step, whole and on the disk; one that is there already stays."""
    handle, temporary = tempfile.mkstemp(prefix=f".{FILE_NAME}-", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(content + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            # A link, unlike a rename, never replaces what another process has just made.
            os.link(temporary, file)
    finally:
        Path(temporary).unlink()

"""The person's e-mail address, and a random id of this environment on the persistent disk.

The id distinguishes two environments of one person.
"""

import contextlib
import fcntl
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_terra_env.durable import write_durably
from jupyter_terra_env.environment.machine_identity import FILE_NAME as MACHINE_FILE_NAME
from jupyter_terra_env.environment.machine_identity import is_another_machine
from jupyter_terra_env.rules.edit_lock import Holder, owner_hash
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.workspace import Workspace

FILE_NAME = "environment-id"
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """The person who works in this environment, and their collaborators.

    Attributes:
        email: Terra e-mail address; empty if it is unknown. Locks then belong to this environment only.
        environment: id of this environment.
        collaborators: addresses of people whose locks are shown with their address.
        shares_unmarked: whether locks that other clients took for this person may be taken at once.
    """

    email: str = field(repr=False)
    environment: str
    collaborators: tuple[str, ...] = field(default=(), repr=False)
    shares_unmarked: bool = False

    def holder_in(self, workspace: Workspace) -> Holder:
        """Return this environment as a holder of locks in a workspace's bucket."""
        return Holder(
            owner=owner_hash(workspace.bucket, self.email or self.environment),
            environment=self.environment,
            shares_unmarked=self.shares_unmarked,
        )

    def email_of(self, workspace: Workspace, owner: str) -> str | None:
        """Return the address for the hash in a lock if it is this person's or a known collaborator's."""
        known = (self.email, *self.collaborators)
        return next((email for email in known if email and owner_hash(workspace.bucket, email) == owner), None)


def environment_id(
    state_directory: Path,
    *,
    new_id: Callable[[], str],
    machine: str | None = None,
    on_other_machine: Callable[[], None] = lambda: None,
) -> str:
    """Return this environment's id; create it if there is none, or if it belongs to another machine.

    Processes that start at once agree on one id.

    Args:
        state_directory: folder on the persistent disk; created if missing.
        new_id: returns a random id: 8 to 64 letters, digits, ``-`` or ``_``.
        machine: identity of this machine; None if it has none (see ``machine_identity``).
        on_other_machine: called once if the disk was used on another machine before: it was cloned, restored or moved.

    Raises:
        SettingsError: a file cannot be created or read, or has other content.
    """
    file = state_directory / FILE_NAME
    try:
        state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _one_process_at_a_time(state_directory):
            remembered = _remembered_machine(state_directory)
            if is_another_machine(remembered, machine):
                write_durably(file, f"{new_id()}\n".encode("ascii"))
                on_other_machine()
            elif known_environment_id(state_directory) is None:
                write_durably(file, f"{new_id()}\n".encode("ascii"))
            if machine is not None and (remembered is None or is_another_machine(remembered, machine)):
                write_durably(state_directory / MACHINE_FILE_NAME, f"{machine}\n".encode("ascii"))
            found = known_environment_id(state_directory)
    except OSError as error:
        raise SettingsError(f"state_directory: {file} cannot be created: {error}") from error
    if found is None:
        raise SettingsError(f"state_directory: {file} was removed while it was being created. Start again.")
    return found


def known_environment_id(state_directory: Path, *, machine: str | None = None) -> str | None:
    """Return this environment's id; None if there is none yet, or one of another machine. Writes nothing.

    Raises:
        SettingsError: the file cannot be read, or has other content.
    """
    file = state_directory / FILE_NAME
    try:
        content = file.read_text(encoding="ascii").strip()
        if is_another_machine(_remembered_machine(state_directory), machine):
            return None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"state_directory: {file} cannot be read: {error}") from error
    if not _ID.fullmatch(content):
        raise SettingsError(
            f"state_directory: {file} contains no environment id. Remove it: a new one will be created."
        )
    return content


@contextlib.contextmanager
def _one_process_at_a_time(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remembered_machine(state_directory: Path) -> str | None:
    try:
        return (state_directory / MACHINE_FILE_NAME).read_text(encoding="ascii").strip() or None
    except (FileNotFoundError, UnicodeDecodeError):
        return None

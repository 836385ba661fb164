"""Workspaces, modes, and the one mapping between API paths and object names.

An *API path* is Jupyter's ``/``-separated path relative to the server's root; an *object name* is the
object's full name in the bucket. Nothing else in this package may turn one into the other.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

MAX_COMPONENT_BYTES = 244
"""File systems allow 255 bytes for a file name, and Jupyter adds ``-checkpoint`` to it."""
MAX_OBJECT_NAME_BYTES = 1024
"""Cloud Storage: object naming."""


class Mode(StrEnum):
    """How a notebook is open; a preview has no path of its own."""

    EDIT = "edit"
    PLAYGROUND = "playground"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace: a bucket prefix, and the two folders it appears in.

    Attributes:
        name: the workspace's name; may contain spaces.
        bucket: bucket name without ``gs://``.
        prefix: start of every notebook's object name; empty or ending in ``/``.
        edit_directory: API path of the edit folder; empty for the server's root.
        playground_directory: API path of the playground folder; None if there is none.
        pattern: file names that belong in the bucket; the whole name must match.
        user_project: project billed for a requester-pays bucket.
        is_shallow: whether only files directly in its folders belong to it, and none of folders below.
    """

    name: str
    bucket: str
    prefix: str
    edit_directory: str
    playground_directory: str | None
    pattern: re.Pattern[str]
    user_project: str | None = None
    is_shallow: bool = False

    def directories(self) -> Iterator[tuple[str, Mode]]:
        """The folders of this workspace with their modes."""
        yield self.edit_directory, Mode.EDIT
        if self.playground_directory is not None:
            yield self.playground_directory, Mode.PLAYGROUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place inside a workspace folder.

    Attributes:
        workspace: the workspace.
        mode: the mode of the folder.
        directory: API path of that folder.
        relative_path: path below it; empty for the folder itself.
    """

    workspace: Workspace
    mode: Mode
    directory: str
    relative_path: str

    @property
    def api_path(self) -> str:
        """Path of this place relative to the server's root."""
        return join(self.directory, self.relative_path)

    @property
    def name(self) -> str:
        """Last component."""
        return self.relative_path.rpartition("/")[2]

    @property
    def bucket(self) -> str:
        """Name of the workspace's bucket, without ``gs://``."""
        return self.workspace.bucket

    @property
    def object_name(self) -> str:
        """Name that the object of this place has, or would have, in the bucket."""
        return self.workspace.prefix + self.relative_path

    @property
    def object_prefix(self) -> str:
        """Start of the names of all objects below this place, if it is a folder."""
        return self.object_name + "/" if self.relative_path else self.workspace.prefix

    @property
    def belongs_in_bucket(self) -> bool:
        """Whether the workspace keeps files of this name in the bucket; the mode does not matter."""
        return self.why_not_in_bucket is None and is_notebook_name(self.workspace, self.name)

    @property
    def why_not_in_bucket(self) -> str | None:
        """Why no object can have the name of this place, even if the pattern matches; None if one can."""
        if (reason := why_not_shown(self.relative_path)) is not None:
            return reason
        if len(self.object_name.encode()) > MAX_OBJECT_NAME_BYTES:
            return f"its name in the workspace bucket would be longer than {MAX_OBJECT_NAME_BYTES} bytes"
        return None

    @property
    def is_notebook(self) -> bool:
        """Whether the name is a notebook's."""
        return self.name.endswith(".ipynb")

    @property
    def is_delocalized(self) -> bool:
        """Whether saves of this file go to the bucket: never from a playground."""
        return self.mode is Mode.EDIT and self.belongs_in_bucket

    @property
    def is_edit(self) -> bool:
        """Whether this place is in an edit folder."""
        return self.mode is Mode.EDIT

    def in_mode(self, mode: Mode) -> "Location | None":
        """Return the place of the same notebook in the folder of a mode; None if the workspace has no such folder."""
        directories = (directory for directory, its_mode in self.workspace.directories() if its_mode is mode)
        directory = next(directories, None)
        if directory is None:
            return None
        return Location(workspace=self.workspace, mode=mode, directory=directory, relative_path=self.relative_path)

    def sibling(self, name: str) -> "Location":
        """Return the place called ``name`` in the same folder."""
        return self.parent.child(name)

    @property
    def parent(self) -> "Location":
        """The folder this place is in; the workspace folder itself is its own parent."""
        return Location(
            workspace=self.workspace,
            mode=self.mode,
            directory=self.directory,
            relative_path=self.relative_path.rpartition("/")[0],
        )

    def at(self, object_name: str) -> "Location":
        """Return the place of an object of the workspace in the same folder."""
        return Location(
            workspace=self.workspace,
            mode=self.mode,
            directory=self.directory,
            relative_path=object_name.removeprefix(self.workspace.prefix),
        )

    def child(self, name: str) -> "Location":
        """Return the place called ``name`` in this folder."""
        return Location(
            workspace=self.workspace,
            mode=self.mode,
            directory=self.directory,
            relative_path=join(self.relative_path, name),
        )


class Workspaces:
    """All workspaces of a server: those of its settings, and those that storage links create while it runs.

    Args:
        configured: the workspaces of the settings.

    Attributes:
        all: the current workspaces, the linked ones first.
    """

    def __init__(self, configured: tuple[Workspace, ...] = ()) -> None:
        self._configured = configured
        self._linked: tuple[Workspace, ...] = ()
        self._hidden: frozenset[str] = frozenset()
        self._listeners: list[Callable[[], None]] = []
        self.all = configured

    @property
    def configured(self) -> tuple[Workspace, ...]:
        """The workspaces of the settings, hidden or not."""
        return self._configured

    def link(self, linked: tuple[Workspace, ...], *, hidden: frozenset[str] = frozenset()) -> None:
        """Set the workspaces of links.

        Args:
            linked: all of them, the latest first; if two share a folder, the first has it.
            hidden: edit folders of configured workspaces that a link replaces.
        """
        self._linked, self._hidden = linked, hidden
        self._settle()

    def configure(self, configured: tuple[Workspace, ...]) -> None:
        """Add or replace configured workspaces, by their edit folders; none is removed.

        Args:
            configured: workspaces of the current settings.
        """
        known = {one.edit_directory: one for one in self._configured}
        # An unchanged workspace keeps its object, by which other parts know its notebooks.
        found = {one.edit_directory: one for one in configured if one != known.get(one.edit_directory)}
        self._configured = tuple({**known, **found}.values())
        self._settle()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call a function whenever the workspaces have changed."""
        self._listeners.append(listener)

    def _settle(self) -> None:
        shown = (one for one in self._configured if one.edit_directory not in self._hidden)
        self.all = (*self._linked, *shown)
        for listener in self._listeners:
            listener()

    def locate(self, api_path: str) -> Location | None:
        """Find the workspace folder an API path lies in: the longest folder wins.

        Args:
            api_path: Jupyter's path, with or without outer slashes.

        Returns:
            The place; None if the path is outside all workspace folders.
        """
        path = api_path.strip("/")
        inside = [
            Location(
                workspace=workspace,
                mode=mode,
                directory=directory,
                relative_path=path[len(directory) :].strip("/"),
            )
            for workspace in self.all
            for directory, mode in workspace.directories()
            if (directory in {"", path} or path.startswith(directory + "/"))
            and not (workspace.is_shallow and "/" in path[len(directory) :].strip("/"))
        ]
        return max(inside, key=lambda location: len(location.directory), default=None)

    def holds_workspace_folder(self, api_path: str) -> bool:
        """Whether a path is a workspace folder or contains one: such folders cannot be moved or deleted."""
        path = api_path.strip("/")
        return any(
            directory != "" and (directory == path or directory.startswith(path + "/"))
            for workspace in self.all
            for directory, _ in workspace.directories()
        )


def join(directory: str, name: str) -> str:
    """Join two API paths, either of which may be empty."""
    return f"{directory}/{name}" if directory and name else directory or name


def is_notebook_name(workspace: Workspace, name: str) -> bool:
    """Whether a file name matches the workspace's pattern.

    The whole name must match: Welder's unanchored search also accepts ``x.ipynb.bak``.
    """
    return workspace.pattern.fullmatch(name) is not None


def is_roundabout(relative_path: str) -> bool:
    """Whether a path has empty, ``.`` or ``..`` components, with which it could bypass the rules of a place.

    Args:
        relative_path: path without outer slashes; may be empty.
    """
    components = relative_path.split("/") if relative_path else []
    return not {"", ".", ".."}.isdisjoint(components)


def is_name_of_nothing(path: str) -> bool:
    """Whether no file can have this path: it contains NUL, or is not valid UTF-8."""
    return "\0" in path or not is_unicode(path)


def is_unicode(name: str) -> bool:
    """Whether a name can be written as UTF-8. Python gives undecodable bytes of a file name as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def why_not_shown(relative_path: str) -> str | None:
    """Why an object cannot be opened as a file below a workspace folder.

    Object names are any 1 to 1,024 bytes of UTF-8 without line breaks (Cloud Storage: object naming); paths are not.

    Args:
        relative_path: object name without the workspace's prefix, or path below the folder.

    Returns:
        The reason in words; None if the name is a valid path.
    """
    if not is_unicode(relative_path):
        return "its name is not valid UTF-8"
    components = relative_path.split("/")
    if "" in components:
        return "it has an empty path component"
    if any(component in {".", ".."} for component in components):
        return "it has a '.' or '..' path component"
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in relative_path):
        return "it has a control character"
    if any(len(component.encode()) > MAX_COMPONENT_BYTES for component in components):
        return f"it has a path component longer than {MAX_COMPONENT_BYTES} bytes"
    if any(component.startswith(".") for component in components):
        return "it is hidden"
    return None

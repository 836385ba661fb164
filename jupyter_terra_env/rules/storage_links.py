"""Storage links: folders that Welder's clients connect to a bucket while the server runs.

Facts about Welder's rules: W-core/package.scala and JsonCodec.scala (paths, links, sources), StorageLinksService.scala.
"""

import base64
import binascii
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_terra_env.rules.workspace import Location, Mode, Workspace, is_name_of_nothing, is_unicode, join

MOST_PATTERN_CHARACTERS = 1000
MOST_PATH_BYTES = 4096
MOST_REPETITIONS = 3
"""Each repetition multiplies the time by the length of a name."""
MOST_OPTIONALS = 8
"""Each optional part doubles the time."""
_DATA_URI = "data:application/json;base64,"
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_ESCAPES_AND_SETS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPETITION = re.compile(r"[*+{]")
_REPEATED_GROUP = re.compile(r"\)[*+{]")
_OPTIONAL = re.compile(r"(?<![*+}?])\?")
_LEADING_FLAGS = re.compile(r"\(\?([imsx]+)\)")


class BadRequest(Exception):
    """A request's body is not what the API takes; the message says which field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageLink:
    """A link, as clients create and list it.

    Attributes:
        base: API path of the folder whose files are saved to the bucket; empty for the root's own files.
        safe: API path of the folder whose files stay on the disk; None for none. Empty for the root's own files.
        bucket: bucket name.
        folder: folder of the bucket without outer slashes; empty for the whole bucket.
        pattern: regular expression of the names that are saved, as the client wrote it.
    """

    base: str
    safe: str | None
    bucket: str
    folder: str
    pattern: str

    @property
    def cloud_directory(self) -> str:
        """``bucket/folder``, as Welder lists it."""
        return join(self.bucket, self.folder)

    @property
    def prefix(self) -> str:
        """Start of the names of the link's objects."""
        return f"{self.folder}/" if self.folder else ""

    def to_json(self) -> dict[str, Any]:
        """Return the link in the form that clients read."""
        return {
            "localBaseDirectory": self.base,
            "localSafeModeBaseDirectory": self.safe,
            "cloudStorageDirectory": self.cloud_directory,
            "pattern": self.pattern,
        }

    def workspace(self, user_project: str | None) -> Workspace:
        """Return the workspace of the link.

        Args:
            user_project: the operator's project for requester-pays buckets; a link never names one.
        """
        return Workspace(
            name=self.base.removesuffix("/edit").rpartition("/")[2] or self.bucket,
            bucket=self.bucket,
            prefix=self.prefix,
            edit_directory=self.base,
            playground_directory=self.safe or None,
            pattern=name_pattern(self.pattern),
            user_project=user_project,
            is_shallow=self.base == "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The link that a path belongs to.

    Attributes:
        link: the link.
        is_safe: whether the path is in its safe folder.
        directory: the folder that matched.
        relative_path: the path below that folder.
    """

    link: StorageLink
    is_safe: bool
    directory: str
    relative_path: str

    def location(self, workspace: Workspace) -> Location:
        """Return the place of the path in the link's workspace."""
        mode = Mode.PLAYGROUND if self.is_safe else Mode.EDIT
        return Location(workspace=workspace, mode=mode, directory=self.directory, relative_path=self.relative_path)


@dataclass(frozen=True, slots=True)
class LinkTable:
    """Links by folder: a later link replaces an earlier one folder by folder, as in Welder's map."""

    by_directory: Mapping[str, StorageLink]

    def listed(self) -> tuple[StorageLink, ...]:
        """Return every link that still has a folder, the latest first."""
        return tuple(reversed(dict.fromkeys(self.by_directory.values())))

    def with_link(self, link: StorageLink) -> "LinkTable":
        """Return the table with a link added."""
        folders = [link.base] if link.safe is None else [link.base, link.safe]
        kept = {directory: other for directory, other in self.by_directory.items() if directory not in folders}
        return LinkTable({**kept, **dict.fromkeys(folders, link)})

    def without_link(self, link: StorageLink) -> "LinkTable":
        """Return the table without the folders of a link; the other fields of the link do not count."""
        return LinkTable({key: other for key, other in self.by_directory.items() if key not in {link.base, link.safe}})

    def match(self, path: str) -> Match | None:
        """Return the link of a path, by the longest folder above it; the root's link has only the root's own files."""
        components = path.split("/")
        directories = ["/".join(components[:count]) for count in range(len(components) - 1, 0, -1)] or [""]
        for directory in directories:
            link = self.by_directory.get(directory)
            if link is not None:
                relative = path[len(directory) :].strip("/")
                return Match(link=link, is_safe=directory == link.safe, directory=directory, relative_path=relative)
        return None


def parse_link(body: Any) -> StorageLink:
    """Read a storage link.

    Raises:
        BadRequest: the body is not a storage link.
    """
    if not isinstance(body, Mapping):
        raise BadRequest("expected a storage link")
    safe = body.get("localSafeModeBaseDirectory")
    bucket, _, folder = _text(body, "cloudStorageDirectory").replace("gs://", "").partition("/")
    pattern = _text(body, "pattern")
    if not _BUCKET_NAME.fullmatch(bucket):
        raise BadRequest("cloudStorageDirectory: expected gs://BUCKET/FOLDER")
    name_pattern(pattern)
    base = _directory("localBaseDirectory", body.get("localBaseDirectory"))
    safe = None if safe is None else _directory("localSafeModeBaseDirectory", safe)
    if base and base == safe:
        raise BadRequest("localSafeModeBaseDirectory: expected another folder than localBaseDirectory")
    return StorageLink(
        base=base,
        safe=safe,
        bucket=bucket,
        folder=_relative("cloudStorageDirectory", folder.strip("/")),
        pattern=pattern,
    )


def parse_path(body: Any, key: str = "localPath") -> str:
    """Read a local path.

    Returns:
        The path below the server's root, without outer or double slashes.

    Raises:
        BadRequest: it is missing, absolute, leads out of the root, or cannot be the path of a file.
    """
    path = _text(body, key)
    if path.startswith("/"):
        raise BadRequest(f"{key}: expected a relative path")
    normal = _relative(key, path)
    if not normal:
        raise BadRequest(f"{key}: expected the path of a file")
    return normal


def parse_source(text: Any) -> tuple[str, str] | bytes:
    """Read the source of a localization.

    Returns:
        Bucket and object name, or the content of a ``data:`` URI.

    Raises:
        BadRequest: it is neither.
    """
    if not isinstance(text, str):
        raise BadRequest("sourceUri: expected text")
    if text.startswith(_DATA_URI):
        encoded = text[len(_DATA_URI) :].replace("-", "+").replace("_", "/")  # the URL-safe alphabet, too
        try:
            return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadRequest("sourceUri: the data is not base64") from error
    bucket, _, name = text.removeprefix("gs://").partition("/")
    if not _BUCKET_NAME.fullmatch(bucket) or not name or is_name_of_nothing(name):
        raise BadRequest("sourceUri: expected gs://BUCKET/OBJECT")
    return bucket, name


def name_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a client's pattern for ``is_notebook_name``, which matches whole names.

    Java searches for its patterns anywhere in a name. A name is kept if a match ends at its end, as in Welder for the
    patterns of all clients, except that ``x.ipynb.bak`` is not a notebook.

    Raises:
        BadRequest: it is not a regular expression, or one that Python reads differently.
    """
    if len(pattern) > MOST_PATTERN_CHARACTERS or "&&" in pattern or not is_unicode(pattern):
        raise BadRequest("pattern: this regular expression is not supported")
    leading = _LEADING_FLAGS.match(pattern)
    flags, rest = (leading[1], pattern[leading.end() :]) if leading else ("", pattern)
    _refuse_endless(rest)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # nested sets: Java reads them differently
            re.compile(rest)
            return re.compile(f"(?s:.*?)(?{flags}:{rest})")
    except (re.error, RecursionError, OverflowError, FutureWarning) as error:
        raise BadRequest(f"pattern: not a regular expression ({error})") from error


def _refuse_endless(pattern: str) -> None:
    """Refuse patterns that could take minutes on one name, while the server answers no requests.

    Raises:
        BadRequest: a group is repeated, or there are many repetitions.
    """
    without_texts = _ESCAPES_AND_SETS.sub("x", pattern)
    without_groups = without_texts.replace("(?", "(")
    repetitions = len(_REPETITION.findall(without_groups))
    if _REPEATED_GROUP.search(without_groups) or repetitions > MOST_REPETITIONS:
        raise BadRequest(f"pattern: a repeated group, or more than {MOST_REPETITIONS} repetitions, is not supported")
    if len(_OPTIONAL.findall(without_groups)) > MOST_OPTIONALS:
        raise BadRequest(f"pattern: more than {MOST_OPTIONALS} optional parts are not supported")


def _text(body: Any, key: str) -> str:
    value = body.get(key) if isinstance(body, Mapping) else None
    if not isinstance(value, str):
        raise BadRequest(f"{key}: expected text")
    return value


def _directory(key: str, path: Any) -> str:
    if isinstance(path, str) and path.startswith("/"):
        raise BadRequest(f"{key}: expected a path relative to the server's root")
    return _relative(key, path)


def _relative(key: str, path: Any) -> str:
    if not isinstance(path, str) or is_name_of_nothing(path) or len(path.encode()) > MOST_PATH_BYTES:
        raise BadRequest(f"{key}: expected a path")
    components = [component for component in path.split("/") if component]
    if any(component in {".", ".."} for component in components):
        raise BadRequest(f"{key}: expected a path below the server's root")
    return "/".join(components)

"""Checks the settings from variables, traitlets and permitted ``.delocalize.json`` files before anything starts.

If two of them name the same folder, traitlets win over the environment, and the environment over files.
"""

import itertools
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jupyter_terra_env.environment.folder_files import (
    FileSkipped,
    folders_with_files,
    read_destination,
    warn_of_skipped,
)
from jupyter_terra_env.rules.bucket_names import broken_rule, bucket_name
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.workspace import Workspace, join, why_not_shown

_EMAIL = re.compile(r"(?!['\"])[^@\s\[\](){}<>,;:\"]+@[^@\s\[\](){}<>,;:\"']+")
"""Excludes characters around an address, such as the brackets of a list."""
_WORKSPACE_KEYS = frozenset(
    {"name", "bucket", "prefix", "edit_directory", "playground_directory", "pattern", "user_project"}
)


_DEFAULT_SETTINGS = {
    "edit_directory": "TerraEnvApp.edit_folder",
    "playground_directory": "TerraEnvApp.playground_folder",
    "prefix": "TerraEnvApp.prefix",
    "pattern": "TerraEnvApp.pattern",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """Defaults for settings that a workspace does not set itself.

    Attributes:
        edit_folder: name of the edit folder within the workspace's folder.
        playground_folder: name of the playground folder (Terra's own clients say ``safe``).
        prefix: start of the notebooks' object names.
        pattern: file names kept in the bucket, a regular expression for the whole name.
        user_project: project that is billed for requester-pays buckets; empty for none.
    """

    edit_folder: str
    playground_folder: str
    prefix: str
    pattern: str
    user_project: str


def find_workspaces(
    *,
    root: Path,
    environ: Mapping[str, str],
    configured: Iterable[Any],
    defaults: Defaults,
    folder_buckets: Iterable[str] = (),
    warn: Callable[[str], None],
) -> tuple[Workspace, ...]:
    """Collect the workspaces of a server.

    Args:
        root: the server's root folder.
        environ: environment variables.
        configured: the traitlet ``TerraEnvApp.workspaces``, one mapping a workspace.
        defaults: see ``Defaults``.
        folder_buckets: the traitlet ``TerraEnvApp.folder_buckets``: buckets that files in folders may name.
        warn: called with one sentence if files in folders are ignored.

    Raises:
        SettingsError: a value is wrong; the message names it.
    """
    by_directory: dict[str, Workspace] = {}
    for workspace in (
        *_from_environment(environ, defaults),
        *(_from_trait(index, entry, defaults) for index, entry in enumerate(configured)),
    ):
        by_directory[workspace.edit_directory] = workspace
    named = tuple(by_directory.values())
    _refuse_overlaps(named)
    buckets = frozenset(
        _bucket(f"TerraEnvApp.folder_buckets[{index}]", bucket) for index, bucket in enumerate(folder_buckets)
    )
    return (*_from_files(root, defaults, buckets, named, warn), *named)


def owner_email(environ: Mapping[str, str], configured: str) -> str:
    """Return the e-mail address of the environment's owner; empty if it is unknown.

    Raises:
        SettingsError: it is not an e-mail address.
    """
    setting = "TerraEnvApp.owner_email" if configured else "OWNER_EMAIL"
    email = configured or environ.get("OWNER_EMAIL", "")
    if email and not _EMAIL.fullmatch(email):
        raise SettingsError(f"{setting}: this is not an e-mail address.")
    return email


def collaborators(configured: Iterable[str]) -> tuple[str, ...]:
    """Return the e-mail addresses of people whose locks are shown with their address.

    Raises:
        SettingsError: one of them is not an e-mail address.
    """
    found = tuple(configured)
    for index, email in enumerate(found):
        if not _EMAIL.fullmatch(email):
            raise SettingsError(
                f"TerraEnvApp.collaborators[{index}]: this is not an e-mail address. Expected a list such as "
                "['ada@example.org', 'paul@example.org']."
            )
    return found


def _from_environment(environ: Mapping[str, str], defaults: Defaults) -> list[Workspace]:
    name, bucket = environ.get("WORKSPACE_NAME", ""), environ.get("WORKSPACE_BUCKET", "")
    if not name and not bucket:
        return []
    for variable, value in (("WORKSPACE_NAME", name), ("WORKSPACE_BUCKET", bucket)):
        if not value:
            raise SettingsError(
                f"{variable}: it is not set, but WORKSPACE_NAME and WORKSPACE_BUCKET must be set together."
            )
    if not bucket.startswith("gs://"):
        rule = (broken_rule(bucket) if "://" in bucket else None) or "a bucket's address begins with 'gs://'"
        raise SettingsError(f"WORKSPACE_BUCKET: expected gs://BUCKET, got {bucket!r}: {rule}.")
    return [
        _workspace(
            "environment",
            defaults,
            {"name": name, "bucket": bucket},
            {"name": "WORKSPACE_NAME", "bucket": "WORKSPACE_BUCKET"},
        )
    ]


def _from_trait(index: int, entry: Any, defaults: Defaults) -> Workspace:
    setting = f"TerraEnvApp.workspaces[{index}]"
    if not isinstance(entry, Mapping):
        raise SettingsError(f"{setting}: expected a mapping such as {{'name': …, 'bucket': …}}, got {entry!r}.")
    unknown = sorted(set(entry) - _WORKSPACE_KEYS)
    if unknown:
        raise SettingsError(f"{setting}: unknown key {unknown[0]!r}; known are {', '.join(sorted(_WORKSPACE_KEYS))}.")
    for key in ("name", "bucket"):
        if key not in entry:
            raise SettingsError(f"{setting}: the key {key!r} is missing.")
    for key, value in entry.items():
        if not isinstance(value, str) and not (key == "playground_directory" and value is None):
            raise SettingsError(f"{setting}[{key!r}]: expected text, got {value!r}.")
    return _workspace(setting, defaults, entry, {})


def _from_files(
    root: Path,
    defaults: Defaults,
    buckets: frozenset[str],
    named: tuple[Workspace, ...],
    warn: Callable[[str], None],
) -> list[Workspace]:
    """Return the workspaces that files in folders name and the operator allows; nothing in a file can end the start."""
    taken = {workspace.edit_directory for workspace in named}
    found: list[Workspace] = []
    skipped: list[tuple[str, str]] = []
    for name in folders_with_files(root, defaults.edit_folder):
        if join(name, defaults.edit_folder) in taken:
            continue  # The operator has configured this folder.
        try:
            workspace = _from_file(root, name, defaults, buckets)
            _refuse_overlaps((*named, *found, workspace))
            found.append(workspace)
        except FileSkipped as why:
            skipped.append((name, str(why)))
        except SettingsError:
            skipped.append((name, "it does not name a folder of a bucket that can be shown here"))
    warn_of_skipped(skipped, warn)
    return found


def _from_file(root: Path, name: str, defaults: Defaults, buckets: frozenset[str]) -> Workspace:
    """Return the workspace that a folder's file names.

    Raises:
        FileSkipped, SettingsError: the file is ignored.
    """
    destination = read_destination(root, name, defaults.edit_folder, buckets=buckets)
    entry = {"name": name, "bucket": destination.bucket, "prefix": destination.prefix}
    # Only the operator decides who pays.
    workspace = replace(_workspace(name, defaults, entry, {}), user_project=None)
    for directory, _ in workspace.directories():
        path = root / directory
        real = os.path.join(os.path.realpath(root), directory)  # noqa: PTH118
        if os.path.realpath(path) != real or (os.path.lexists(path) and not path.is_dir()):
            raise FileSkipped("one of its folders is a link or a file")
    return workspace


def _workspace(source: str, defaults: Defaults, entry: Mapping[str, Any], settings: Mapping[str, str]) -> Workspace:
    """Check one workspace's values; ``settings`` says which setting each value came from."""

    def named(key: str) -> str:
        own = key in entry or key not in _DEFAULT_SETTINGS
        return settings.get(key, f"{source}[{key!r}]" if own else _DEFAULT_SETTINGS[key])

    name = entry["name"]
    if "/" in name or not name.strip() or why_not_shown(name) is not None:
        raise SettingsError(f"{named('name')}: {name!r} cannot be a folder name.")
    playground = entry.get("playground_directory", join(name, defaults.playground_folder))
    return Workspace(
        name=name,
        bucket=_bucket(named("bucket"), entry["bucket"]),
        prefix=_prefix(named("prefix"), entry.get("prefix", defaults.prefix)),
        edit_directory=_directory(
            named("edit_directory"), entry.get("edit_directory", join(name, defaults.edit_folder)), may_be_root=True
        ),
        playground_directory=None
        if playground is None
        else _directory(named("playground_directory"), playground, may_be_root=False),
        pattern=_pattern(named("pattern"), entry.get("pattern", defaults.pattern)),
        user_project=entry.get("user_project", defaults.user_project) or None,
    )


def _bucket(setting: str, value: str) -> str:
    rule = broken_rule(value)
    if rule is not None:
        raise SettingsError(f"{setting}: expected gs://BUCKET, got {value!r}: {rule}.")
    return bucket_name(value)


def _prefix(setting: str, value: str) -> str:
    if value and why_not_shown(value.removesuffix("/")) is not None:
        raise SettingsError(f"{setting}: expected a folder of the bucket such as 'notebooks/', got {value!r}.")
    return value if not value or value.endswith("/") else value + "/"


def _directory(setting: str, value: str, *, may_be_root: bool) -> str:
    directory = value.strip("/")
    if directory == "" and may_be_root:
        return ""
    if why_not_shown(directory) is not None:
        raise SettingsError(f"{setting}: expected a path below the server's root folder, got {value!r}.")
    return directory


def _pattern(setting: str, value: str) -> re.Pattern[str]:
    try:
        return re.compile(value)
    except re.error as error:
        raise SettingsError(f"{setting}: {value!r} is not a regular expression ({error}).") from error


def _refuse_overlaps(workspaces: tuple[Workspace, ...]) -> None:
    """Every path belongs to one workspace folder at most, or notebooks could not be reached."""
    folders = [(directory, workspace.name) for workspace in workspaces for directory, _ in workspace.directories()]
    for (outer, owner), (inner, other) in itertools.permutations(folders, 2):
        if outer == inner:
            raise SettingsError(f"workspaces: {owner!r} and {other!r} both use the folder {outer!r}.")
        if outer == "" or inner.startswith(outer + "/"):
            raise SettingsError(
                f"workspaces: the folder {inner!r} of {other!r} lies inside the folder {outer!r} of {owner!r}."
            )

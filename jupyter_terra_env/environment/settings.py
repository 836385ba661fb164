"""Settings: what Terra's variables, ``.delocalize.json`` files and traitlets say, checked before anything starts.

Where two of them name the same folder, traitlets win over the environment, and the environment over files.
"""

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.workspace import Workspace, join, why_not_shown

DELOCALIZE_FILE = ".delocalize.json"
"""Welder writes it into the workspace folders: ``{"destination": "gs://bucket/notebooks"}``."""

_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
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
    """What a workspace has unless its own settings say otherwise.

    Attributes:
        edit_folder: name of the edit folder within the workspace's folder.
        playground_folder: name of the playground folder (Terra's own clients say ``safe``).
        prefix: start of the notebooks' object names.
        pattern: file names kept in the bucket, a regular expression for the whole name.
        user_project: project to bill for requester-pays buckets; empty for none.
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
) -> tuple[Workspace, ...]:
    """Collect the workspaces of a server.

    Args:
        root: the server's root folder.
        environ: environment variables.
        configured: the traitlet ``TerraEnvApp.workspaces``, one mapping a workspace.
        defaults: see ``Defaults``.

    Raises:
        SettingsError: a value is wrong; the message names it.
    """
    by_directory: dict[str, Workspace] = {}
    for workspace in (
        *_from_files(root, defaults),
        *_from_environment(environ, defaults),
        *(_from_trait(index, entry, defaults) for index, entry in enumerate(configured)),
    ):
        by_directory[workspace.edit_directory] = workspace
    found = tuple(by_directory.values())
    _refuse_overlaps(found)
    return found


def owner_email(environ: Mapping[str, str], configured: str) -> str:
    """The e-mail address of the person this environment belongs to; empty when it is not known.

    Raises:
        SettingsError: it is not an e-mail address.
    """
    setting = "TerraEnvApp.owner_email" if configured else "OWNER_EMAIL"
    email = configured or environ.get("OWNER_EMAIL", "")
    if email and not _EMAIL.fullmatch(email):
        raise SettingsError(f"{setting}: this is not an e-mail address.")
    return email


def collaborators(configured: Iterable[str]) -> tuple[str, ...]:
    """The e-mail addresses of people whose locks are told by name.

    Raises:
        SettingsError: one of them is not an e-mail address.
    """
    found = tuple(configured)
    for index, email in enumerate(found):
        if not _EMAIL.fullmatch(email):
            raise SettingsError(f"TerraEnvApp.collaborators[{index}]: this is not an e-mail address.")
    return found


def _from_environment(environ: Mapping[str, str], defaults: Defaults) -> list[Workspace]:
    name, bucket = environ.get("WORKSPACE_NAME", ""), environ.get("WORKSPACE_BUCKET", "")
    if not name and not bucket:
        return []
    for variable, value in (("WORKSPACE_NAME", name), ("WORKSPACE_BUCKET", bucket)):
        if not value:
            raise SettingsError(f"{variable}: it is not set, but WORKSPACE_NAME and WORKSPACE_BUCKET go together.")
    if not bucket.startswith("gs://"):
        raise SettingsError(f"WORKSPACE_BUCKET: expected gs://BUCKET, got {bucket!r}.")
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


def _from_files(root: Path, defaults: Defaults) -> list[Workspace]:
    found = []
    for file in sorted(root.glob(f"*/{defaults.edit_folder}/{DELOCALIZE_FILE}")):
        name = file.parent.parent.name
        if name.startswith("."):
            continue
        bucket, prefix = _read_destination(file)
        found.append(
            _workspace(str(file), defaults, {"name": name, "bucket": bucket, "prefix": prefix}, {"bucket": str(file)})
        )
    return found


def _read_destination(file: Path) -> tuple[str, str]:
    try:
        destination = json.loads(file.read_text(encoding="utf-8"))["destination"]
        bucket, _, prefix = destination.removeprefix("gs://").partition("/")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            f'{file}: expected {{"destination": "gs://BUCKET/notebooks"}}, but it cannot be read ({error!r}).'
        ) from error
    return bucket, prefix


def _workspace(source: str, defaults: Defaults, entry: Mapping[str, Any], settings: Mapping[str, str]) -> Workspace:
    """Check one workspace's values; ``settings`` tells which setting each value came from."""

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
    bucket = value.removeprefix("gs://").removesuffix("/")
    if not _BUCKET_NAME.fullmatch(bucket):
        raise SettingsError(f"{setting}: expected gs://BUCKET, got {value!r}.")
    return bucket


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

"""What a person names in a copy: a path on this disk, or one in a bucket; and patterns of names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.object_addresses import SCHEME, split_address
from jupyter_terra_env.rules.workspace import Workspace

_WORKSPACE = re.compile(r"workspace(?:/([^:]*))?:(.*)", re.DOTALL)
_WILD = re.compile(r"[*?\[]")
_NO_WORKSPACE = "No workspace is configured: set WORKSPACE_NAME and WORKSPACE_BUCKET, or write gs://BUCKET/PATH."


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketAddress:
    """A place in a bucket.

    Attributes:
        bucket: bucket name without ``gs://``.
        path: object name, start of names (with a slash at its end), or pattern; empty for the whole bucket.
        user_project: the project to bill, as the bucket's workspace has it; None for none.
    """

    bucket: str
    path: str
    user_project: str | None = None

    @property
    def shown(self) -> str:
        """The address as text."""
        return f"{SCHEME}{self.bucket}/{self.path}"


def parse(text: str, workspaces: Sequence[Workspace]) -> BucketAddress | None:
    """Read an address.

    Args:
        text: as it was typed.
        workspaces: the configured ones.

    Returns:
        The place in a bucket; None for a path on this disk.

    Raises:
        SettingsError: it names no workspace or bucket that there can be.
    """
    if text.startswith(SCHEME):
        bucket, path, rule = split_address(text)
        if rule is not None:
            raise SettingsError(f"{text}: {rule}.")
        known = next((one for one in workspaces if one.bucket == bucket), None)
        return BucketAddress(bucket=bucket, path=path, user_project=known.user_project if known else None)
    found = _WORKSPACE.fullmatch(text)
    if found is None:
        return None
    workspace = _workspace(found[1], workspaces)
    return BucketAddress(bucket=workspace.bucket, path=found[2].removeprefix("/"), user_project=workspace.user_project)


def _workspace(name: str | None, workspaces: Sequence[Workspace]) -> Workspace:
    if not workspaces:
        raise SettingsError(_NO_WORKSPACE)
    names = ", ".join(one.name for one in workspaces)
    if name is None:
        if len({one.bucket for one in workspaces}) > 1:
            raise SettingsError(f"Several workspaces are configured: name one as workspace/NAME:PATH ({names}).")
        return workspaces[0]
    named = next((one for one in workspaces if one.name == name), None)
    if named is None:
        raise SettingsError(f"There is no workspace {name!r}: the configured ones are {names}.")
    return named


def is_pattern(text: str) -> bool:
    """Whether a path has wildcards."""
    return _WILD.search(text) is not None


def fixed_part(pattern: str) -> str:
    """The folder before the first wildcard, with a slash at its end; empty if there is none."""
    found = _WILD.search(pattern)
    head = pattern if found is None else pattern[: found.start()]
    return head[: head.rfind("/") + 1]


def is_one_level(pattern: str) -> bool:
    """Whether all that a pattern can match is right in its fixed folder."""
    rest = pattern[len(fixed_part(pattern)) :]
    return "**" not in rest and "/" not in rest


def matcher(pattern: str) -> re.Pattern[str]:
    """A regular expression for whole names: ``**`` crosses folders, ``*``, ``?`` and ``[…]`` do not.

    Raises:
        SettingsError: it is no pattern.
    """
    out, at = [], 0
    while at < len(pattern):
        if pattern.startswith("**", at):
            at += 2
            slash = pattern.startswith("/", at) and (at == 2 or pattern[at - 3] == "/")
            out.append("(?:.*/)?" if slash else ".*")
            at += slash
            continue
        piece, at = _one(pattern, at)
        out.append(piece)
    try:
        return re.compile("".join(out), re.DOTALL)
    except re.error as error:
        raise SettingsError(f"{pattern} is no pattern: a range in […] is the wrong way round.") from error


def _one(pattern: str, at: int) -> tuple[str, int]:
    """The expression for the next character or set of a pattern, and where the pattern goes on."""
    if pattern[at] == "*":
        return "[^/]*", at + 1
    if pattern[at] == "?":
        return "[^/]", at + 1
    end = pattern.find("]", at + 2) if pattern[at] == "[" else -1
    if end < 0:
        return re.escape(pattern[at]), at + 1
    inside = pattern[at + 1 : end]
    negated = inside[0] in "!^"
    members = re.sub(r"([\\\[&~|^])", r"\\\1", inside[1:] if negated else inside)
    return f"(?!/)[{'^' if negated else ''}{members}]", end + 1

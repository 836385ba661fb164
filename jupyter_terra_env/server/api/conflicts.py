"""REST: both versions of a conflict, and its resolutions."""

import json
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_terra_env.notebooks.sync.conflicts import Composed, Conflicts, ConflictVersions
from jupyter_terra_env.notebooks.sync.merging import as_notebook
from jupyter_terra_env.notebooks.sync.resolution import Resolution
from jupyter_terra_env.notebooks.untrusted.cage import NotDoneError
from jupyter_terra_env.rules.errors import LockReason, RefusalReason
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.contents.durable_files import serialised
from jupyter_terra_env.server.contents.large_notebooks.manager import takes_stand_ins
from jupyter_terra_env.server.contents.models import check_model
from jupyter_terra_env.server.contents.shown_contents import note_replaced
from jupyter_terra_env.server.http_errors import as_http_errors
from jupyter_terra_env.server.status_fields import lock_fields, moment
from jupyter_terra_env.server.workspace_handler import WorkspaceHandler


class _OnConflicts(WorkspaceHandler):
    @property
    def conflicts(self) -> Conflicts:
        return self.parts.conflicts


class ConflictHandler(_OnConflicts):
    """``GET /terra-env/conflict?path=…``: both sides of a conflict, and their merge where there is one."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer the fields that docs/reference.md lists."""
        location = self.locate(self.path_in_question())
        with as_http_errors(location.api_path):
            sides = await self.conflicts.look(location)
        email = self.statuses.email_of(location, sides.theirs_owner)
        contents, not_shown = await self._shown(sides)
        self.write(f"{_as_json(location, sides, not_shown, email)[:-1]}, ")
        for number, (side, text) in enumerate(contents.items()):
            self.write(f'{", " if number else ""}"{side}": '.encode() + text)
        self.finish("}")

    async def _shown(self, sides: ConflictVersions) -> tuple[dict[str, bytes], str | None]:
        """The notebooks as JSON, read in child processes, and why they are not shown, if they are not."""
        contents = {"mine": sides.mine, "theirs": sides.theirs, "base": sides.base, "merged": sides.merged}
        shown, cage = dict.fromkeys(contents, b"null"), self.parts.cage
        if sides.too_large:
            return shown, RefusalReason.TOO_LARGE
        try:
            for side, content in contents.items():
                if content is not None:
                    shown[side] = await as_notebook(cage, content) or b"null"
        except NotDoneError as error:
            return shown, error.reason
        return shown, None


class ResolveHandler(_OnConflicts):
    """``POST /terra-env/resolve`` ``{"path": …, "action": …}``: take a way out of a conflict."""

    most_body_bytes = None  # The notebook on the screen may be in it: what Jupyter takes for saving is taken here, too.

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer ``{path, kept_edits, status}``; a refusal has the current state."""
        location = self.locate(self.path_in_question())
        body: dict[str, Any] = self.get_json_body() or {}
        try:
            way_out = Resolution(str(body.get("action")))
        except ValueError:
            raise web.HTTPError(400, f"'action' must be one of {', '.join(Resolution)}.") from None
        theirs_version, mine_version = _version(body, "theirs_version"), _version(body, "mine_version")
        content, merged = await self._content(body, "content"), await self._content(body, "merged")
        if merged is not None and not (way_out is Resolution.MERGE and theirs_version and mine_version):
            raise web.HTTPError(400, "'merged' belongs to 'merge', with 'theirs_version' and 'mine_version'.")
        try:
            with as_http_errors(location.api_path):
                kept = await self.conflicts.resolve(
                    location,
                    way_out if merged is None else Composed(merged),
                    content=content,
                    theirs_version=theirs_version,
                    mine_version=mine_version,
                )
                if way_out is not Resolution.REPLACE_THEIRS:
                    await note_replaced(self.contents_manager, self.parts.views, location)
                status = await self._status(location)
        except web.HTTPError as refused:
            if refused.status_code != 409:
                raise
            await self._refuse(location, refused)
            return
        kept_path = None if kept is None else location.sibling(kept.name).api_path
        self.finish(json.dumps({"path": location.api_path, "kept_edits": kept_path, "status": status}))

    async def _status(self, location: Location) -> dict[str, Any] | None:
        storage = self.parts.storage
        if await storage.run(storage.os_path(location).exists):
            return await self.announcements.status(location)
        return None

    async def _refuse(self, location: Location, refused: web.HTTPError) -> None:
        """Answer a refusal with the current state, to look at before choosing again."""
        versions = await self.conflicts.versions(location)
        answer = {
            "message": refused.log_message,
            "reason": refused.reason,
            "status": await self._status(location),
            "mine_version": versions.mine,
            "theirs_version": versions.theirs,
        }
        if refused.reason in set(LockReason):
            email = self.statuses.email_of_holder(location)
            answer["lock"] = lock_fields(self.statuses.lock_of(location), email=email)
        self.set_status(refused.status_code, refused.reason)
        self.finish(json.dumps(answer))

    async def _content(self, body: dict[str, Any], key: str) -> bytes | None:
        """What is on the screen, or was composed, as Jupyter stores it; None when the request brings nothing."""
        content = body.get(key)
        if content is None:
            return None
        if isinstance(content, str):
            check_model({"type": "file", "format": "text", "content": content})
            return content.encode("utf-8")
        check_model({"type": "notebook", "content": content})
        manager, path = self.contents_manager, self.path_in_question()
        if not takes_stand_ins(manager):
            storage = self.parts.storage
            return await storage.run(serialised, content)
        with as_http_errors(path):
            return await manager.serialised(path, content)


def _version(body: dict[str, Any], key: str) -> str | None:
    version = body.get(key)
    if version is not None and not isinstance(version, str):
        raise web.HTTPError(400, f"'{key}' must be the text that /terra-env/conflict returned.")
    return version


def _as_json(location: Location, sides: ConflictVersions, not_shown: str | None, email: str | None) -> str:
    """All fields but the notebooks."""
    return json.dumps(
        {
            "path": location.api_path,
            "reason": sides.reason,
            "can_merge": sides.merged is not None,
            "not_merged": sides.not_merged,
            "not_shown": not_shown,
            "is_deleted": sides.is_deleted,
            "too_large": sides.too_large,
            "mine_version": sides.mine_version,
            "theirs_version": sides.theirs_version,
            "theirs_updated": None if sides.theirs_updated is None else moment(sides.theirs_updated),
            "theirs_by": email,
            "mine_updated": None if sides.mine_updated is None else moment(sides.mine_updated),
        }
    )


CONFLICT_HANDLERS = (
    ("conflict", ConflictHandler),
    ("resolve", ResolveHandler),
)

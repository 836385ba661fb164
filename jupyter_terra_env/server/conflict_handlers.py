"""REST endpoints for conflicts: both sides, and the ways out."""

import json
from typing import Any

import nbformat
from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_terra_env.notebooks.conflicts import Sides
from jupyter_terra_env.notebooks.merging import as_notebook
from jupyter_terra_env.rules.ways_out import WayOut
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.durable_files import serialised
from jupyter_terra_env.server.http_errors import translated
from jupyter_terra_env.server.models import check_model
from jupyter_terra_env.server.status_fields import moment
from jupyter_terra_env.server.workspace_handler import WorkspaceHandler

MOST_SHOWN_BYTES = 20 << 20
"""Larger notebooks are not sent for comparing: no page could show them side by side."""

MOST_RESOLVED_BYTES = 128 << 20
"""Of a body with the notebook on the screen in it."""


class ConflictHandler(WorkspaceHandler):
    """``GET /terra-env/conflict?path=…``: both sides of a conflict, and their merge where there is one."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer the fields that docs/reference.md lists."""
        location = self.locate(self.path_in_question())
        with translated(location.api_path):
            sides = await self.notebooks.conflicts.look(location)
        self.finish(await self.notebooks.places.copies.run(_as_json, location, sides))


class ResolveHandler(WorkspaceHandler):
    """``POST /terra-env/resolve`` ``{"path": …, "action": …}``: take a way out of a conflict."""

    most_body_bytes = MOST_RESOLVED_BYTES

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer ``{path, kept_edits, status}``."""
        location = self.locate(self.path_in_question())
        body: dict[str, Any] = self.get_json_body() or {}
        try:
            way_out = WayOut(str(body.get("action")))
        except ValueError:
            raise web.HTTPError(400, f"'action' must be one of {', '.join(WayOut)}.") from None
        theirs_version = body.get("theirs_version")
        if theirs_version is not None and not isinstance(theirs_version, str):
            raise web.HTTPError(400, "'theirs_version' must be the text that /terra-env/conflict told.")
        with translated(location.api_path):
            kept = await self.notebooks.conflicts.resolve(
                location, way_out, content=await self._content(body), theirs_version=theirs_version
            )
            status = None
            if await self.notebooks.places.copies.run(self.notebooks.places.os_path(location).exists):
                status = await self.announcements.status(location)
        kept_path = None if kept is None else location.sibling(kept.name).api_path
        self.finish(json.dumps({"path": location.api_path, "kept_edits": kept_path, "status": status}))

    async def _content(self, body: dict[str, Any]) -> bytes | None:
        """What is on the screen, as Jupyter stores it; None when the request brings nothing."""
        content = body.get("content")
        if content is None:
            return None
        if isinstance(content, str):
            check_model({"type": "file", "format": "text", "content": content})
            return content.encode("utf-8")
        check_model({"type": "notebook", "content": content})
        return await self.notebooks.places.copies.run(_as_stored, content)


def _as_stored(content: dict[str, Any]) -> bytes:
    return serialised(nbformat.from_dict(content))


def _as_json(location: Location, sides: Sides) -> str:
    too_large = max(len(sides.mine), len(sides.theirs or b""), len(sides.base or b"")) > MOST_SHOWN_BYTES
    return json.dumps(
        {
            "path": location.api_path,
            "reason": sides.reason,
            "mine": None if too_large else as_notebook(sides.mine),
            "theirs": None if too_large else _shown(sides.theirs),
            "base": None if too_large else _shown(sides.base),
            "merged": _shown(sides.merged),
            "can_merge": sides.merged is not None,
            "is_deleted": sides.theirs is None,
            "too_large": too_large,
            "theirs_version": sides.theirs_version,
            "theirs_updated": None if sides.theirs_updated is None else moment(sides.theirs_updated),
        }
    )


def _shown(content: bytes | None) -> dict[str, object] | None:
    return None if content is None else as_notebook(content)


CONFLICT_HANDLERS = (
    ("conflict", ConflictHandler),
    ("resolve", ResolveHandler),
)

"""REST: where a file is, and what a deletion would remove, for this person and for others."""

import json
from collections.abc import Collection
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.utils import ensure_async
from tornado import web

from jupyter_terra_env.notebooks.sharing import Held, Removal, Sharing, Whereabouts
from jupyter_terra_env.rules.errors import BucketError
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.http_errors import as_http_errors
from jupyter_terra_env.server.status_fields import moment
from jupyter_terra_env.server.workspace_handler import WorkspaceHandler

_MOST_NAMES = 20
"""Names in an answer: a dialog shows no more. The count is exact."""


class _SharingHandler(WorkspaceHandler):
    @property
    def sharing(self) -> Sharing:
        return self.parts.sharing


class WhereaboutsHandler(_SharingHandler):
    """``GET /terra-env/whereabouts?path=…``: where a file is: in the bucket, on the disk, and who edited it last."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer the fields that docs/reference.md lists."""
        location = self.locate(self.path_in_question())
        with as_http_errors(location.api_path):
            found = await self.sharing.whereabouts(location)
        self.finish(json.dumps(self._fields(location, found)))

    def _fields(self, location: Location, found: Whereabouts) -> dict[str, Any]:
        return {
            "path": location.api_path,
            "workspace": location.workspace.name,
            "uri": _uri(location) if location.is_delocalized else None,
            "disk_path": None if found.on_disk is None else str(found.on_disk),
            "updated": None if found.updated is None else moment(found.updated),
            "last_editor": self.statuses.email_of(location, found.editor),
            "is_in_workspace": found.updated is not None,
            **_trouble(found.trouble),
        }


class RemovalHandler(_SharingHandler):
    """``GET /terra-env/removal?path=…``: what deleting a file or folder would remove, and for whom."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer the fields that docs/reference.md lists; ``workspace`` is null outside workspaces."""
        location = self.workspaces.locate(self.path_in_question())
        if location is None or not location.relative_path:
            self.finish(json.dumps({"path": self.path_in_question(), "workspace": None}))
            return
        location = self.locate(self.path_in_question())
        is_folder = bool(await ensure_async(self.contents_manager.dir_exists(location.api_path)))
        with as_http_errors(location.api_path):
            removal = await self.sharing.removal(location, is_folder=is_folder)
        self.finish(json.dumps(self._fields(location, removal, is_folder=is_folder)))

    def _fields(self, location: Location, removal: Removal, *, is_folder: bool) -> dict[str, Any]:
        return {
            "path": location.api_path,
            "workspace": location.workspace.name,
            "is_folder": is_folder,
            "shared": _some(removal.shared),
            "on_disk_only": _some(removal.on_disk_only),
            "hidden": _some(removal.hidden),
            "held": [self._held(held) for held in removal.held[:_MOST_NAMES]],
            **_trouble(removal.trouble),
        }

    def _held(self, held: Held) -> dict[str, Any]:
        return {
            "path": held.location.api_path,
            "email": self.statuses.email_of(held.location, held.owner),
            "by_same_person": held.by_same_person,
        }


def _uri(location: Location) -> str:
    return f"gs://{location.workspace.bucket}/{location.object_name}"


def _some(names: Collection[str]) -> dict[str, Any]:
    return {"count": len(names), "names": sorted(names)[:_MOST_NAMES]}


def _trouble(trouble: BucketError | None) -> dict[str, Any]:
    return {
        "reason": None if trouble is None else trouble.trouble.value,
        "message": None if trouble is None else trouble.sentence,
    }


SHARING_HANDLERS = (("whereabouts", WhereaboutsHandler), ("removal", RemovalHandler))

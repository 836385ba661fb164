"""REST: earlier versions of notebooks, also of deleted ones."""

import contextlib
import json
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_terra_env.bucket.store import Keeps, Kept, KeptVersion
from jupyter_terra_env.notebooks.earlier_versions import EarlierVersions, History
from jupyter_terra_env.notebooks.sync.merging import as_notebook
from jupyter_terra_env.notebooks.untrusted.cage import NotDoneError
from jupyter_terra_env.rules.errors import ObjectNotFound, RefusalReason
from jupyter_terra_env.rules.workspace import Location, Mode, is_name_of_nothing, why_not_shown
from jupyter_terra_env.server.contents.shown_contents import note_replaced
from jupyter_terra_env.server.http_errors import as_http_errors
from jupyter_terra_env.server.status_fields import moment
from jupyter_terra_env.server.workspace_handler import WorkspaceHandler

_MOST_DIGITS = 20
_NOTHING_KEPT = (
    "The bucket keeps no earlier versions. An owner of gs://{bucket} switches that on with: "
    "gcloud storage buckets update gs://{bucket} --versioning"
)


class _VersionsHandler(WorkspaceHandler):
    """Base: versions as JSON."""

    @property
    def _versions(self) -> EarlierVersions:
        return self.parts.versions

    @staticmethod
    def _fields(kept: KeptVersion) -> dict[str, Any]:
        return {
            # Longer than what JavaScript's numbers hold.
            "generation": str(kept.version.generation),
            "state": kept.kept.value,
            "saved_at": moment(kept.version.created),
            "replaced_at": None if kept.replaced is None else moment(kept.replaced),
            "kept_until": None if kept.kept_until is None else moment(kept.kept_until),
            "size_bytes": kept.version.size_bytes,
            "readable": kept.kept is not Kept.SOFT_DELETED,
        }

    def _generation_in_body(self) -> int:
        return generation_in((self.get_json_body() or {}).get("generation"))


def generation_in(value: object) -> int:
    """The generation that a request names.

    Raises:
        HTTPError: 400, it is none.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < _MOST_DIGITS:
        return int(value)
    raise web.HTTPError(400, "'generation' must be that of a version, as the list of versions names it.")


class VersionsHandler(_VersionsHandler):
    """``GET /terra-env/versions?path=…``: what there is of a notebook, in the bucket and on the disk."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer the fields that docs/reference.md lists."""
        location = self.locate(self.path_in_question())
        with as_http_errors(location.api_path):
            history = await self._versions.history(location)
        checkpoints = await self._checkpoints(location)
        answer = {
            "path": location.api_path,
            "bucket": location.workspace.bucket,
            "versions": [{**self._fields(kept), **self._author(location, history, kept)} for kept in history.versions],
            "checkpoints": checkpoints,
            "keeps": None if history.keeps is None else _keeps_fields(history.keeps),
            "hint": _hint(location, history.keeps),
        }
        self.finish(json.dumps(answer))

    def _author(self, location: Location, history: History, kept: KeptVersion) -> dict[str, Any]:
        owner = history.saved_by(kept)
        return {"saved_by": owner, "email": self.statuses.email_of(location, owner)}

    async def _checkpoints(self, location: Location) -> list[dict[str, Any]]:
        """Jupyter's own, on this disk."""
        found = await self.contents_manager.checkpoints.list_checkpoints(location.api_path)
        return [{"id": str(one["id"]), "saved_at": moment(one["last_modified"])} for one in found]


class DeletedHandler(_VersionsHandler):
    """``GET /terra-env/deleted?path=…``: what was deleted at or below an edit folder, and can come back."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer the newest version of each deleted notebook, the last deleted first."""
        folder = self._folder(self.path_in_question())
        with as_http_errors(folder.api_path):
            found = await self._versions.deleted(folder)
        deleted = [
            {"path": place.api_path, **self._fields(kept)}
            for kept in sorted(found, key=lambda one: one.replaced or one.version.created, reverse=True)
            if (place := folder.at(kept.version.name)).is_delocalized and why_not_shown(place.relative_path) is None
        ]
        self.finish(json.dumps({"path": folder.api_path, "deleted": deleted}))

    def _folder(self, path: str) -> Location:
        location = None if is_name_of_nothing(path) else self.parts.workspaces.locate(path)
        if location is None or location.mode is not Mode.EDIT:
            raise web.HTTPError(404, "This path is no edit folder of a workspace.", reason="not-in-workspace")
        return location


class VersionHandler(_VersionsHandler):
    """``GET /terra-env/version?path=…&generation=…``: one version's notebook, to compare."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer ``{path, generation, content, not_shown}``; without content, ``not_shown`` says why."""
        location = self.locate(self.path_in_question())
        generation = generation_in(self.get_query_argument("generation", ""))
        with as_http_errors(location.api_path):
            content = await self._versions.content(location, generation)
        shown, reason = await self._shown(content)
        head = {"path": location.api_path, "generation": str(generation), "not_shown": reason}
        self.write(f'{json.dumps(head)[:-1]}, "content": '.encode() + shown)
        self.finish("}")

    async def _shown(self, content: bytes) -> tuple[bytes, str | None]:
        """The notebook as JSON, read in a child process."""
        try:
            found = await as_notebook(self.parts.cage, content)
        except NotDoneError as error:
            return b"null", error.reason
        return (found, None) if found else (b"null", RefusalReason.NOT_A_NOTEBOOK)


class RestoreVersionHandler(_VersionsHandler):
    """``POST /terra-env/restore-version`` ``{"path": …, "generation": …}``."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Make the version the newest one, and answer ``{path, status}``; null if this disk does not have it."""
        location = self.locate(self.path_in_question())
        generation = self._generation_in_body()
        with as_http_errors(location.api_path):
            await self._versions.restore(location, generation)
            await note_replaced(self.contents_manager, self.parts.views, location)
        status = None
        with contextlib.suppress(ObjectNotFound):  # It came back in the workspace, and is not on this disk.
            status = await self.announcements.status(location)
        self.finish(json.dumps({"path": location.api_path, "status": status}))


class CopyVersionHandler(_VersionsHandler):
    """``POST /terra-env/copy-version`` ``{"path": …, "generation": …}``."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Make a notebook of the version beside the old one, and answer ``{path}``: the new one's."""
        location = self.locate(self.path_in_question())
        generation = self._generation_in_body()
        with as_http_errors(location.api_path):
            place = await self._versions.copy_out(location, generation)
        self.finish(json.dumps({"path": place.api_path}))


VERSIONS_HANDLERS = (
    ("versions", VersionsHandler),
    ("deleted", DeletedHandler),
    ("version", VersionHandler),
    ("restore-version", RestoreVersionHandler),
    ("copy-version", CopyVersionHandler),
)


def _keeps_fields(keeps: Keeps) -> dict[str, Any]:
    return {"versioning": keeps.versioning, "soft_delete_seconds": keeps.soft_delete_seconds}


def _hint(location: Location, keeps: Keeps | None) -> str | None:
    if keeps is None or keeps.versioning or keeps.soft_delete_seconds:
        return None
    return _NOTHING_KEPT.format(bucket=location.workspace.bucket)

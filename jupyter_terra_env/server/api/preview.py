"""Preview: a notebook as a page to read. Nothing in it runs, and nothing from elsewhere is loaded."""

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_terra_env.notebooks.preview.content import MOST_BYTES
from jupyter_terra_env.notebooks.preview.pages import rendered
from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.abandoned_work import AbandonsWork
from jupyter_terra_env.server.api.versions import generation_in
from jupyter_terra_env.server.http_errors import as_http_errors
from jupyter_terra_env.server.preview_headers import policy_within, preview_headers
from jupyter_terra_env.server.workspace_handler import WorkspaceHandler

_ADVICE = (
    "Close this tab and open the notebook itself with a double click in the file browser; nothing in it runs by being "
    "opened."
)


class PreviewHandler(AbandonsWork, WorkspaceHandler):
    """``GET /terra-env/preview?path=…``, optionally with the ``generation`` of an earlier version."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer an HTML page."""
        location = self.locate(self.path_in_question())
        page = await self.while_connected(self._page(location))
        for name, value in preview_headers(policy_within(self.settings.get("headers", {}))).items():
            self.set_header(name, value)
        self.write(page)
        # Not ``finish`` of Jupyter's API handlers, which would call it JSON.
        await web.RequestHandler.finish(self)

    async def _page(self, location: Location) -> bytes:
        with as_http_errors(location.api_path):
            content = await self._content(location)
            page = await rendered(self.parts.cage, content, location.name, advice=_ADVICE)
            if page is None:
                raise OperationRefused(
                    RefusalReason.NO_PREVIEW, f"{location.api_path} is not a notebook that can be shown."
                )
        return page.html

    async def _content(self, location: Location) -> bytes:
        generation = self.get_query_argument("generation", None)
        if generation is None:
            return await self.parts.previews.content(location)
        return await self.parts.versions.content(location, generation_in(generation), most_bytes=MOST_BYTES)

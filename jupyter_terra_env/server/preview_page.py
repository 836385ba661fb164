"""Preview: a notebook as a page to read. Nothing in it runs, and nothing from elsewhere is loaded."""

import re
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason
from jupyter_terra_env.server.http_errors import translated
from jupyter_terra_env.server.workspace_handler import WorkspaceHandler

_TAGS = frozenset(
    (
        *("a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "details", "div", "dl", "dt", "em"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "ol", "p", "pre", "q", "s", "samp"),
        *(
            "small",
            "span",
            "strong",
            "sub",
            "summary",
            "sup",
            "table",
            "tbody",
            "td",
            "tfoot",
            "th",
            "thead",
            "tr",
            "tt",
        ),
        *("u", "ul", "var"),
    )
)
_ATTRIBUTES = {
    "*": ["class", "title", "dir", "lang"],
    "a": ["href"],
    "img": ["src", "alt", "width", "height"],
    "td": ["colspan", "rowspan", "align"],
    "th": ["colspan", "rowspan", "align", "scope"],
    "ol": ["start"],
}
_PROTOCOLS = ("http", "https", "mailto", "data")
_SCRIPT = re.compile(r"<script\b.*?</script\s*>", re.DOTALL | re.IGNORECASE)
_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'"
)


class PreviewHandler(WorkspaceHandler):
    """``GET /terra-env/preview?path=…``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer an HTML page."""
        location = self.locate(self.path_in_question())
        with translated(location.api_path):
            content = await self.notebooks.previews.content(location)
            page = await self.notebooks.places.copies.run(rendered, content, location.name)
            if page is None:
                raise OperationRefused(
                    RefusalReason.NO_PREVIEW, f"{location.api_path} is not a notebook that can be shown."
                )
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.write(page)
        # Not ``finish`` of Jupyter's API handlers, which would call it JSON.
        await web.RequestHandler.finish(self)


def rendered(content: bytes, title: str) -> str | None:
    """A notebook as an HTML page of its own: markup cleaned, no scripts, nothing from elsewhere needed.

    Args:
        content: the notebook, as stored.
        title: of the page.

    Returns:
        The page; None when the content is no notebook.
    """
    import nbformat  # noqa: PLC0415 - slow to import, and only needed here
    from nbconvert import HTMLExporter  # noqa: PLC0415

    try:
        notebook: Any = nbformat.reads(content.decode("utf-8"), as_version=4)
    except (ValueError, KeyError, AttributeError, nbformat.ValidationError):
        return None
    # nbconvert's own cleaning leaves no headings and no tables.
    exporter = HTMLExporter(filters={"clean_html": _cleaned}, sanitize_html=True, template_name="lab")
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    # What is left of scripts is the template's own, for mathematics and diagrams: fetched from elsewhere.
    return _SCRIPT.sub("", page)


def _cleaned(html: str) -> str:
    """Markup without anything that could act."""
    import bleach  # noqa: PLC0415 - as above

    markup: str = bleach.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, protocols=_PROTOCOLS, strip=True)
    return markup

"""What a child does that renders a preview. Protocol: docs/protocol/untrusted-work.md.

The page has the classes of JupyterLab's own export and its style sheet, and is put together here, so that no template
has a say in it and each cell stands for itself: what cannot be rendered is named, and the others are shown.
"""

import base64
import json
import os
import re
import time
from collections.abc import Callable
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import nbconvert
from nbconvert import HTMLExporter
from nbconvert.filters.ansi import ansi2html
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import v4

from jupyter_terra_env.notebooks.preview.document import Cell, Notes, Output, cell_of, read
from jupyter_terra_env.notebooks.preview.markup import cleaned
from jupyter_terra_env.notebooks.untrusted.memory_file import view_of
from jupyter_terra_env.notebooks.untrusted.zygote import Conversation

_TEMPLATES = Path("share/jupyter")
_ACTIVE = re.compile(r"<script\b.*?</script\s*>|<link\b[^>]*>|<title>.*?</title>", re.DOTALL | re.IGNORECASE)
_DARKER_ANSI = (
    *(("red", "#a8201c"), ("green", "#006b35"), ("yellow", "#705500"), ("blue", "#0a5cb0"), ("magenta", "#8f2a83")),
    *(("cyan", "#0b6669"), ("white", "#5f5c52"), ("red-intense", "#a0262b"), ("green-intense", "#006b24")),
    *(("yellow-intense", "#705000"), ("blue-intense", "#0059b3"), ("magenta-intense", "#8f2a86")),
    *(("cyan-intense", "#176565"), ("white-intense", "#5b606b")),
)
_READABLE = (
    # JupyterLab's own colours have less contrast than WCAG AA asks for, on white and on the red of errors.
    "body.jp-Notebook{--jp-mirror-editor-comment-color:#2d6a6a;--jp-mirror-editor-number-color:#006b00;"
    "--jp-mirror-editor-operator-color:#9400e6;--jp-mirror-editor-keyword-color:#006b00}"
    "body.jp-Notebook .jp-InputPrompt{color:#595959;opacity:1!important}.highlight .ow,.highlight .o{color:#8b00d9}"
    ".jp-RenderedHTMLCommon a:link{text-decoration:underline}"
    + "".join(
        f'body.jp-Notebook .ansi-{name}-fg:not([class*="-bg"]){{color:{colour}}}' for name, colour in _DARKER_ANSI
    )
)
_OWN_STYLE = (
    "<style>.jp-terra-notes{margin:1em;padding:.5em 1em;border:1px solid #c0a000;border-radius:3px;"
    f"font-family:sans-serif;font-size:13px}}{_READABLE}</style>"
)
_NO_PREFETCH = '<meta http-equiv="x-dns-prefetch-control" content="off">'
RENDERING_SECONDS = 6.0
"""Processor time after which the cells that are left are named instead of shown."""
_MOST_PLAIN_CHARACTERS = 200_000


def warm_up() -> None:
    """Make the page's head, and load what rendering needs, with a notebook of ours."""
    _head()
    code = v4.new_code_cell("print(1)", outputs=[v4.new_output("stream", text="1")])
    content = json.dumps(v4.new_notebook(cells=[code, v4.new_markdown_cell("# *a* $b$")])).encode("utf-8")
    rendered(content, "", skip={}, at_cell=lambda _: None)


def render(request: dict[str, Any], conversation: Conversation) -> dict[str, Any]:
    """Render a notebook as a page.

    Args:
        request: ``title`` of the page, and ``skip``: cells that are not to be rendered, and why.
        conversation: its files are the notebook, the page to write, and one that has the number of the cell that is
            being rendered, for those who find out what a child died of.
    """
    source, target, progress = conversation.files
    page = rendered(
        bytes(view_of(source)),
        request["title"],
        skip={int(number): why for number, why in request["skip"].items()},
        at_cell=lambda number: os.pwrite(progress, number.to_bytes(8, "little"), 0),
    )
    if page is not None:
        with os.fdopen(target, "wb") as file:
            file.write(page.encode("utf-8"))
    return {"is_notebook": page is not None}


def rendered(content: bytes, title: str, *, skip: dict[int, str], at_cell: Callable[[int], object]) -> str | None:
    """A notebook as an HTML page of its own: nothing in it acts, and nothing from elsewhere is needed.

    Args:
        content: the notebook, as stored.
        title: of the page.
        skip: numbers of cells that are shown as plain text, and why.
        at_cell: called with the number of each cell before it is rendered.

    Returns:
        The page; None when the content is no notebook.
    """
    notes = Notes()
    document = read(content, notes)
    if document is None:
        return None
    highlight = Highlight2HTML(pygments_lexer=document.language)
    parts = []
    began = time.process_time()
    for number, raw in enumerate(document.raw_cells, start=1):
        if time.process_time() - began > RENDERING_SECONDS:
            notes.add(f"Cells {number} to {len(document.raw_cells)}: rendering all of them takes too long.")
            break
        at_cell(number)
        cell = cell_of(number, raw, notes)
        if cell is not None:
            parts.append(_cell(cell, highlight, notes, why_plain=skip.get(number)))
    at_cell(0)
    body = cleaned("\n".join(parts))
    return page_of(title, f"{_list_of(notes.all())}\n{body}", head=_head())


def page_of(title: str, body: str, *, head: str) -> str:
    """A whole page."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{_NO_PREFETCH}\n{head}\n{_OWN_STYLE}\n'
        f"<title>{escape(title)}</title>\n</head>\n"
        '<body class="jp-Notebook" data-jp-theme-light="true" data-jp-theme-name="JupyterLab Light">\n'
        f"<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _list_of(sentences: list[str]) -> str:
    if not sentences:
        return ""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return (
        '<div class="jp-terra-notes" role="note">This preview does not show everything. Open the notebook to see what '
        f"is missing:<ul>{items}</ul></div>"
    )


@lru_cache(maxsize=1)
def _head() -> str:
    """What JupyterLab's export has in its head, without anything that acts or is loaded from elsewhere."""
    folder = next(
        (str(parent / _TEMPLATES) for parent in Path(nbconvert.__file__).parents if _has_templates(parent)), None
    )
    if folder is not None:
        os.environ["JUPYTER_PATH"] = folder
    exporter = HTMLExporter(template_name="lab", extra_template_basedirs=[])
    page, _ = exporter.from_notebook_node(v4.new_notebook())
    head = page.partition("<head>")[2].partition("</head>")[0]
    return _ACTIVE.sub("", head)


def _has_templates(folder: Path) -> bool:
    return (folder / _TEMPLATES / "nbconvert" / "templates" / "lab" / "index.html.j2").exists()


def _cell(cell: Cell, highlight: Highlight2HTML, notes: Notes, *, why_plain: str | None) -> str:
    if why_plain is None:
        try:
            return _RENDERERS[cell.kind](cell, highlight)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a library may raise anything on content of others
            why_plain = f"it cannot be rendered ({type(error).__name__})"
    notes.add(f"Cell {cell.number} is shown as plain text, without its outputs: {why_plain}.")
    text = cell.source[:_MOST_PLAIN_CHARACTERS]
    return _cell_frame("jp-CodeCell jp-mod-noOutputs", "", f"<pre>{escape(text)}</pre>")


def _markdown_cell(cell: Cell, _: Highlight2HTML) -> str:
    rendered_markdown = cleaned(_markdown(cell.source, cell.attachments))
    return _cell_frame(
        "jp-MarkdownCell",
        "",
        f'<div class="jp-RenderedHTMLCommon jp-RenderedMarkdown jp-MarkdownOutput" data-mime-type="text/markdown">'
        f"{rendered_markdown}</div>",
    )


def _raw_cell(cell: Cell, _: Highlight2HTML) -> str:
    return _cell_frame("jp-RawCell", "", f"<pre>{escape(cell.source)}</pre>")


def _code_cell(cell: Cell, highlight: Highlight2HTML) -> str:
    count = "&nbsp;" if cell.count is None else str(cell.count)
    editor = (
        '<div class="jp-CodeMirrorEditor jp-Editor jp-InputArea-editor" data-type="inline">'
        f'<div class="cm-editor cm-s-jupyter">{highlight(cell.source)}</div></div>'
    )
    outputs = "".join(_output(output, count) for output in cell.outputs)
    area = (
        f'<div class="jp-Cell-outputWrapper"><div class="jp-OutputArea jp-Cell-outputArea">{outputs}</div></div>'
        if outputs
        else ""
    )
    kind = "jp-CodeCell" if outputs else "jp-CodeCell jp-mod-noOutputs"
    return _cell_frame(kind, f"In&nbsp;[{count}]:", editor, after=area)


def _cell_frame(kind: str, prompt: str, content: str, *, after: str = "") -> str:
    return (
        f'<div class="jp-Cell {kind} jp-Notebook-cell"><div class="jp-Cell-inputWrapper">'
        '<div class="jp-InputArea jp-Cell-inputArea">'
        f'<div class="jp-InputPrompt jp-InputArea-prompt">{prompt}</div>{content}</div></div>{after}</div>'
    )


def _output(output: Output, count: str) -> str:
    kind = "jp-OutputArea-child jp-OutputArea-executeResult" if output.is_result else "jp-OutputArea-child"
    prompt = f"Out[{count}]:" if output.is_result else ""
    return f'<div class="{kind}"><div class="jp-OutputPrompt jp-OutputArea-prompt">{prompt}</div>{_shown(output)}</div>'


def _shown(output: Output) -> str:
    result = " jp-OutputArea-executeResult" if output.is_result else ""
    content = output.content
    match output.kind:
        case "stream" | "text/plain":
            return _box("jp-RenderedText" + result, "text/plain", f"<pre>{ansi2html(content)}</pre>")
        case "stderr" | "error":
            mime_type = "application/vnd.jupyter.stderr"
            return _box("jp-RenderedText", mime_type, f"<pre>{ansi2html(content)}</pre>")
        case "text/html":
            return _box("jp-RenderedHTMLCommon jp-RenderedHTML" + result, output.kind, cleaned(content))
        case "text/markdown":
            return _box(
                "jp-RenderedHTMLCommon jp-RenderedMarkdown" + result, output.kind, cleaned(_markdown(content, {}))
            )
        case "text/latex":
            return _box("jp-RenderedLatex" + result, output.kind, escape(content))
        case "image/svg+xml":
            image = base64.b64encode(content.encode("utf-8")).decode("ascii")
            return _box("jp-RenderedSVG" + result, output.kind, _image(output, image))
        case _:
            return _box("jp-RenderedImage" + result, output.kind, _image(output, content))


def _box(kind: str, mime_type: str, content: str) -> str:
    return f'<div class="{kind} jp-OutputArea-output" data-mime-type="{mime_type}">{content}</div>'


def _image(output: Output, content: str) -> str:
    sizes = {"width": output.width, "height": output.height}
    written = "".join(f' {name}="{size}"' for name, size in sizes.items() if size is not None)
    return f'<img src="data:{output.kind};base64,{escape(content)}"{written}>'


def _markdown(source: str, attachments: dict[str, dict[str, str]]) -> str:
    renderer = _Renderer(escape=False, attachments=attachments, exclude_anchor_links=True)
    return MarkdownWithMath(renderer=renderer).render(source)


class _Renderer(IPythonRenderer):
    """Names an attachment that is missing, and shows the source of diagrams."""

    def _embed_image_or_attachment(self, src: str) -> str:
        if src.startswith("attachment:") and src.removeprefix("attachment:") not in self.attachments:
            return "attachment-is-missing"
        embedded: str = super()._embed_image_or_attachment(src)
        return embedded

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """See ``HTMLRenderer.image``."""
        if url.startswith("attachment:") and url.removeprefix("attachment:") not in self.attachments:
            return f"<em>[missing attachment: {escape(url.removeprefix('attachment:'))}]</em>"
        shown: str = super().image(text, url, title)
        return shown

    def block_mermaidjs(self, code: str) -> str:
        """The diagram's source: nothing draws it."""
        return f"<pre>{escape(code.strip())}</pre>"


_RENDERERS: dict[str, Callable[[Cell, Highlight2HTML], str]] = {
    "code": _code_cell,
    "markdown": _markdown_cell,
    "raw": _raw_cell,
}

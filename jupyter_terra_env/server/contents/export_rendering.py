"""What a child does that exports a notebook with nbconvert. Protocol: docs/protocol/untrusted-work.md."""

import os
from pathlib import Path
from typing import Any

import nbconvert
import nbformat
from nbconvert.exporters import get_exporter
from traitlets.config import Config

from jupyter_terra_env.notebooks.untrusted.memory_file import view_of
from jupyter_terra_env.notebooks.untrusted.zygote import Conversation

_TEMPLATES = Path("share/jupyter")


def warm_up() -> None:
    """Find nbconvert's own templates, from beside nbconvert, and load what most exports need."""
    for parent in Path(nbconvert.__file__).parents:
        if (parent / _TEMPLATES / "nbconvert" / "templates").is_dir():
            os.environ["JUPYTER_PATH"] = str(parent / _TEMPLATES)
            break
    _exporter("html").from_notebook_node(nbformat.v4.new_notebook())


def export(request: dict[str, Any], conversation: Conversation) -> dict[str, Any]:
    """Export a notebook.

    Args:
        request: ``format``; ``sanitize``, whether HTML is to be (None for as usual); ``resources`` for the exporter.
        conversation: its files are the notebook, as stored, and the one to write: the export, and after it
            the files that belong to it.
    """
    source, target = conversation.files
    exporter = _exporter(request["format"])
    if request["sanitize"] is not None:
        exporter.sanitize_html = request["sanitize"]
    notebook = nbformat.reads(bytes(view_of(source)).decode("utf-8"), as_version=4)
    output, resources = exporter.from_notebook_node(notebook, resources=request["resources"])
    parts = {"": output, **(resources.get("outputs") or {})}
    lengths = {}
    with os.fdopen(target, "wb") as file:
        for name, part in parts.items():
            lengths[name] = file.write(part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part)
    return {
        "lengths": lengths,
        "extension": resources.get("output_extension", ""),
        "mimetype": exporter.output_mimetype,
    }


def _exporter(name: str) -> Any:
    return get_exporter(name)(config=Config(TemplateExporter={"extra_template_basedirs": []}))

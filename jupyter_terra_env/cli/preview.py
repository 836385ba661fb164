"""`jupyter terra-env preview`: a notebook as a page to read, without a machine; or a small service of such pages."""

import argparse
import asyncio
import logging
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_terra_env.cli.output import say_json
from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason, SettingsError
from jupyter_terra_env.rules.shown_names import shown_lines

if TYPE_CHECKING:
    from jupyter_terra_env.cli.previewed_notebook import Found
    from jupyter_terra_env.notebooks.preview.pages import Page

NAME = "preview"
HELP = "show a notebook as a page to read, without Jupyter; or serve such pages"

_DESCRIPTION = """\
Write one notebook as a page of HTML that needs nothing else: nothing in it runs, nothing is loaded from elsewhere.

NOTEBOOK is a file, a path in a configured workspace as JupyterLab shows it (WORKSPACE/edit/NAME.ipynb; a file of that
name in this folder comes first), or an object: gs://BUCKET/OBJECT. No lock is taken, and nothing is copied to the disk.

With --serve it serves such pages at http://IP:PORT/preview/BUCKET/OBJECT, to many readers, from the buckets that
--bucket names. Readers bring their own Google access tokens ('Authorization: Bearer TOKEN'), and the bucket is asked
with these. With --trust-proxy, the service uses its own credentials for everyone who reaches it: use it only behind a
proxy that lets in the right people.
"""
_EPILOG = """\
examples:
  jupyter terra-env preview gs://my-bucket/notebooks/analysis.ipynb > page.html
  jupyter terra-env preview --serve --bucket my-bucket --port 8090 \\
    --open-url 'https://app.terra.bio/#workspaces/NAMESPACE/NAME/analysis/launch/{name}?mode={mode}'

exit codes: 0 done (or ended on request), 1 the notebook cannot be shown, 2 the command could not run as asked
"""
_SERVICE_OPTIONS = (
    "bucket",
    "ip",
    "port",
    "trust_proxy",
    "host",
    "open_url",
    "frame_ancestors",
    "allow_origin",
    "cache_mb",
)
_ADVICE = "Open the notebook itself in Jupyter; nothing in it runs by being opened."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.add_argument("notebook", nargs="?", metavar="NOTEBOOK", help="a file, a path in a workspace, or gs://…")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the page to this file (default: to stdout)")
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="the server's root folder (default: as configured, or this folder)"
    )
    parser.add_argument("--user-project", metavar="PROJECT", help="project to bill for requester-pays buckets")
    parser.add_argument("--json", action="store_true", help="print a report as JSON; with --serve, the start line")
    service = parser.add_argument_group("a service of previews")
    service.add_argument("--serve", action="store_true", help="serve pages until Ctrl-C or SIGTERM")
    service.add_argument("--bucket", action="append", metavar="BUCKET", help="a bucket that may be read; repeatable")
    service.add_argument("--ip", metavar="IP", help="address to listen on (default: 127.0.0.1)")
    service.add_argument("--port", type=_port, metavar="N", help="port to listen on (default: any free one)")
    service.add_argument(
        "--trust-proxy",
        action="store_true",
        help="use the service's own credentials for all readers: a proxy in front decides who they are",
    )
    service.add_argument(
        "--host",
        action="append",
        metavar="NAME",
        help="with --trust-proxy: a host name of the proxy; repeatable",
    )
    service.add_argument(
        "--open-url",
        metavar="TEMPLATE",
        help="address behind Open in Edit and Open in Playground, with {mode} and {name} or {object}, and {bucket}",
    )
    service.add_argument(
        "--frame-ancestors", metavar="SOURCES", help="pages that may frame a preview (default: \"'self'\")"
    )
    service.add_argument(
        "--allow-origin",
        action="append",
        metavar="ORIGIN",
        help="a site such as https://app.example.org whose pages may fetch previews with a token; repeatable",
    )
    service.add_argument("--cache-mb", type=_megabytes, metavar="N", help="memory for rendered pages (default: 64)")


def run(arguments: argparse.Namespace) -> int:
    """Write a page, or serve.

    Returns:
        0 if done.

    Raises:
        SettingsError: a setting or an argument is wrong or missing.
        TerraEnvError: the notebook cannot be shown.
    """
    _require_fitting(arguments)
    # Jupyter, the client and the converter take a second to import, and each way needs only some of them.
    if arguments.serve:
        from jupyter_terra_env.cli.preview_service import serve  # noqa: PLC0415

        return serve(arguments)
    from jupyter_terra_env.cli.previewed_notebook import find  # noqa: PLC0415

    found = find(arguments.notebook, root=arguments.root, user_project=arguments.user_project)
    page = asyncio.run(_rendered(found))
    if page.why_not_shown is not None:
        raise OperationRefused(RefusalReason.NO_PREVIEW, f"{found.name} cannot be shown: {page.why_not_shown}.")
    html = b"".join(page.with_banner(found.banner.markup()))
    if arguments.output is not None:
        _write(arguments.output, html)
    if arguments.json:
        say_json(_report(found, html, arguments.output))
    elif arguments.output is None:
        _print(html)
    return 0


def _require_fitting(arguments: argparse.Namespace) -> None:
    """Refuse what does not go together."""
    if arguments.serve and (arguments.notebook is not None or arguments.output is not None):
        raise SettingsError("--serve takes no notebook and no --output: readers name notebooks by their address.")
    given = [option for option in _SERVICE_OPTIONS if getattr(arguments, option)]
    if given and not arguments.serve:
        raise SettingsError(f"--{given[0].replace('_', '-')} goes with --serve.")
    if arguments.notebook is None and not arguments.serve:
        raise SettingsError("Name a notebook (a file, a path in a workspace, or gs://BUCKET/OBJECT), or use --serve.")


async def _rendered(found: "Found") -> "Page":
    from jupyter_terra_env.notebooks.preview.pages import rendered  # noqa: PLC0415
    from jupyter_terra_env.notebooks.untrusted.cage import Cage  # noqa: PLC0415

    cage = Cage(logging.getLogger(__name__))
    try:
        page = await rendered(cage, found.content, found.title, advice=_ADVICE)
    finally:
        await cage.close()
    if page is None:
        raise OperationRefused(RefusalReason.NO_PREVIEW, f"{found.name} is not a notebook that can be shown.")
    return page


def _report(found: "Found", html: bytes, output: Path | None) -> dict[str, Any]:
    def moment(value: Any) -> str | None:
        return None if value is None else f"{value:%Y-%m-%dT%H:%M:%SZ}"

    return {
        "well": True,
        "notebook": found.name,
        "generation": found.generation,
        "saved_at": moment(found.banner.saved_at),
        "edited_until": moment(found.banner.edited_until),
        "page_bytes": len(html),
        "output": None if output is None else str(output),
        "page": html.decode("utf-8") if output is None else None,
    }


def _write(output: Path, html: bytes) -> None:
    """Write a file; what was there stays until the page is whole."""
    temporary = output.with_name(f".{output.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(html)
        temporary.replace(output)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SettingsError(f"--output: {output} cannot be written: {error.strerror or error}.") from error


def _print(html: bytes) -> None:
    if sys.stdout.isatty():
        # Content of others must not control the terminal.
        print(shown_lines(html.decode("utf-8")))
        return
    sys.stdout.buffer.write(html)
    sys.stdout.buffer.flush()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def _megabytes(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of megabytes (1 to 65536)")
    return int(text)

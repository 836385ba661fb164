"""`jupyter terra-env bucket`: the embedded bucket for other programs of this machine, over HTTP."""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.errors import DatabaseUnusableError
from jupyter_terra_env.bucket.embedded.http_front import LoopbackFront

NAME = "bucket"
HELP = "serve an embedded workspace bucket on this machine, without a cloud"

_DESCRIPTION = """\
Serve Google Cloud Storage's JSON API from one folder, for programs on this machine only.

The line printed at the start is what a Cloud Storage client needs: export it, and google-cloud-storage works
unchanged. It holds a token that is new at every start; whoever knows it can read and write.
Several servers may share one folder. Ctrl-C ends the server; everything that was answered is on the disk.
"""
_EPILOG = """\
example:
  $ jupyter terra-env bucket --data ~/bucket --port 9000
  export STORAGE_EMULATOR_HOST=http://127.0.0.1:9000/TOKEN

exit codes: 0 ended on request, 2 could not start (the reason is on stderr)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help=f"folder of the data ({DATABASE_NAME}); is created"
    )
    parser.add_argument("--port", type=_port, default=0, metavar="P", help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument(
        "--no-token",
        action="store_true",
        help="ask for no token: every user and every program of this machine can then read and write; "
        "pages in a browser cannot: what comes from another site (Origin, Sec-Fetch-Site, Host) is refused",
    )
    parser.add_argument("--json", action="store_true", help="print the start line as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Returns:
        0 when ended on request, 2 when it could not start.
    """
    data: Path = arguments.data.expanduser().absolute()
    try:
        bucket = EmbeddedBucket(data / DATABASE_NAME)
    except (OSError, DatabaseUnusableError) as error:
        return _refuse(_about_data(data, error))
    with bucket:
        try:
            front = LoopbackFront(bucket, port=arguments.port, open_to_all_local_users=arguments.no_token)
        except OSError as error:
            return _refuse(f"port {arguments.port} on 127.0.0.1 cannot be used: {_reason(error)}")
        _serve(front, data, as_json=arguments.json)
    return 0


def main() -> int:
    """Run the command by itself."""
    parser = argparse.ArgumentParser(prog="jupyter terra-env bucket")
    configure(parser)
    return run(parser.parse_args())


def _serve(front: LoopbackFront, data: Path, *, as_json: bool) -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        front.request_stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if front.token is None:
        print("warning: no token: every local user can read and write this bucket", file=sys.stderr, flush=True)
    if as_json:
        start = {"STORAGE_EMULATOR_HOST": front.url, "port": front.port, "token": front.token}
        print(json.dumps({**start, "data": str(data), "pid": os.getpid()}), flush=True)
    else:
        print(f"export STORAGE_EMULATOR_HOST={front.url}", flush=True)
    front.serve_forever()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def _about_data(data: Path, error: OSError | DatabaseUnusableError) -> str:
    if isinstance(error, DatabaseUnusableError):
        return str(error)
    return f"data folder {data} cannot be used: {_reason(error)}"


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _refuse(sentence: str) -> int:
    print(f"jupyter terra-env bucket: {sentence}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())

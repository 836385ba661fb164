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
from jupyter_terra_env.bucket.embedded.first_use import make_bucket
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer
from jupyter_terra_env.cli.json_errors import SETTINGS, print_failure
from jupyter_terra_env.rules.bucket_names import broken_rule, bucket_name
from jupyter_terra_env.rules.errors import SettingsError

NAME = "bucket"
HELP = "serve an embedded workspace bucket on this machine, without a cloud"

_DESCRIPTION = """\
Serve Google Cloud Storage's JSON API from one folder, for programs on this machine only.

The line printed at the start is what a Cloud Storage client needs: export it, and google-cloud-storage works
unchanged. It contains a token that changes at every start and permits reading and writing.
Several servers may share one folder. Ctrl-C ends the server; everything it acknowledged is on the disk.
"""
_EPILOG = """\
examples:
  $ jupyter terra-env bucket --data ~/bucket --create gs://my-bucket
  $ jupyter terra-env bucket --data ~/bucket --port 9000
  export STORAGE_EMULATOR_HOST=http://127.0.0.1:9000/TOKEN

exit codes: 0 ended on request, 2 could not start (stderr has the reason)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help=f"data folder (holds {DATABASE_NAME}); created if it does not exist",
    )
    parser.add_argument("--port", type=_port, default=0, metavar="P", help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument(
        "--no-token",
        action="store_true",
        help="require no token: every user and program of this machine can then read and write; web pages cannot: "
        "requests from other sites (by Origin, Sec-Fetch-Site and Host) are refused",
    )
    parser.add_argument("--create", metavar="BUCKET", help="create this bucket (gs://BUCKET) in the folder, then exit")
    parser.add_argument("--json", action="store_true", help="print the start line as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Returns:
        0 when ended on request, or when the bucket exists.

    Raises:
        SettingsError: it could not start, or the bucket could not be created.
    """
    data: Path = arguments.data.expanduser().absolute()
    rule = None if arguments.create is None else broken_rule(arguments.create)
    if rule is not None:
        raise SettingsError(f"--create: expected gs://BUCKET, got {arguments.create!r}: {rule}.")
    try:
        bucket = EmbeddedBucket(data / DATABASE_NAME)
    except (OSError, DatabaseUnusableError) as error:
        raise SettingsError(_about_data(data, error)) from error
    with bucket:
        if arguments.create is not None:
            return _create(bucket, bucket_name(arguments.create), data, as_json=arguments.json)
        try:
            front = EmbeddedServer(bucket, port=arguments.port, open_to_all_local_users=arguments.no_token)
        except OSError as error:
            raise SettingsError(f"port {arguments.port} on 127.0.0.1 cannot be used: {_reason(error)}") from error
        _serve(front, data, as_json=arguments.json)
    return 0


def _create(bucket: EmbeddedBucket, name: str, data: Path, *, as_json: bool) -> int:
    try:
        is_new = make_bucket(bucket, name)
    except OSError as error:
        raise SettingsError(f"the bucket {name} cannot be created: {_reason(error)}") from error
    if as_json:
        print(json.dumps({"bucket": name, "made": is_new, "data": str(data)}))
    else:
        print(f"gs://{name} {'was created' if is_new else 'exists already'}, in {data}")
    return 0


def main() -> int:
    """Run this command without the others."""
    parser = argparse.ArgumentParser(prog="jupyter terra-env bucket")
    configure(parser)
    arguments = parser.parse_args()
    try:
        return run(arguments)
    except SettingsError as error:
        print_failure(parser.prog, SETTINGS, str(error), as_json=arguments.json)
        return 2


def _serve(front: EmbeddedServer, data: Path, *, as_json: bool) -> None:
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


if __name__ == "__main__":
    sys.exit(main())

"""``python -m jupyter_terra_env.server.large_notebooks DESCRIPTOR``: the process that converts large notebooks."""

import sys


def main() -> None:
    """Load what it takes, and serve at the socket of that descriptor."""
    # It checks addresses, which no schema of notebooks asks for, and takes a second to load; jsonschema does without.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    from jupyter_terra_env.server.large_notebooks.worker import serve  # noqa: PLC0415

    serve(int(sys.argv[1]))


if __name__ == "__main__":
    main()

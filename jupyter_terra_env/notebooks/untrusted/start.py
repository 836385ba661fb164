"""The program that the process of ``cage`` runs: ``python -I …/start.py DESCRIPTOR FOLDER FOLDERS``.

Isolated, Python imports from its own installation only. This package is loaded from where the server has it, and the
folders of the packages that this one depends on come last, in case they are elsewhere.
"""

import importlib.util
import json
import sys
from pathlib import Path


def main() -> None:
    """Load this package, and serve at the socket of that descriptor."""
    descriptor, folder, folders = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    sys.path += [path for path in folders if path not in sys.path]
    # It checks addresses, which no schema of notebooks asks for, and takes a second to load; jsonschema does without.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    package = Path(__file__).resolve().parents[2]
    spec = importlib.util.spec_from_file_location(
        package.name, package / "__init__.py", submodule_search_locations=[str(package)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(package.name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[package.name] = module
    spec.loader.exec_module(module)
    zygote = importlib.import_module(f"{package.name}.notebooks.untrusted.zygote")
    zygote.serve(descriptor, folder)


if __name__ == "__main__":
    main()

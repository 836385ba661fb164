"""Settings for the whole suite."""

import os

import pytest
from hypothesis import settings
from jupyter_server.extension.manager import ExtensionManager

# The client library would otherwise ask for bucket metadata on a thread of its own.
os.environ["DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"] = "1"

# The same stories each time: a failure must come from the change at hand. NEW_STORIES=1 tries others.
settings.register_profile("default", deadline=None, derandomize="NEW_STORIES" not in os.environ)
settings.load_profile("default")

pytest_plugins = ["pytest_jupyter.jupyter_server", "kernel_kit", "conditional_writes"]


@pytest.fixture(autouse=True)
def extensions_sorted_as_ever(monkeypatch):
    """Linking ``notebook_shim`` replaces a property of Jupyter's own class for the rest of the process."""
    monkeypatch.setattr(ExtensionManager, "sorted_extensions", ExtensionManager.__dict__["sorted_extensions"])

"""jgscm under today's Jupyter: it imports `notebook.services`, which lives in jupyter_server since notebook 7."""

import sys
from importlib import import_module

for _name in ("services", "services.contents", "services.contents.checkpoints", "services.contents.manager"):
    sys.modules[f"notebook.{_name}"] = import_module(f"jupyter_server.{_name}")

GoogleStorageContentManager = import_module("jgscm").GoogleStorageContentManager

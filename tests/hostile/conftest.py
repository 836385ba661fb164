"""The servers of tests/server, for content and callers that mean no good."""

import importlib.util
import sys
from pathlib import Path

_SERVER_TESTS = Path(__file__).parent.parent / "server"
sys.path.insert(0, str(_SERVER_TESTS))
_SPEC = importlib.util.spec_from_file_location("fixtures_of_servers", _SERVER_TESTS / "conftest.py")
_FIXTURES = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_FIXTURES)
globals().update({name: value for name, value in vars(_FIXTURES).items() if not name.startswith("_")})

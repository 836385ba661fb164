"""Every variable and word of packages that persist is documented."""

from pathlib import Path

import pytest

from jupyter_terra_env.environment.packages.folder import FOLDER_VARIABLE, STARTUP, PackagesFolder
from jupyter_terra_env.environment.packages.restoring import Outcome
from jupyter_terra_env.environment.packages.troubles import TroubleKind

PAGE = (Path(__file__).parent.parent.parent / "docs" / "packages.md").read_text(encoding="utf-8")
VARIABLES = PackagesFolder(path=Path("/packages")).variables({})


@pytest.mark.parametrize("word", [*VARIABLES, *Outcome, *TroubleKind])
def test_every_word(word):
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize("file", ["sitecustomize.py", "profile.R"])
def test_the_startup_files_know_the_folders_variable(file):
    assert f'"{FOLDER_VARIABLE}"' in (STARTUP / file).read_text(encoding="utf-8")

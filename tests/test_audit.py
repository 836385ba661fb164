"""`.ci/audit` says which of three things is so: nothing is known, something is, or it could not be asked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = Path(__file__).parent.parent / ".ci" / "audit"
CLEAN = {"dependencies": [{"name": "a", "version": "1", "vulns": []}]}
VULNERABLE = {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}]}
SKIPPED = {"dependencies": [{"name": "a", "skip_reason": "Dependency not found on PyPI and could not be audited"}]}
NO_NPM = "➤ YN0035: The remote server failed to provide the requested resource\n➤ YN0035:   Response Code: 405\n"
ADVISORY = json.dumps({"value": "b", "children": {"ID": 1, "Issue": "An issue", "Severity": "high", "URL": "u"}})


@pytest.fixture
def audit(tmp_path):
    """Run it with other people's programs saying what they say."""

    def run(python, npm, npm_code=0, *, has_yarn=True):
        module = tmp_path / "path" / "pip_audit"
        module.mkdir(parents=True)
        text = python if isinstance(python, str) else json.dumps(python)
        (module / "__init__.py").touch()
        (module / "__main__.py").write_text(f"import sys\nprint({text!r})\nsys.stderr.write('no network')\n")
        programs = tmp_path / "bin"
        programs.mkdir()
        if has_yarn:
            (programs / "jlpm").write_text(f"#!/bin/sh\ncat <<'END'\n{npm}\nEND\nexit {npm_code}\n")
            (programs / "jlpm").chmod(0o755)
        (programs / "cat").symlink_to("/bin/cat")
        environment = {**os.environ, "PATH": str(programs), "PYTHONPATH": str(tmp_path / "path")}
        done = subprocess.run([sys.executable, AUDIT], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    return run


def test_nothing_is_known(audit):
    code, said, _ = audit(CLEAN, "")
    assert code == 0
    assert said.splitlines() == [
        "Python: no vulnerability is known of 1 packages.",
        "Front end: no vulnerability is known.",
    ]


@pytest.mark.parametrize(
    ("python", "npm", "npm_code", "named"),
    [(VULNERABLE, "", 0, "a 1: CVE-1"), (CLEAN, ADVISORY, 1, "b: high: An issue"), (VULNERABLE, NO_NPM, 1, "CVE-1")],
    ids=["Python", "front end", "the other could not be asked"],
)
def test_something_is_known(audit, python, npm, npm_code, named):
    code, said, _ = audit(python, npm, npm_code)
    assert code == 1
    assert named in said


@pytest.mark.parametrize(
    ("python", "npm", "npm_code", "sentence"),
    [
        (SKIPPED, "", 0, "Python: for 1 of 1 packages there is no data here."),
        ("", "", 0, "Python: the data of known vulnerabilities could not be had: no network"),
        ({"dependencies": []}, "", 0, "Python: for 0 of 0 packages there is no data here."),
        (
            CLEAN,
            NO_NPM,
            1,
            "Front end: the data of known vulnerabilities could not be had: ➤ YN0035: The remote server",
        ),
    ],
    ids=["no data", "no network", "no packages", "no data of npm"],
)
def test_it_could_not_be_asked(audit, python, npm, npm_code, sentence):
    code, _, said = audit(python, npm, npm_code)
    assert code == 3
    [line] = said.splitlines()
    assert line.startswith(sentence)


def test_a_program_is_missing(audit):
    code, _, said = audit(CLEAN, "", has_yarn=False)
    assert (code, said.strip()) == (2, "Front end: jlpm is missing (pip install jupyterlab).")

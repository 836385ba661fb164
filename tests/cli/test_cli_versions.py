"""`jupyter terra-env versions`: asks the server that runs."""

import contextlib
import json
from contextlib import closing
from pathlib import Path

from workspace_kit import notebook, sources, text_of

from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.gcs_client import connect

NAME = "notebooks/v.ipynb"


def test_versions_are_listed_restored_and_copied(machine, tmp_path):
    data = tmp_path / "data"
    with contextlib.ExitStack() as stack:
        demo = stack.enter_context(machine.demo("--data", data))
        root = demo.wait_until_it_serves().info["root_dir"]
        client = stack.enter_context(closing(connect(Connection(embedded_directory=data / "bucket"))))
        [folder] = [path.parent.name for path in Path(root).glob("*/edit")]
        bucket = client.get_bucket("demo-workspace-bucket")
        bucket.versioning_enabled = True
        bucket.patch()
        for text in ("old", "new"):
            bucket.blob(NAME).upload_from_string(text_of(notebook(text)))
        path = f"{folder}/edit/v.ipynb"

        listed = machine.run("versions", path)
        assert (listed.returncode, listed.stderr) == (0, "")
        assert [line.split()[-1] for line in listed.stdout.splitlines()[1:]] == ["now", "kept"]
        report = json.loads(machine.run("versions", path, "--json").stdout)
        generation = report["versions"][1]["generation"]

        restored = machine.run("versions", path, "--restore", generation)
        assert (restored.returncode, restored.stdout) == (0, f"restored: {path}\n")
        assert sources(json.loads(bucket.blob(NAME).download_as_bytes())) == ["old"]
        copied = machine.run("versions", path, "--copy", generation)
        assert copied.stdout.startswith(f"copied to: {folder}/edit/v (20")

        refused = machine.run("versions", path, "--restore", "123")
        assert refused.returncode == 1
        assert refused.stdout.startswith("refused: The bucket does not have this version of")

        bucket.delete_blob(NAME)
        deleted = machine.run("versions", f"{folder}/edit", "--deleted")
        assert deleted.stdout.split("  ")[0] == path
        outside = machine.run("versions", str(tmp_path / "x.ipynb"))
        assert outside.returncode == 2
        assert "is not below the root folder" in outside.stderr
        demo.interrupt()
        assert demo.end() == 0


def test_without_a_server(machine):
    done = machine.run("versions", "ws/edit/a.ipynb")
    assert done.returncode == 2
    assert "No Jupyter server of yours runs on this machine." in done.stderr

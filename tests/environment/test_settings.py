"""Settings: each source, which one wins, and that every refusal names what to correct."""

import json
import os
import re

import pytest

from jupyter_terra_env.environment.folder_files import DELOCALIZE_FILE
from jupyter_terra_env.environment.settings import Defaults, find_workspaces, owner_email
from jupyter_terra_env.rules.errors import SettingsError

DEFAULTS = Defaults(
    edit_folder="edit",
    playground_folder="playground",
    prefix="notebooks/",
    pattern=r".*\.ipynb",
    user_project="",
)
ENVIRONMENT = {"WORKSPACE_NAME": "my work", "WORKSPACE_BUCKET": "gs://fc-secure-1"}


ALLOWED = ("gs://b-one", "b-two", "b-three", "b-four", "b-five", "from-file")


def found(tmp_path, environ=(), configured=(), *, allowed=ALLOWED, warnings=None, **defaults):
    settings = {name: getattr(DEFAULTS, name) for name in DEFAULTS.__slots__} | defaults
    return find_workspaces(
        root=tmp_path,
        environ=dict(environ),
        configured=configured,
        defaults=Defaults(**settings),
        folder_buckets=allowed,
        warn=(warnings if warnings is not None else []).append,
    )


def delocalize_file(tmp_path, name, content, folder="edit"):
    file = tmp_path / name / folder / DELOCALIZE_FILE
    file.parent.mkdir(parents=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


class TestSources:
    def test_nothing_configured(self, tmp_path):
        assert found(tmp_path) == ()

    def test_environment(self, tmp_path):
        [workspace] = found(tmp_path, ENVIRONMENT)
        assert workspace.name == "my work"
        assert workspace.bucket == "fc-secure-1"
        assert workspace.prefix == "notebooks/"
        assert workspace.edit_directory == "my work/edit"
        assert workspace.playground_directory == "my work/playground"
        assert workspace.pattern.pattern == r".*\.ipynb"
        assert workspace.user_project is None

    def test_empty_variables_are_unset_ones(self, tmp_path):
        assert found(tmp_path, {"WORKSPACE_NAME": "", "WORKSPACE_BUCKET": ""}) == ()

    def test_defaults_of_the_server(self, tmp_path):
        [workspace] = found(
            tmp_path,
            ENVIRONMENT,
            edit_folder="e",
            playground_folder="safe",
            prefix="nb",
            pattern=".*",
            user_project="p",
        )
        assert (workspace.edit_directory, workspace.playground_directory) == ("my work/e", "my work/safe")
        assert (workspace.prefix, workspace.pattern.pattern, workspace.user_project) == ("nb/", ".*", "p")

    def test_delocalize_files(self, tmp_path):
        delocalize_file(tmp_path, "one", {"destination": "gs://b-one/notebooks"})
        delocalize_file(tmp_path, "two", {"destination": "gs://b-two/deep/er"})
        delocalize_file(tmp_path, "three", {"destination": "b-three"})
        delocalize_file(tmp_path, ".hidden", {"destination": "gs://b-four"})
        delocalize_file(tmp_path, "other", {"destination": "gs://b-five"}, folder="elsewhere")
        workspaces = {workspace.name: workspace for workspace in found(tmp_path)}
        assert {name: (w.bucket, w.prefix) for name, w in workspaces.items()} == {
            "one": ("b-one", "notebooks/"),
            "two": ("b-two", "deep/er/"),
            "three": ("b-three", ""),
        }
        assert workspaces["one"].edit_directory == "one/edit"

    def test_traitlets(self, tmp_path):
        [workspace] = found(
            tmp_path,
            configured=[
                {
                    "name": "ws",
                    "bucket": "gs://bucket-1/",
                    "prefix": "",
                    "edit_directory": "/",
                    "playground_directory": None,
                    "pattern": r".+(\.ipynb|\.Rmd|\.R)$",
                    "user_project": "payer",
                }
            ],
        )
        assert (workspace.bucket, workspace.prefix, workspace.edit_directory) == ("bucket-1", "", "")
        assert workspace.playground_directory is None
        assert (workspace.user_project, next(workspace.directories())[0]) == ("payer", "")

    def test_a_bucket_without_scheme_in_traitlets(self, tmp_path):
        [workspace] = found(tmp_path, configured=[{"name": "ws", "bucket": "bucket-1"}])
        assert workspace.bucket == "bucket-1"


class TestPrecedence:
    def test_the_environment_wins_over_files(self, tmp_path):
        delocalize_file(tmp_path, "my work", {"destination": "gs://from-file/x"})
        [workspace] = found(tmp_path, ENVIRONMENT)
        assert (workspace.bucket, workspace.prefix) == ("fc-secure-1", "notebooks/")

    def test_traitlets_win_over_the_environment(self, tmp_path):
        delocalize_file(tmp_path, "my work", {"destination": "gs://from-file/x"})
        [workspace] = found(tmp_path, ENVIRONMENT, [{"name": "my work", "bucket": "gs://from-trait"}])
        assert workspace.bucket == "from-trait"

    def test_different_folders_add_up(self, tmp_path):
        delocalize_file(tmp_path, "one", {"destination": "gs://b-one/notebooks"})
        names = [w.name for w in found(tmp_path, ENVIRONMENT, [{"name": "three", "bucket": "gs://b-three"}])]
        assert names == ["one", "my work", "three"]


def trait(**values):
    return {"configured": [{"name": "ws", "bucket": "gs://bucket-1", **values}]}


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            ({"environ": {"WORKSPACE_NAME": "ws"}}, "WORKSPACE_BUCKET"),
            ({"environ": {"WORKSPACE_BUCKET": "gs://bucket"}}, "WORKSPACE_NAME"),
            ({"environ": {**ENVIRONMENT, "WORKSPACE_BUCKET": "bucket"}}, "WORKSPACE_BUCKET"),
            ({"environ": {**ENVIRONMENT, "WORKSPACE_BUCKET": "gs://"}}, "WORKSPACE_BUCKET"),
            ({"environ": {**ENVIRONMENT, "WORKSPACE_BUCKET": "gs://Bad_Name"}}, "WORKSPACE_BUCKET"),
            ({"environ": {**ENVIRONMENT, "WORKSPACE_BUCKET": "gs://bucket/notebooks"}}, "WORKSPACE_BUCKET"),
            ({"environ": {**ENVIRONMENT, "WORKSPACE_NAME": "a/b"}}, "WORKSPACE_NAME"),
            ({"environ": {**ENVIRONMENT, "WORKSPACE_NAME": ".."}}, "WORKSPACE_NAME"),
            ({"environ": {**ENVIRONMENT, "WORKSPACE_NAME": ".hidden"}}, "WORKSPACE_NAME"),
            ({"environ": {**ENVIRONMENT, "WORKSPACE_NAME": "  "}}, "WORKSPACE_NAME"),
            ({"environ": {**ENVIRONMENT, "WORKSPACE_NAME": "a\nb"}}, "WORKSPACE_NAME"),
            ({"configured": ["gs://bucket"]}, "TerraEnvApp.workspaces[0]"),
            ({"configured": [{"bucket": "gs://bucket"}]}, "TerraEnvApp.workspaces[0]"),
            ({"configured": [{"name": "ws"}]}, "TerraEnvApp.workspaces[0]"),
            (trait(buckets="x"), "'buckets'"),
            (trait(name=3), "TerraEnvApp.workspaces[0]['name']"),
            (trait(bucket=None), "TerraEnvApp.workspaces[0]['bucket']"),
            (trait(edit_directory=None), "TerraEnvApp.workspaces[0]['edit_directory']"),
            (trait(name="a/b"), "TerraEnvApp.workspaces[0]['name']"),
            (trait(name=""), "TerraEnvApp.workspaces[0]['name']"),
            (trait(bucket="gs://b"), "TerraEnvApp.workspaces[0]['bucket']"),
            (trait(bucket="gs://bucket\n"), "TerraEnvApp.workspaces[0]['bucket']"),
            (trait(prefix="../up/"), "TerraEnvApp.workspaces[0]['prefix']"),
            (trait(prefix="/rooted"), "TerraEnvApp.workspaces[0]['prefix']"),
            (trait(prefix="/"), "TerraEnvApp.workspaces[0]['prefix']"),
            (trait(prefix="a//b"), "TerraEnvApp.workspaces[0]['prefix']"),
            (trait(edit_directory="../up"), "TerraEnvApp.workspaces[0]['edit_directory']"),
            (trait(playground_directory="/"), "TerraEnvApp.workspaces[0]['playground_directory']"),
            (trait(playground_directory=""), "TerraEnvApp.workspaces[0]['playground_directory']"),
            (trait(playground_directory="a/../b"), "TerraEnvApp.workspaces[0]['playground_directory']"),
            (trait(pattern="("), "TerraEnvApp.workspaces[0]['pattern']"),
            (trait(playground_directory="ws/edit"), "'ws/edit'"),
            ({"allowed": ["s3://b-one"]}, "TerraEnvApp.folder_buckets[0]"),
        ],
    )
    def test_name_what_to_correct(self, tmp_path, arguments, named):
        with pytest.raises(SettingsError, match=re.escape(named)):
            found(tmp_path, **arguments)

    @pytest.mark.parametrize(("default", "value"), [("prefix", "../"), ("pattern", "[")])
    def test_of_a_default_name_it(self, tmp_path, default, value):
        with pytest.raises(SettingsError, match=default):
            found(tmp_path, ENVIRONMENT, **{default: value})

    def test_two_workspaces_in_one_folder(self, tmp_path):
        configured = [
            {"name": "one", "bucket": "gs://b-one", "playground_directory": "shared"},
            {"name": "two", "bucket": "gs://b-two", "playground_directory": "shared"},
        ]
        with pytest.raises(SettingsError, match=r"'one' and 'two'.*'shared'"):
            found(tmp_path, configured=configured)

    def test_two_entries_for_one_edit_folder_the_last_wins(self, tmp_path):
        configured = [{"name": "ws", "bucket": "gs://b-one"}, {"name": "ws", "bucket": "gs://b-two"}]
        assert [w.bucket for w in found(tmp_path, configured=configured)] == ["b-two"]


class TestFilesOfStrangers:
    """A file in a folder may have come with a cloned repository: it neither configures nor stops a server."""

    def skipped(self, tmp_path, **arguments):
        warnings = []
        assert found(tmp_path, warnings=warnings, **arguments) == ()
        [warning] = warnings
        return warning

    @pytest.mark.parametrize("allowed", [(), ("another-bucket",)])
    def test_a_bucket_that_the_operator_has_not_named(self, tmp_path, allowed):
        delocalize_file(tmp_path, "cloned", {"destination": "gs://b-one/notebooks"})
        warning = self.skipped(tmp_path, allowed=allowed)
        assert "'cloned'" in warning
        assert "TerraEnvApp.folder_buckets" in warning
        assert "b-one" not in warning

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "{",
            "[]",
            "3",
            "{}",
            "[" * 4000,
            '{"destination": "\\ud800"}',
            '{"destination": "gs://b-one/x\\u0000"}',
            '{"destination": "gs://b-one/' + "x" * 5000 + '"}',
            {"destination": 3},
            {"destination": None},
            {"destination": ""},
            {"destination": "gs://"},
            {"destination": "gs://UPPER/x"},
            {"destination": "s3://b-one/x"},
            {"destination": "gs://b-one/../x"},
            {"destination": "gs://b-one.evil.example/x"},
        ],
    )
    def test_a_malformed_one(self, tmp_path, content):
        delocalize_file(tmp_path, "ws", content)
        assert "'ws'" in self.skipped(tmp_path)

    def test_bytes_that_are_no_text(self, tmp_path):
        delocalize_file(tmp_path, "ws", "x").write_bytes(b"\xff\xfe{}")
        assert "cannot be read" in self.skipped(tmp_path)

    def test_a_pipe_does_not_hold_the_start(self, tmp_path):
        file = delocalize_file(tmp_path, "ws", "x")
        file.unlink()
        os.mkfifo(file)
        assert "not a regular file" in self.skipped(tmp_path)

    def test_a_folder_of_its_name(self, tmp_path):
        (tmp_path / "ws" / "edit" / DELOCALIZE_FILE).mkdir(parents=True)
        self.skipped(tmp_path)

    @pytest.mark.parametrize("linked", ["ws", "ws/edit", f"ws/edit/{DELOCALIZE_FILE}"])
    def test_links(self, tmp_path, linked):
        real = delocalize_file(tmp_path / "elsewhere", "ws", {"destination": "gs://b-one/x"})
        link = tmp_path / "root" / linked
        link.parent.mkdir(parents=True)
        link.symlink_to(tmp_path / "elsewhere" / linked)
        self.skipped(tmp_path / "root")
        assert real.exists()

    @pytest.mark.parametrize("kind", ["link", "file", "loop"])
    def test_a_playground_that_is_no_folder_of_its_own(self, tmp_path, kind):
        delocalize_file(tmp_path, "cloned", {"destination": "gs://b-one/x"})
        playground = tmp_path / "cloned" / "playground"
        if kind == "file":
            playground.write_text("")
        else:
            playground.symlink_to("playground" if kind == "loop" else "edit")
        self.skipped(tmp_path)

    def test_one_that_lies_inside_a_workspace_of_the_operator_s(self, tmp_path):
        delocalize_file(tmp_path, "ws", {"destination": "gs://b-one/x"})
        warnings = []
        configured = [{"name": "mine", "bucket": "gs://mine-1", "edit_directory": "ws"}]
        assert [w.name for w in found(tmp_path, configured=configured, warnings=warnings)] == ["mine"]
        assert len(warnings) == 1

    def test_the_operator_s_project_never_pays_for_it(self, tmp_path):
        delocalize_file(tmp_path, "one", {"destination": "gs://b-one/x", "user_project": "theirs"})
        [workspace] = found(tmp_path, user_project="operators-project")
        assert workspace.user_project is None

    def test_one_warning_for_many_and_names_cannot_forge_lines(self, tmp_path):
        for index in range(30):
            delocalize_file(tmp_path, f"a{index:02}\n\x9b\u202e", "{")
        warning = self.skipped(tmp_path)
        assert warning.isprintable()
        assert "27 more" in warning

    def test_no_warning_where_the_operator_has_said_what_the_folder_is(self, tmp_path):
        delocalize_file(tmp_path, "my work", "{")
        warnings = []
        assert [w.bucket for w in found(tmp_path, ENVIRONMENT, warnings=warnings)] == ["fc-secure-1"]
        assert warnings == []

    def test_the_others_count_all_the_same(self, tmp_path):
        delocalize_file(tmp_path, "bad", "{")
        delocalize_file(tmp_path, "good", {"destination": "gs://b-one/x"})
        assert [w.name for w in found(tmp_path)] == ["good"]


class TestOwner:
    def test_the_setting_wins_over_the_environment(self):
        assert owner_email({"OWNER_EMAIL": "a@example.org"}, "b@example.org") == "b@example.org"
        assert owner_email({"OWNER_EMAIL": "a@example.org"}, "") == "a@example.org"
        assert owner_email({}, "") == ""

    @pytest.mark.parametrize("value", ["nobody", "a@", "@b", "a b@c", "a@b@c"])
    def test_a_wrong_value_names_its_setting(self, value):
        with pytest.raises(SettingsError, match=r"^TerraEnvApp\.owner_email: "):
            owner_email({}, value)
        with pytest.raises(SettingsError, match=r"^OWNER_EMAIL: "):
            owner_email({"OWNER_EMAIL": value}, "")

"""Settings of a server, and a server without any."""

import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from workspace_kit import BUCKET, WORKSPACE, notebook, sources, text_of


class TestWithoutAWorkspace:
    @pytest.fixture
    def workspace_environ(self, monkeypatch):
        for variable in ("WORKSPACE_NAME", "WORKSPACE_BUCKET", "OWNER_EMAIL"):
            monkeypatch.delenv(variable, raising=False)

    async def test_notebooks_are_opened_and_saved_as_ever(self, bucket, api, jp_root_dir, jp_serverapp):
        saved = await api("PUT", "contents", "a.ipynb", body={"type": "notebook", "content": notebook("1")})
        assert saved.code == 201
        assert "terra" not in saved.model
        assert sources((await api("GET", "contents", "a.ipynb", content=1)).model["content"]) == ["1"]
        assert bucket.faults.history == []
        assert not (jp_root_dir / ".jupyter-terra-env").exists()

    @pytest.mark.parametrize("params", [{}, {"path": "a.ipynb"}])
    async def test_asking_where_the_work_is_is_no_error(self, api, jp_serverapp, params):
        answer = await api("GET", "status", base="terra-env", **params)
        assert (answer.code, answer.model) == (200, {"workspaces": []})

    async def test_pages_are_notified_that_there_is_no_workspace_and_no_pause(self, jp_serverapp):
        assert jp_serverapp.web_app.settings["page_config_data"]["terraEnv"] == {
            "folders": [],
            "pairs": [],
            "autopause": False,
        }

    async def test_the_log_says_nothing_of_a_pause_that_cannot_come(self, bucket, caplog, jp_configurable_serverapp):
        caplog.set_level("INFO")
        app = jp_configurable_serverapp()
        autopause = app.web_app.settings["jupyter_terra_env_autopause"]
        autopause._monitor._log.info("Autopause: idle, was active.")
        lines = [record.message for record in caplog.records]
        assert not [line for line in lines if "Autopause" in line]


class TestAPausedPlainServer:
    @pytest.fixture
    def workspace_environ(self, monkeypatch):
        for variable in ("WORKSPACE_NAME", "WORKSPACE_BUCKET", "OWNER_EMAIL"):
            monkeypatch.delenv(variable, raising=False)

    @pytest.fixture
    def jp_server_config(self, jp_server_config, pausing):
        return {**jp_server_config, "AutopauseSettings": {**pausing, "idle_timeout_seconds": 3600.0}}

    async def test_pages_are_notified_of_its_pause(self, jp_serverapp):
        assert jp_serverapp.web_app.settings["page_config_data"]["terraEnv"] == {
            "folders": [],
            "pairs": [],
            "autopause": True,
        }


class TestWhatPagesAreTold:
    async def test_the_folders_of_workspaces(self, jp_serverapp):
        folders = [f"{WORKSPACE}/edit", f"{WORKSPACE}/playground"]
        assert jp_serverapp.web_app.settings["page_config_data"]["terraEnv"] == {
            "folders": folders,
            "pairs": [folders],
            "autopause": True,
        }


class TestOutsideTheWorkspace:
    async def test_everything_is_jupyters_own(self, bucket, api, jp_root_dir, jp_serverapp):
        bucket.mark()
        saved = await api("PUT", "contents", "a.ipynb", body={"type": "notebook", "content": notebook("1")})
        assert "terra" not in saved.model
        assert (await api("PATCH", "contents", "a.ipynb", body={"path": "b.ipynb"})).code == 200
        assert (await api("POST", "contents", body={"copy_from": "b.ipynb"})).model["name"] == "b-Copy1.ipynb"
        assert (await api("DELETE", "contents", "b.ipynb")).code == 204
        assert bucket.requests == []


class TestSeveralWorkspaces:
    @pytest.fixture
    def terra_settings(self):
        return {
            "listing_max_age_seconds": 0.0,
            "playground_folder": "safe",
            "workspaces": [
                {
                    "name": "Second one",
                    "bucket": f"gs://{BUCKET}",
                    "prefix": "second",
                    "pattern": r".+(\.ipynb|\.Rmd|\.R)$",
                },
                {
                    "name": "third",
                    "bucket": BUCKET,
                    "prefix": "third/",
                    "edit_directory": "projects/third",
                    "playground_directory": None,
                },
            ],
        }

    async def test_each_folder_shows_its_own(self, bucket, api, jp_root_dir, jp_serverapp):
        bucket.put("notebooks/one.ipynb", text_of(notebook("1")))
        bucket.put("second/two.Rmd", "# R")
        bucket.put("third/three.ipynb", text_of(notebook("3")))
        assert (await api("GET", "contents", f"{WORKSPACE}/edit")).names == ["one.ipynb"]
        assert (await api("GET", "contents", f"{WORKSPACE}/safe")).names == ["one.ipynb"]
        assert (await api("GET", "contents", "Second one/edit")).names == ["two.Rmd"]
        assert (await api("GET", "contents", "projects/third")).names == ["three.ipynb"]
        assert not (jp_root_dir / "third").exists()

    async def test_r_files_are_kept_in_the_bucket_where_the_pattern_says_so(self, bucket, api, jp_serverapp):
        body = {"type": "file", "format": "text", "content": "x <- 1\n"}
        saved = await api("PUT", "contents", "Second one/edit/a.R", body=body)
        assert saved.model["terra"]["place"] == "in-workspace"
        assert (await api("PUT", "contents", "Second one/edit/a.Rds", body=body)).model["terra"][
            "place"
        ] == "local-only"
        assert bucket.names() == ["second/a.R"]
        opened = await api("GET", "contents", "Second one/edit/a.R", content=1, hash=1)
        assert opened.model["content"] == "x <- 1\n"


class TestDelocalizeFiles:
    @pytest.fixture
    def terra_settings(self, terra_settings):
        return {**terra_settings, "folder_buckets": [f"gs://{BUCKET}"]}

    @pytest.fixture
    def workspace_environ(self, monkeypatch, jp_root_dir):
        for variable in ("WORKSPACE_NAME", "WORKSPACE_BUCKET"):
            monkeypatch.delenv(variable, raising=False)
        folder = jp_root_dir / "From file" / "edit"
        folder.mkdir(parents=True)
        (folder / ".delocalize.json").write_text(f'{{"destination": "gs://{BUCKET}/notebooks"}}')

    async def test_a_folder_reports_its_bucket(self, bucket, api, jp_serverapp):
        bucket.put_notebook("a.ipynb", "1")
        assert (await api("GET", "contents", "From file/edit")).names == ["a.ipynb"]


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"WORKSPACE_BUCKET": "test-bucket"}, "WORKSPACE_BUCKET"),
        ({"WORKSPACE_BUCKET": "gs://"}, "WORKSPACE_BUCKET"),
        ({"WORKSPACE_BUCKET": "gs://UPPER"}, "WORKSPACE_BUCKET"),
        ({"WORKSPACE_BUCKET": ""}, "WORKSPACE_BUCKET"),
        ({"WORKSPACE_NAME": ""}, "WORKSPACE_NAME"),
        ({"WORKSPACE_NAME": "a/b"}, "WORKSPACE_NAME"),
        ({"WORKSPACE_NAME": ".."}, "WORKSPACE_NAME"),
        ({"OWNER_EMAIL": "nobody"}, "OWNER_EMAIL"),
    ],
)
def test_a_wrong_variable_ends_the_start_and_is_named(jp_configurable_serverapp, monkeypatch, bucket, variables, named):
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as end:
        jp_configurable_serverapp()
    assert named in str(end.value.__context__)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"pattern": "("}, "pattern"),
        ({"prefix": "../up"}, "prefix"),
        ({"edit_folder": "a/b"}, "edit_folder"),
        ({"playground_folder": ""}, "playground_folder"),
        ({"playground_folder": "edit"}, "both use the folder"),
        ({"save_wait_seconds": -1.0}, "save_wait_seconds"),
        ({"bucket_concurrency": 0}, "bucket_concurrency"),
        ({"workspaces": [{"name": "x"}]}, "workspaces[0]"),
        ({"workspaces": [{"name": "x", "bucket": "gs://b-1", "edit_directory": ""}]}, "lies inside"),
        ({"workspaces": [{"name": "x", "bucket": "gs://b-1", "edit_directory": "My work/edit/x"}]}, "lies inside"),
        ({"workspaces": [{"name": "x", "bucket": "gs://b-1", "colour": "red"}]}, "colour"),
        ({"workspaces": [{"name": "x", "bucket": 7}]}, "bucket"),
        ({"state_directory": "/dev/null/x"}, "state_directory"),
        ({"save_wait_seconds": "soon"}, "save_wait_seconds"),
    ],
)
def test_a_wrong_traitlet_ends_the_start_and_is_named(
    jp_configurable_serverapp, jp_server_config, bucket, settings, named
):
    with pytest.raises(SystemExit) as end:
        jp_configurable_serverapp(config={**jp_server_config, "TerraEnvApp": settings})
    assert named in str(end.value.__context__)


def test_workspace_folders_that_a_link_makes_one_end_the_start(
    jp_configurable_serverapp, jp_server_config, jp_root_dir
):
    (jp_root_dir / WORKSPACE / "edit").mkdir(parents=True)
    (jp_root_dir / WORKSPACE / "playground").symlink_to(jp_root_dir / WORKSPACE / "edit")
    with pytest.raises(SystemExit) as end:
        jp_configurable_serverapp(config=jp_server_config)
    assert "playground" in str(end.value.__context__)


def test_a_disabled_extension_leaves_jupyters_contents_manager(jp_configurable_serverapp, bucket):
    config = {
        "ServerApp": {
            "jpserver_extensions": {"jupyter_terra_env": False},
            "contents_manager_class": "jupyter_server.services.contents.largefilemanager.AsyncLargeFileManager",
        }
    }
    app = jp_configurable_serverapp(config=config)
    assert type(app.contents_manager) is AsyncLargeFileManager


@pytest.mark.parametrize("endpoint", [("GET", "status"), ("POST", "open-workspace-version")])
async def test_endpoints_need_a_login(jp_serverapp, http_server_client, jp_base_url, endpoint):
    from tornado.httpclient import HTTPClientError

    method, path = endpoint
    body = "{}" if method == "POST" else None
    with pytest.raises(HTTPClientError) as error:
        await http_server_client.fetch(f"{jp_base_url}terra-env/{path}?path=x", method=method, body=body)
    assert error.value.code == 403


async def test_the_status_of_what_is_no_workspace_path_is_a_clear_error(api, jp_serverapp):
    assert (await api("GET", "status", base="terra-env", path="elsewhere.ipynb")).code == 404
    assert (await api("GET", "status", base="terra-env")).code == 400
    assert (await api("POST", "open-workspace-version", base="terra-env", body={"path": 7})).code == 400
    for odd in ([1], "text", {"path": "\ud800"}, {"path": f"{WORKSPACE}/edit/" + "n" * 6000}):
        assert (await api("POST", "open-workspace-version", base="terra-env", body=odd)).code in {400, 404}
    assert (await api("GET", "status", base="terra-env", path=f"{WORKSPACE}/edit/nothere.ipynb")).code == 404
    assert (await api("GET", "status", base="terra-env", path=f"{WORKSPACE}/edit")).code == 404
    body = {"path": f"{WORKSPACE}/edit/x.txt"}
    assert (await api("POST", "open-workspace-version", base="terra-env", body=body)).code == 409

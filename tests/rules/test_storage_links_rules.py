"""Storage links: paths, sources and patterns as Welder's clients send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_terra_env.rules.storage_links import (
    BadRequest,
    LinkTable,
    name_pattern,
    parse_link,
    parse_path,
    parse_source,
)
from jupyter_terra_env.rules.workspace import Mode, Workspaces, is_notebook_name


def link(base="ws/edit", safe="ws/safe", cloud="gs://bucket/notebooks", pattern=r".*\.ipynb"):
    body = {"localBaseDirectory": base, "cloudStorageDirectory": cloud, "pattern": pattern}
    return parse_link(body if safe is None else {**body, "localSafeModeBaseDirectory": safe})


def table(*links):
    made = LinkTable({})
    for one in links:
        made = made.with_link(one)
    return made


class TestALink:
    def test_is_listed_without_gs_and_without_outer_slashes(self):
        listed = link("ws//edit/", None, "gs://bucket/notebooks/").to_json()
        assert listed == {
            "localBaseDirectory": "ws/edit",
            "localSafeModeBaseDirectory": None,
            "cloudStorageDirectory": "bucket/notebooks",
            "pattern": r".*\.ipynb",
        }

    def test_of_a_whole_bucket_has_no_prefix(self):
        assert link(cloud="gs://bucket").prefix == ""
        assert link(cloud="gs://bucket").cloud_directory == "bucket"

    @pytest.mark.parametrize("field", ["localBaseDirectory", "cloudStorageDirectory", "pattern"])
    def test_needs_every_field(self, field):
        body = link().to_json()
        del body[field]
        with pytest.raises(BadRequest, match=field):
            parse_link(body)

    @pytest.mark.parametrize(
        "fields",
        [
            {"pattern": "*.ipynb"},
            {"pattern": "[a&&b]"},
            {"pattern": "a" * 1001},
            {"cloudStorageDirectory": ""},
            {"cloudStorageDirectory": "gs://B_"},
            {"cloudStorageDirectory": "gs://bucket/../else"},
            {"localBaseDirectory": "../out"},
            {"localBaseDirectory": "a/./b"},
            {"localBaseDirectory": "a\0"},
            {"localBaseDirectory": "\ud800"},
            {"localSafeModeBaseDirectory": 7},
        ],
    )
    def test_is_refused(self, fields):
        with pytest.raises(BadRequest):
            parse_link({**link().to_json(), **fields})

    @pytest.mark.parametrize("body", [None, [], "link", 3])
    def test_is_an_object(self, body):
        with pytest.raises(BadRequest):
            parse_link(body)


class TestMatching:
    def test_the_longest_folder_wins(self):
        outer, inner = link(), link("ws/edit/inner", None, "gs://bucket/other")
        made = table(outer, inner)
        assert made.match("ws/edit/sub/a.ipynb").link == outer
        assert made.match("ws/edit/inner/a.ipynb").link == inner
        assert made.match("ws/a.ipynb") is None

    def test_the_safe_folder_is_safe(self):
        match = table(link()).match("ws/safe/sub/a.ipynb")
        assert (match.is_safe, match.relative_path) == (True, "sub/a.ipynb")
        assert match.location(match.link.workspace(None)).mode is Mode.PLAYGROUND

    def test_the_roots_link_has_the_roots_own_files_only(self):
        made = table(link("", None))
        assert made.match("a.ipynb").directory == ""
        assert made.match("d/a.ipynb") is None

    def test_a_folder_is_no_file_of_its_own(self):
        assert table(link()).match("ws/edit") is None

    def test_a_later_link_replaces_folder_by_folder(self):
        classic, lab = link(), link(safe="")
        made = table(classic, lab)
        assert made.listed() == (lab, classic)
        assert made.match("ws/edit/a.ipynb").link == lab
        assert made.match("ws/safe/a.ipynb").link == classic
        assert made.match("a.ipynb").is_safe

    def test_releasing_is_by_folders_alone(self):
        assert table(link()).without_link(link(pattern="x", cloud="gs://other-bucket")) == LinkTable({})


class TestPatterns:
    @pytest.mark.parametrize(
        ("pattern", "kept", "others"),
        [
            (r".*\.ipynb", "a.ipynb", ["a.txt", "a.ipynb.bak"]),
            (r"\.ipynb$", "a.ipynb", ["a.ipynb.txt"]),
            (r".*.ipynb", "a.ipynb", ["a.txt"]),
            (r".+(\.R|\.Rmd)$", "a.Rmd", ["a.ipynb", ".R"]),
            (r"(?i)\.(Rmd|R)$", "a.rMD", ["a.ipynb"]),
            (r"\.sas$", "a.sas", ["a.sas7"]),
            ("a|b", "xb", ["bx"]),
        ],
    )
    def test_of_all_clients(self, pattern, kept, others):
        workspace = link(pattern=pattern).workspace(None)
        assert is_notebook_name(workspace, kept)
        assert not [name for name in others if is_notebook_name(workspace, name)]

    @given(st.text(max_size=30))
    def test_any_text_is_a_pattern_or_a_bad_request(self, text):
        try:
            name_pattern(text)
        except BadRequest:
            return


class TestPaths:
    @pytest.mark.parametrize("path", ["/etc/a", "../a", "a/../b", "", "/", "a\0b", "\udc80"])
    def test_that_lead_elsewhere_are_refused(self, path):
        with pytest.raises(BadRequest):
            parse_path({"localPath": path})

    def test_lose_double_slashes(self):
        assert parse_path({"localPath": "a//b/"}) == "a/b"


class TestSources:
    def test_objects(self):
        assert parse_source("gs://bucket/a/b") == parse_source("bucket/a/b") == ("bucket", "a/b")

    @pytest.mark.parametrize("encoded", ["Pz8-", "Pz8+", "Pz8_fg==", "Pz8/fg", "e30="])
    def test_data_in_both_alphabets_padded_or_not(self, encoded):
        assert isinstance(parse_source(f"data:application/json;base64,{encoded}"), bytes)

    @pytest.mark.parametrize(
        "source", ["gs://bucket", "bucket", "", 3, None, "data:application/json;base64,*", "http://b/o"]
    )
    def test_others_are_refused(self, source):
        with pytest.raises(BadRequest):
            parse_source(source)


class TestWorkspaces:
    def test_a_link_comes_before_the_settings(self):
        configured = link(cloud="gs://settings").workspace(None)
        linked = link().workspace(None)
        workspaces = Workspaces((configured,))
        workspaces.link((linked,))
        assert workspaces.locate("ws/edit/a.ipynb").workspace is linked
        workspaces.link(())
        assert workspaces.locate("ws/edit/a.ipynb").workspace is configured

    def test_the_roots_link_leaves_folders_alone(self):
        workspaces = Workspaces()
        workspaces.link((link("", None).workspace(None),))
        assert workspaces.locate("a.ipynb") is not None
        assert workspaces.locate("folder/a.ipynb") is None

    def test_a_link_never_names_a_project_that_pays(self):
        assert link().workspace("the-operators").user_project == "the-operators"

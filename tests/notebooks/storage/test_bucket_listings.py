"""Listings: what of the bucket can be shown, remembered for a while, and shared."""

import asyncio
import logging

import pytest
from environments import until

from jupyter_terra_env.bucket.embedded.faults import Fault, Hang, ResetConnection
from jupyter_terra_env.rules.errors import BucketUnavailable

LIST = "objects.list"


def listed(env, path="", folder="edit"):
    return env.run(env.listings.bucket_folder(env.at(path, folder)))


class TestWhatIsShown:
    def test_one_level(self, env, outsider):
        for name in ("a.ipynb", "b.ipynb", "sub/c.ipynb", "sub/deep/d.ipynb"):
            outsider.put(name, b"x")
        folder = listed(env)
        assert (set(folder.notebooks), folder.folders) == ({"a.ipynb", "b.ipynb"}, {"sub"})
        assert folder.names == {"a.ipynb", "b.ipynb", "sub"}
        assert folder.notebooks["a.ipynb"].name == "notebooks/a.ipynb"
        deeper = listed(env, "sub")
        assert (set(deeper.notebooks), deeper.folders) == ({"c.ipynb"}, {"deep"})

    def test_an_empty_folder(self, env):
        folder = listed(env, "nothing")
        assert (folder.names, folder.trouble) == (frozenset(), None)

    def test_not_what_the_pattern_leaves_out(self, env, outsider):
        outsider.put("a.csv", b"x")
        outsider.put("a.ipynb.bak", b"x")
        assert listed(env).names == frozenset()

    def test_not_outside_the_prefix(self, env, outsider):
        outsider.bucket.blob("notebooks.ipynb").upload_from_string("x")
        outsider.bucket.blob("elsewhere/a.ipynb").upload_from_string("x")
        assert listed(env).names == frozenset()

    def test_folder_markers_are_not_entries(self, env, outsider):
        outsider.put("", b"")
        outsider.put("sub/", b"")
        folder = listed(env)
        assert (set(folder.notebooks), folder.folders) == (set(), {"sub"})
        assert listed(env, "sub").names == frozenset()

    def test_what_cannot_be_a_path_is_named_once(self, env, outsider, caplog):
        for name in ("../up.ipynb", "/rooted.ipynb", ".hidden.ipynb", "a\tb.ipynb", "x" * 245 + ".ipynb"):
            outsider.put(name, b"x")
        outsider.put("fine.ipynb", b"x")
        with caplog.at_level(logging.WARNING, logger=env.log.name):
            assert listed(env).names == {"fine.ipynb"}
            assert listed(env).names == {"fine.ipynb"}
        assert len(caplog.records) == 5
        assert all("gs://a-bucket/" in record.getMessage() for record in caplog.records)
        assert not any("\t" in record.getMessage() for record in caplog.records)

    def test_a_folder_with_a_notebooks_name_gives_way_to_the_notebook(self, env, outsider, caplog):
        outsider.put("a.ipynb", b"x")
        outsider.put("a.ipynb/inner.ipynb", b"x")
        with caplog.at_level(logging.WARNING, logger=env.log.name):
            folder = listed(env)
        assert (set(folder.notebooks), folder.folders) == ({"a.ipynb"}, frozenset())
        assert "cannot have a notebook's name" in caplog.text

    def test_the_playground_shows_the_same(self, env, outsider):
        outsider.put("sub/a.ipynb", b"x")
        assert listed(env, "sub", "playground").names == listed(env, "sub").names == {"a.ipynb"}


class TestTrouble:
    def test_is_reported_and_logged_once(self, env, outsider, caplog):
        outsider.put("a.ipynb", b"x")
        env.faults.add(Fault(operation=LIST, action=ResetConnection(), times=1000))
        with caplog.at_level(logging.INFO, logger=env.log.name):
            assert listed(env).trouble.trouble == "unreachable"
            assert listed(env).names == frozenset()
            assert len(caplog.records) == 1
            env.faults.clear()
            assert listed(env).names == {"a.ipynb"}
        assert "answers again" in caplog.records[-1].getMessage()

    def test_a_missing_bucket(self, env, outsider):
        outsider.bucket.delete()
        assert listed(env).trouble.trouble == "bucket-not-found"

    def test_a_folder_that_cannot_be_asked_about_is_not_there(self, env, outsider):
        outsider.put("sub/a.ipynb", b"x")
        assert env.run(env.listings.has_folder(env.at("sub"))) is True
        env.faults.add(Fault(operation=LIST, action=ResetConnection(), times=1000))
        assert env.run(env.listings.has_folder(env.at("sub"))) is False

    def test_a_notebook_that_cannot_be_asked_about_is_trouble(self, env):
        env.faults.add(Fault(operation="*", action=ResetConnection(), times=1000))
        with pytest.raises(BucketUnavailable):
            env.run(env.listings.has_notebook(env.at("a.ipynb")))

    @pytest.mark.parametrize("path", ["../x", "a//b", ".hidden"])
    def test_folders_that_cannot_be_are_not_asked_about(self, env, path):
        assert env.run(env.listings.has_folder(env.at(path))) is False
        assert env.operations == []


class TestRemembering:
    @pytest.fixture
    def environment_settings(self):
        return {"max_age_seconds": 1000.0}

    def test_a_listing_is_asked_for_once(self, env, outsider):
        outsider.put("a.ipynb", b"x")
        assert listed(env).names == listed(env).names == {"a.ipynb"}
        assert env.operations == [LIST]

    def test_callers_that_come_together_share_a_request(self, env):
        env.faults.add(Fault(operation=LIST, action=Hang()))

        async def story():
            asking = [asyncio.create_task(env.listings.bucket_folder(env.at(""))) for _ in range(5)]
            await asyncio.sleep(0.1)
            env.faults.release()
            return await asyncio.gather(*asking)

        assert len(env.run(story())) == 5
        assert env.operations == [LIST]

    def test_a_caller_that_goes_away_does_not_take_the_listing_along(self, env, outsider):
        outsider.put("a.ipynb", b"x")
        env.faults.add(Fault(operation=LIST, action=Hang()))

        async def story():
            first, second = (asyncio.create_task(env.listings.bucket_folder(env.at(""))) for _ in range(2))
            await asyncio.sleep(0.1)
            first.cancel()
            env.faults.release()
            return await second

        assert env.run(story()).names == {"a.ipynb"}

    def test_own_changes_are_seen_at_once(self, env, outsider):
        assert listed(env).names == listed(env, "sub").names == frozenset()
        env.save("sub/a.ipynb", b"x")
        assert listed(env).names == {"sub"}
        assert listed(env, "sub").names == {"a.ipynb"}
        env.rename("sub/a.ipynb", "b.ipynb")
        assert listed(env).names == {"b.ipynb"}
        env.delete("b.ipynb")
        assert listed(env).names == frozenset()

    def test_a_change_during_a_listing_is_not_hidden_by_it(self, env, outsider):
        """The listing was answered before our save took effect and arrives after it."""
        env.faults.add(Fault(operation=LIST, action=Hang(), after_effect=True))

        async def story():
            listing = asyncio.create_task(env.listings.bucket_folder(env.at("")))
            await until(lambda: not env.faults.pending)
            await asyncio.sleep(0.1)
            await env.saving("a.ipynb", b"x")
            env.faults.release()
            await listing
            return await env.listings.bucket_folder(env.at(""))

        assert env.run(story()).names == {"a.ipynb"}

    def test_fresh_when_asked(self, env, outsider):
        listed(env)
        outsider.put("a.ipynb", b"x")
        assert listed(env).names == frozenset()
        assert env.run(env.listings.fresh_bucket_folder(env.at(""))).names == {"a.ipynb"}

    def test_whether_there_is_a_notebook_comes_from_the_listing(self, env, outsider):
        outsider.put("a.ipynb", b"x")
        listed(env)
        assert env.run(env.listings.has_notebook(env.at("a.ipynb"))) is True
        assert env.run(env.listings.has_notebook(env.at("b.ipynb"))) is False
        assert env.run(env.listings.has_notebook(env.at("data.csv"))) is False
        assert env.operations == [LIST]

    def test_else_by_one_request(self, env, outsider):
        outsider.put("a.ipynb", b"x")
        assert env.run(env.listings.has_notebook(env.at("a.ipynb"))) is True
        assert env.operations == ["objects.get"]

    def test_trouble_is_forgotten_when_something_works(self, env, outsider):
        outsider.put("a.ipynb", b"x")
        env.faults.add(Fault(operation=LIST, action=ResetConnection(), times=1000))
        assert listed(env).trouble is not None
        env.faults.clear()
        assert env.run(env.listings.fresh_bucket_folder(env.at(""))).trouble is None

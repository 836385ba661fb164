"""Lists of texts on the command line, in all the ways in which people and shells write them."""

import pytest
from traitlets import TraitError
from traitlets.config import Config

from jupyter_terra_env.app import TerraEnvApp
from jupyter_terra_env.environment.settings import collaborators, owner_email
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.server.autopause.settings import AutopauseSettings


def parsed(*arguments):
    app = TerraEnvApp()
    app.parse_command_line(list(arguments))
    return app


@pytest.mark.parametrize(
    "arguments",
    [
        ["['a@b.c', 'd@e.f']"],
        ['["a@b.c", "d@e.f"]'],
        ["[a@b.c, d@e.f]"],
        ["[a@b.c,d@e.f]"],
        ["a@b.c,d@e.f"],
        ["('a@b.c', 'd@e.f')"],
        ["a@b.c", "d@e.f"],
    ],
)
def test_addresses_are_a_list_however_they_are_written(arguments):
    app = parsed(*(f"--TerraEnvApp.collaborators={argument}" for argument in arguments))
    assert app.collaborators == ["a@b.c", "d@e.f"]


def test_one_address_and_none():
    assert parsed("--TerraEnvApp.collaborators=['a@b.c']").collaborators == ["a@b.c"]
    assert parsed("--TerraEnvApp.collaborators=[]").collaborators == []


def test_other_lists_of_texts_are_read_likewise():
    assert parsed("--TerraEnvApp.folder_buckets=[gs://one,gs://two]").folder_buckets == ["gs://one", "gs://two"]
    app = parsed("--AutopauseSettings.pause_chain=[leonardo,report_only]")
    assert AutopauseSettings(parent=app).pause_chain == ["leonardo", "report_only"]


def test_a_program_keeps_its_commas_and_brackets_are_a_list():
    app = parsed("--AutopauseSettings.pause_command=echo", "--AutopauseSettings.pause_command=a,b")
    assert AutopauseSettings(parent=app).pause_command == ["echo", "a,b"]
    app = parsed('--AutopauseSettings.pause_command=["echo", "a,b"]')
    assert AutopauseSettings(parent=app).pause_command == ["echo", "a,b"]
    with pytest.raises(TraitError, match="pause_command"):
        AutopauseSettings(parent=parsed("--AutopauseSettings.pause_command=[echo, a]"))


def test_files_of_settings_are_as_ever():
    assert TerraEnvApp(config=Config(TerraEnvApp={"collaborators": ["a@b.c"]})).collaborators == ["a@b.c"]


@pytest.mark.parametrize("text", ["[a@b.c]", "'a@b.c'", '"a@b.c"', "a@b.c,d@e.f", "<a@b.c>", "Ada <a@b.c>", "a@b.c;"])
def test_what_is_around_an_address_is_not_taken_for_a_part_of_it(text):
    with pytest.raises(SettingsError, match=r"collaborators\[0\].*expected a list|collaborators\[0\].*Expected a list"):
        collaborators([text])
    with pytest.raises(SettingsError, match="OWNER_EMAIL"):
        owner_email({"OWNER_EMAIL": text}, "")


@pytest.mark.parametrize("text", ["ada@example.org", "ada+x@b.c", "o'brien@example.org", "a.b-c_d@e-f.g.org"])
def test_addresses_that_exist(text):
    assert collaborators([text]) == (text,)

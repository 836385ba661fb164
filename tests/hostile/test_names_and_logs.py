"""Names that steer terminals or reorder text, and secrets: none of them reaches a log or a terminal as it is."""

import json
import logging

import pytest
from workspace_kit import WORKSPACE

from jupyter_terra_env.cli.output import complain, say, say_json
from jupyter_terra_env.rules.shown_names import shown, shown_json, shown_lines
from jupyter_terra_env.rules.workspace import why_not_shown
from jupyter_terra_env.safe_log import SafeLog, keep_safe, secrets_in

STEERING = ["\x1b[2J", "\x9b2J", "\x07", "\x7f", "\x85", "\r", "\n", "\0"]
REORDERING = ["\u202e", "\u202a", "\u2066", "\u2069", "\u200e", "\u200f", "\u061c"]
INVISIBLE = ["\u2028", "\u2029", "\ufeff", "\u200b", "\u2060", "\U000e0041", "\ud800"]
HARMLESS = ["a b", "é", "日本語", "שלום", "نص", "क\u094dष", "👩\u200d🔬", "می\u200cخو", "a\u0301"]


@pytest.mark.parametrize("text", [*STEERING, *REORDERING, *INVISIBLE], ids=ascii)
def test_what_has_power_is_escaped(text):
    name = f"a{text}b.ipynb"
    assert shown(name).isprintable()
    assert shown(name).isascii()
    assert shown(name).startswith("a\\")
    assert json.loads(shown_json(json.dumps({"name": name}, ensure_ascii=False))) == {"name": name}
    assert text not in shown_json(json.dumps({"name": name}, ensure_ascii=False))


@pytest.mark.parametrize("name", HARMLESS)
def test_what_has_none_stays(name):
    assert shown(name) == name
    assert shown_lines(f"{name}\n{name}") == f"{name}\n{name}"


@pytest.mark.parametrize("text", [*STEERING, "\ud800"], ids=ascii)
def test_control_characters_are_in_no_name_that_is_shown(text):
    assert why_not_shown(f"a{text}b.ipynb") is not None


def test_the_commands_print_nothing_that_steers(capsys):
    say("edit: \x1b[2Ja\u202eb\nnext line")
    say_json({"path": "\x9b\u202e\U000e0041"})
    out = capsys.readouterr().out
    assert out.replace("\n", "").isprintable()
    assert out.startswith("edit: \\x1b[2Ja\\u202eb\nnext line\n")


@pytest.mark.parametrize("name", ["a\u202egnp.ipynb", "b\x9b31m.ipynb", "c\u2066d.ipynb"], ids=ascii)
async def test_nothing_of_it_reaches_the_log(bucket, contents, api, jp_serverapp, caplog, name):
    bucket.put_notebook(name, "1")
    with caplog.at_level(logging.DEBUG):
        listed = (await contents.list()).names
        await contents.open(name)
        await contents.save(name, "2")
        await contents.rename(name, "x" + name)
        answer = await contents.rename("missing" + name, name)
        await contents.delete("x" + name)
        await api("GET", "preview", base="terra-env", path=f"{WORKSPACE}/edit/{name}")
    # The listing tells the name as it is; a name with a control character is not shown at all.
    assert listed == ([] if "\x9b" in name else [name])
    said = [record.getMessage() for record in caplog.records if record.name == "ServerApp"]
    assert said
    for line in said:
        assert shown_lines(line) == line
    assert shown(answer.message) == answer.message


def test_an_emulator_s_token_is_no_part_of_a_log(caplog):
    variables = {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:9000/secret-token-of-this-start"}
    log = logging.getLogger("a log of tests")
    log.addFilter(SafeLog(secrets_in(variables)))
    try:
        raise ConnectionError("GET http://127.0.0.1:9000/secret-token-of-this-start/storage/v1/b \x9b2J")
    except ConnectionError:
        log.exception("Failed: %s", "secret-token-of-this-start")
    formatted = caplog.text
    assert "secret-token" not in formatted
    assert "[hidden]" in formatted
    assert "Traceback" in formatted
    assert "\x9b" not in formatted


@pytest.mark.parametrize("name", ["asyncio", "tornado.application", "a library"])
def test_what_libraries_log_has_no_token(monkeypatch, capsys, name):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9000/secret-token-of-this-start")
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    keep_safe(logging.getLogger("a server of tests"))
    logging.getLogger(name).warning("Retrying: /secret-token-of-this-start/b/%s", "a\x9b2J")
    assert capsys.readouterr().err.strip().endswith("Retrying: /[hidden]/b/a\\x9b2J")


def test_commands_print_no_token(monkeypatch, capsys):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9000/secret-token-of-this-start")
    say("GET /secret-token-of-this-start/b")
    say_json({"message": "GET /secret-token-of-this-start/b"})
    complain("GET /secret-token-of-this-start/b")
    said = capsys.readouterr()
    assert "secret-token" not in said.out + said.err


@pytest.mark.parametrize(
    ("address", "secrets"),
    [
        ("http://127.0.0.1:9000", ()),
        ("127.0.0.1:9000/long-enough-token", ("long-enough-token",)),
        ("http://user:password-1@host/x", ("password-1",)),
        ("http://[", ()),
        ("", ()),
    ],
)
def test_what_counts_as_a_secret(address, secrets):
    assert secrets_in({"STORAGE_EMULATOR_HOST": address}) == secrets

"""Settings: by traitlets, below them by the machine's metadata, below that the defaults; wrong values end the start."""

import json
import subprocess
import sys
import time

import pytest
from fake_cloud import FakeCloud
from real_server import RealServer
from traitlets.config import Application, Config

from jupyter_terra_env.rules.autopause.state import PauseSettings
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.server.autopause.settings import settings_of
from jupyter_terra_env.wiring.pause_methods import actuators_of


def settings(attributes=None, **configured):
    return settings_of(Application(config=Config(AutopauseSettings=configured)), attributes or {})


def chain(environ=None, **configured):
    made = actuators_of(settings(**configured), environ or {}, client=None, metadata=None)
    return [actuator.name for actuator in made]


def test_defaults_are_the_rules_own():
    assert settings().rules() == PauseSettings()
    assert chain() == ["report_only"]


def test_configuration_wins_over_the_machine_and_the_machine_over_defaults():
    attributes = {"idle-timeout-seconds": "900", "max-busy-seconds": "7200", "terminal-jobs": "FALSE"}
    made = settings(attributes, idle_timeout_seconds=1200.0)
    assert (made.idle_timeout_seconds, made.max_busy_seconds, made.terminal_jobs) == (1200.0, 7200.0, False)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("enabled", "false", False),
        ("work-samples", "3", 3),
        ("http-activity", "any", "any"),
        ("pause-chain", '["leonardo", "report_only"]', ["leonardo", "report_only"]),
        ("pause-chain", "leonardo report_only", ["leonardo", "report_only"]),
        ("leonardo-url", "https://example.org", "https://example.org"),
    ],
)
def test_every_kind_of_value_can_come_from_the_machine(key, text, value):
    assert getattr(settings({key: text}), key.replace("-", "_")) == value


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("idle-timeout-seconds", "soon"),
        ("idle-timeout-seconds", "-1"),
        ("idle-timeout-seconds", "nan"),
        ("enabled", "maybe"),
        ("work-samples", "1.5"),
        ("http-activity", "all"),
        ("pause-chain", "[1]"),
        ("pause-chain", "[broken"),
        ("pause-chain", "leonard"),
        ("idle-timout-seconds", "900"),
    ],
)
def test_wrong_values_of_the_machine_are_named(key, text):
    with pytest.raises(SettingsError) as error:
        settings({key: text})
    assert key in str(error.value) or key.replace("-", "_") in str(error.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"idle_timeout_seconds": -1.0},
        {"idle_timeout_seconds": float("inf")},
        {"tick_seconds": 0.0},
        {"max_busy_seconds": float("nan")},
        {"work_samples": 0},
        {"warning_lead_seconds": 1800.0},
        {"warning_lead_seconds": 100.0, "max_busy_seconds": 100.0},
        {"pause_chain": []},
        {"pause_chain": ["report_only", "report_only"]},
        {"pause_chain": ["rm"]},
        {"pause_chain": ["command"]},
        {"pause_chain": ["webhook"], "webhook_url": "https://example.org"},
        {"pause_chain": ["webhook"], "webhook_url": "http://example.org", "webhook_secret_file": "/x"},
        {"pause_chain": ["webhook"], "webhook_url": "http://localhost.evil.example", "webhook_secret_file": "/x"},
        {"pause_chain": ["webhook"], "webhook_url": "http://127.0.0.1@evil.example", "webhook_secret_file": "/x"},
        {"leonardo_url": "http://notebooks.firecloud.org"},
        {"leonardo_url": "https://notebooks.firecloud.org@evil.example"},
    ],
)
def test_wrong_values_are_named(wrong):
    with pytest.raises(SettingsError, match="AutopauseSettings"):
        settings(**wrong)


@pytest.mark.parametrize(
    ("configured", "environ", "named"),
    [
        ({"pause_chain": ["leonardo"]}, {}, "GOOGLE_PROJECT"),
        ({"pause_chain": ["leonardo"]}, {"GOOGLE_PROJECT": "p"}, "RUNTIME_NAME"),
        ({"pause_chain": ["leonardo"]}, {"TERRA_DEPLOYMENT_ENV": "mars"}, "leonardo_url"),
        ({"pause_chain": ["compute_engine"]}, {"RUNTIME_NAME": "r"}, "Leonardo's"),
        (
            {"pause_chain": ["webhook"], "webhook_url": "https://e.org", "webhook_secret_file": "/nowhere"},
            {},
            "webhook_secret_file",
        ),
    ],
)
def test_what_an_actuator_lacks_is_named(configured, environ, named):
    with pytest.raises(SettingsError, match=named):
        chain(environ, **configured)


def test_an_empty_secret_signs_nothing(tmp_path):
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(SettingsError, match="empty"):
        chain(pause_chain=["webhook"], webhook_url="https://e.org", webhook_secret_file=str(tmp_path / "secret"))


def test_newer_prices(tmp_path):
    file = tmp_path / "prices.json"
    file.write_text(json.dumps({"dated": "2027-01", "regions": {}}))
    assert settings(price_table=str(file)).prices().dated == "2027-01"
    file.write_text("{")
    with pytest.raises(SettingsError, match="price_table"):
        settings(price_table=str(file)).prices()


def test_parity_has_no_warning_and_leonardos_rule():
    rules = settings(http_activity="any").rules()
    assert rules.parity
    assert rules.warning_lead == 0


@pytest.mark.parametrize(
    "argument", ["--AutopauseSettings.idle_timeout_seconds=-5", "--AutopauseSettings.pause_chain=['leonardo']"]
)
def test_a_wrong_value_ends_the_start_with_one_sentence(tmp_path, argument):
    server = RealServer(tmp_path, argument)
    try:
        assert server.process.wait(40) == 1
        server._reader.join(10)
        assert "Bad setting: " in server.output
        assert "Traceback" not in server.output
    finally:
        server.kill()


def test_a_wrong_value_of_the_machine_does_too(tmp_path):
    with FakeCloud() as cloud:
        cloud.attributes = {"terra-env-idle-timeout-seconds": "soon"}
        server = RealServer(tmp_path, GCE_METADATA_HOST=cloud.host)
        try:
            assert server.process.wait(40) == 1
            server._reader.join(10)
            assert "terra-env-idle-timeout-seconds" in server.output
        finally:
            server.kill()


def test_a_notice_of_the_cloud_reaches_the_server(tmp_path):
    """A notice of preemption or maintenance, from the metadata server to the flush."""
    with FakeCloud() as cloud:
        cloud.attributes = {"terra-env-idle-timeout-seconds": "900"}
        server = RealServer(tmp_path, GCE_METADATA_HOST=cloud.host, GCE_METADATA_IP=cloud.host)
        try:
            server.wait_until_it_serves()
            assert server.report()["idle_timeout_seconds"] == 900
            assert server.report()["cost"]["running_shown"] == "unknown"
            cloud.set("instance/preempted", "TRUE")
            for _ in range(100):
                if flush := server.report()["flush"]:
                    break
                time.sleep(0.1)
            assert flush["cause"] == "preempted"
        finally:
            server.kill()


def test_importing_the_package_stays_cheap():
    """The cloud's clients are slow to import; a server that needs none does without."""
    code = "import sys, jupyter_terra_env.app; print('google.cloud.compute_v1' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"

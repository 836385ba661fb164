"""Settings that do not exist are named, with what was probably meant."""

import pytest

from jupyter_terra_env.rules.setting_names import unknown_settings, unknown_variables

KNOWN = {"TerraEnvApp": {"collaborators", "owner_email"}, "AutopauseSettings": {"enabled", "idle_timeout_seconds"}}


@pytest.mark.parametrize(
    ("configured", "name", "suggestion"),
    [
        ({"TerraEnvApp": {"colaborators": []}}, "TerraEnvApp.colaborators", "TerraEnvApp.collaborators"),
        ({"AutopauseSettings": {"idle_timeout": 1}}, "AutopauseSettings.idle_timeout", None),
        ({"TerraEnvApp": {"zzz": 1}}, "TerraEnvApp.zzz", None),
        ({"TeraEnvApp": {"owner_email": "x"}}, "TeraEnvApp", "TerraEnvApp"),
        ({"AutoPauseSettings": {}}, "AutoPauseSettings", "AutopauseSettings"),
        ({"Autopause": {}}, "Autopause", "AutopauseSettings"),
        ({"Terra": {}}, "Terra", "TerraEnvApp"),
    ],
)
def test_a_name_that_does_not_exist(configured, name, suggestion):
    (found,) = unknown_settings(configured, KNOWN)
    assert found.name == name
    assert suggestion is None or found.suggestion == suggestion
    assert name in found.sentence


def test_what_is_right_or_not_ours_is_not_named():
    configured = {"TerraEnvApp": {"owner_email": "x"}, "ServerApp": {"prot": 1}, "TerraContentsManager": {}}
    assert unknown_settings(configured, KNOWN, other_classes={"TerraContentsManager"}) == ()


def test_a_variable_that_does_not_exist():
    names = ["TERRA_ENV_EMBEDED_BUCKET", "TERRA_ENV_EMBEDDED_BUCKET", "TERRA_DEPLOYMENT_ENV"]
    (found,) = unknown_variables(names, {"TERRA_ENV_EMBEDDED_BUCKET"}, prefix="TERRA_ENV_")
    assert (found.name, found.suggestion) == ("TERRA_ENV_EMBEDED_BUCKET", "TERRA_ENV_EMBEDDED_BUCKET")

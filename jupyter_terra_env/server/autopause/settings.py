"""The settings of autopause: traitlets, and below them the machine's own metadata. Wrong values end the start."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from traitlets import Bool, Enum, Float, Int, List, TraitError, Unicode
from traitlets.config import Configurable

from jupyter_terra_env.environment.leonardo import is_runtime
from jupyter_terra_env.environment.price_file import built_in, read_prices
from jupyter_terra_env.rules.addresses import require_safe_address
from jupyter_terra_env.rules.autopause.prices import PriceTable
from jupyter_terra_env.rules.autopause.state import PauseSettings, StopMode
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.server.text_list import TextList

ACTUATORS = ("leonardo", "compute_engine", "command", "webhook", "report_only")
_YES_NO = {"true": True, "false": False}
_NOT_NEGATIVE = (
    "idle_timeout_seconds",
    "warning_lead_seconds",
    "busy_gap_seconds",
    "resume_grace_seconds",
    "cpu_active_cores",
    "gpu_active_percent",
    "net_active_bytes_per_second",
    "max_snooze_seconds",
    "client_save_seconds",
    "boot_disk_gb",
)
_POSITIVE = (
    "tick_seconds",
    "max_busy_seconds",
    "work_samples",
    "audit_interval_seconds",
    "flush_seconds",
    "shutdown_budget_seconds",
    "actuator_seconds",
)


class AutopauseSettings(Configurable):
    """Autopause: when this environment is paused, how, and what keeps it running."""

    enabled = Bool(True, config=True, help="Whether this environment is paused when no one uses it.")  # noqa: FBT003
    idle_timeout_seconds = Float(
        1800.0,
        config=True,
        help="Seconds from the last human activity, or the end of the last work, to the pause. 0: never.",
    )
    warning_lead_seconds = Float(
        300.0, config=True, help="Seconds by which a pause is announced in advance. 0: not announced."
    )
    tick_seconds = Float(15.0, config=True, help="Seconds between activity checks.")
    max_busy_seconds = Float(
        86_400.0,
        config=True,
        help=(
            "Longest work without a person, in seconds; also how long a pause is put off because something could not "
            "be saved to the bucket."
        ),
    )
    busy_gap_seconds = Float(
        300.0,
        config=True,
        help=(
            "Seconds up to which a break between two pieces of work does not end the stretch of work that "
            "max_busy_seconds limits."
        ),
    )
    resume_grace_seconds = Float(
        600.0,
        config=True,
        help="Seconds granted before a pause after the machine was paused or this server was not running.",
    )
    http_activity = Enum(
        ("human", "any"),
        "human",
        config=True,
        help="`human`: only what people do counts. `any`: every request counts, and pauses follow Leonardo's rule.",
    )
    terminal_jobs = Bool(True, config=True, help="Whether a terminal's job counts as work, even one that is waiting.")  # noqa: FBT003
    input_wait_is_idle = Bool(
        True,  # noqa: FBT003
        config=True,
        help="Whether a cell that waits for `input()` counts as waiting for a person instead of as work.",
    )
    cpu_active_cores = Float(
        0.10, config=True, help="CPU cores a process must use to count as active. 0: CPU use does not count."
    )
    gpu_active_percent = Float(
        5.0,
        config=True,
        help=(
            "Utilization, in percent, at which a graphics card counts as active (asked of `nvidia-smi`). 0: graphics "
            "cards do not count."
        ),
    )
    net_active_bytes_per_second = Float(
        0.0,
        config=True,
        help="Network traffic, in bytes per second, that counts as activity. 0: traffic does not count.",
    )
    work_samples = Int(
        2,
        config=True,
        help=(
            "Number of consecutive activity checks in which CPU, graphics card or network must be active to count as "
            "work."
        ),
    )
    process_scope = Enum(
        ("machine", "server"),
        "machine",
        config=True,
        help="Which processes count. `machine`: all of this user. `server`: only those that this server started.",
    )
    audit_interval_seconds = Float(
        120.0,
        config=True,
        help="Seconds that a cell has run after which the kernel is asked whether it is still busy.",
    )
    correct_execution_state = Bool(
        True,  # noqa: FBT003
        config=True,
        help="Whether a wrong `execution_state` of a kernel is corrected in `/api/kernels` and `/api/sessions`.",
    )
    max_snooze_seconds = Float(
        14_400.0, config=True, help="Seconds of keep-awake time that can be requested until the next human activity."
    )
    snooze_may_exceed_cap = Bool(
        False,  # noqa: FBT003
        config=True,
        help="Whether requested keep-awake time also extends max_busy_seconds.",
    )
    pause_chain = TextList(
        ["report_only"],
        config=True,
        help=(
            "What pauses this environment, in the order in which it is tried: "
            f"{', '.join(f'`{actuator}`' for actuator in ACTUATORS)}."
        ),
    )
    actuator_seconds = Float(
        60.0, config=True, help="Seconds that an entry of pause_chain may take before it is tried again."
    )
    leonardo_url = Unicode(
        "",
        config=True,
        help=(
            "Leonardo's address: `https://`, except on this machine, and without a user name. If empty, it follows "
            "from the variable TERRA_DEPLOYMENT_ENV."
        ),
    )
    leonardo_bump = Bool(
        False,  # noqa: FBT003
        config=True,
        help=(
            "Whether Leonardo, which sees kernels and requests only, learns of other use (terminals, processes, "
            "requested time): its threshold is moved by a minute and back. Leonardo then also counts idle time from "
            "the end of the work."
        ),
    )
    compute_engine_mode = Enum(
        [mode.value for mode in StopMode],
        StopMode.STOP.value,
        config=True,
        help="How Compute Engine pauses the machine.",
    )
    pause_command = TextList(
        [],
        splits=False,
        config=True,
        help=(
            "Program and arguments that pause this environment, run without a shell; the variable TERRA_ENV_REASON "
            "holds the reason."
        ),
    )
    webhook_url = Unicode(
        "",
        config=True,
        help=(
            "Address that a signed request to pause this environment is posted to: `https://`, except on this machine, "
            "and without a user name."
        ),
    )
    webhook_secret_file = Unicode("", config=True, help="File with the secret that signs the requests to webhook_url.")
    flush_seconds = Float(120.0, config=True, help="Seconds in which everything must be saved before a pause.")
    client_save_seconds = Float(10.0, config=True, help="Seconds that a flush waits for browser tabs to save.")
    shutdown_budget_seconds = Float(
        25.0,
        config=True,
        help=(
            "Seconds in which everything must be saved when the server is stopped. When a machine stops, at least 30 s "
            "are left from the notice."
        ),
    )
    watch_metadata = Enum(
        ("auto", "on", "off"),
        "auto",
        config=True,
        help="Whether Compute Engine's notices of preemption and maintenance are watched. `auto`: if there are any.",
    )
    price_table = Unicode(
        "",
        config=True,
        help=(
            "JSON file with other prices, in the form of the built-in `environment/prices.json`. If empty, only the "
            "built-in prices are used."
        ),
    )
    boot_disk_gb = Int(0, config=True, help="Size of the boot disk in GB, for the cost. 0: not known.")

    def rules(self) -> PauseSettings:
        """The settings of the pause machine."""
        parity = self.http_activity == "any"
        return PauseSettings(
            enabled=self.enabled,
            idle_timeout=self.idle_timeout_seconds,
            tick=self.tick_seconds,
            warning_lead=0.0 if parity else self.warning_lead_seconds,
            max_busy=self.max_busy_seconds,
            busy_gap=self.busy_gap_seconds,
            resume_grace=self.resume_grace_seconds,
            max_snooze=self.max_snooze_seconds,
            snooze_may_exceed_cap=self.snooze_may_exceed_cap,
            parity=parity,
            leonardo_pauses=set(self.pause_chain) <= {"report_only"} and is_runtime(os.environ),
        )

    def prices(self) -> PriceTable:
        """The prices.

        Raises:
            SettingsError: the file of newer ones cannot be read, or is wrong.
        """
        if not self.price_table:
            return built_in()
        return read_prices(Path(self.price_table), setting=f"AutopauseSettings.price_table ({self.price_table})")

    def webhook_secret(self) -> bytes:
        """The secret that signs web hooks.

        Raises:
            SettingsError: the file cannot be read, or is empty.
        """
        setting = f"AutopauseSettings.webhook_secret_file ({self.webhook_secret_file})"
        try:
            secret = Path(self.webhook_secret_file).read_bytes().strip()
        except OSError as error:
            raise SettingsError(f"{setting}: it cannot be read ({error.strerror}).") from error
        if not secret:
            raise SettingsError(f"{setting}: it is empty.")
        return secret


def settings_of(parent: Any, attributes: Mapping[str, str]) -> AutopauseSettings:
    """The settings of a server, checked.

    Args:
        parent: the extension application, whose configuration wins.
        attributes: the machine's metadata under ``terra-env-``, without that prefix, as ``idle-timeout-seconds``.

    Raises:
        SettingsError: a value is wrong; the message names it.
        TraitError: a value has the wrong type.
    """
    settings = AutopauseSettings(parent=parent)
    configured = set(parent.config.get("AutopauseSettings", {}))
    known = AutopauseSettings.class_own_traits(config=True)
    for key, text in attributes.items():
        name = key.replace("-", "_")
        if name not in known:
            raise SettingsError(f"terra-env-{key} (instance metadata): there is no such setting.")
        if name not in configured:
            _set_from_text(settings, name, text, f"terra-env-{key} (instance metadata)")
    _check(settings)
    return settings


def _set_from_text(settings: AutopauseSettings, name: str, text: str, setting: str) -> None:
    trait = AutopauseSettings.class_own_traits()[name]
    value: Any
    try:
        match trait:
            case Bool():
                value = _YES_NO[text.strip().lower()]
            case Float():
                value = float(text)
            case Int():
                value = int(text)
            case List():
                value = json.loads(text) if text.lstrip().startswith("[") else text.split()
            case _:
                value = text
        setattr(settings, name, value)
    except (KeyError, ValueError, TraitError) as error:
        raise SettingsError(f"{setting}: {text!r} is no value of this setting.") from error


def _check(settings: AutopauseSettings) -> None:
    for name in (*_NOT_NEGATIVE, *_POSITIVE):
        value = getattr(settings, name)
        # Written so that NaN is refused, too.
        if not (0 <= value < float("inf")) or (value == 0 and name in _POSITIVE):
            raise SettingsError(f"AutopauseSettings.{name}: expected a positive number, got {value}.")
    lead = settings.warning_lead_seconds
    for name in ("idle_timeout_seconds", "max_busy_seconds"):
        limit = getattr(settings, name)
        if limit > 0 and lead >= limit:
            raise SettingsError(
                f"AutopauseSettings.warning_lead_seconds: expected less than {name}, which is {limit:g}, got {lead:g}."
            )
    _check_chain(settings)
    for name in ("webhook_url", "leonardo_url"):
        if getattr(settings, name):
            require_safe_address(f"AutopauseSettings.{name}", getattr(settings, name))


def _check_chain(settings: AutopauseSettings) -> None:
    chain = settings.pause_chain
    for name in chain:
        if name not in ACTUATORS:
            raise SettingsError(
                f"AutopauseSettings.pause_chain: unknown actuator {name!r}; known are {', '.join(ACTUATORS)}."
            )
    if not chain or len(set(chain)) != len(chain):
        raise SettingsError("AutopauseSettings.pause_chain: expected at least one actuator, each once.")
    needs = {
        "command": ("pause_command",),
        "webhook": ("webhook_url", "webhook_secret_file"),
    }
    for actuator, names in needs.items():
        for name in names:
            if actuator in chain and not getattr(settings, name):
                raise SettingsError(f"AutopauseSettings.{name}: {actuator!r} in pause_chain needs it.")

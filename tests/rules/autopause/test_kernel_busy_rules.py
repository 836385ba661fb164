"""Busy by request: what one shared state gets wrong, and what a lost message would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_terra_env.rules.autopause.kernel_busy import (
    BRIEF_SECONDS,
    MAIN_SHELL,
    KernelBusy,
    corrected_state,
    is_probe_unheard,
    needs_wide_subscription,
    on_input_reply,
    on_input_request,
    on_probe_reply,
    on_probe_sent,
    on_restart,
    on_status,
    shell_to_audit,
    without_probe,
)

SURE = KernelBusy(certain=True)


def heard(kernel, state, request="r1", kind="execute_request", subshell="", now=10.0):
    return on_status(kernel, request_id=request, request_type=kind, subshell=subshell, state=state, now=now)


def audited(kernel, *, sent=100.0, subshell=MAIN_SHELL, seen=True, replied=True):
    kernel = on_probe_sent(kernel, request_id="s", subshell=subshell, now=sent)
    if seen:
        kernel = heard(kernel, "busy", "s", "kernel_info_request", now=sent + 1)
    if replied:
        kernel = on_probe_reply(kernel, request_id="s", now=sent + 2)
    return kernel


@pytest.mark.parametrize(
    "kind", ["usage_request", "create_subshell_request", "list_subshell_request", "kernel_info_request", ""]
)
def test_the_control_channel_ends_no_cell(kind):
    kernel = heard(SURE, "busy")
    kernel = heard(kernel, "idle", "other", kind)
    assert kernel.is_busy
    assert corrected_state(kernel, "idle") == "busy"
    assert not heard(kernel, "idle").is_busy


def test_a_subshell_ends_only_its_own():
    kernel = heard(heard(SURE, "busy"), "busy", "r2", "comm_msg", "sub")
    kernel = heard(kernel, "idle", "r2", "comm_msg", "sub")
    assert kernel.is_busy


def test_the_end_of_work_is_remembered():
    kernel = heard(heard(SURE, "busy", now=10), "idle", now=42)
    assert (kernel.work_ended_seconds, kernel.busy_since_seconds) == (42, None)
    assert heard(SURE, "busy", now=10).busy_since_seconds == 10


def test_a_restart_ends_everything_and_makes_unsure():
    kernel = on_restart(on_input_request(heard(SURE, "busy"), request_id="r1", now=11), 12)
    assert not kernel.is_busy
    assert not kernel.certain
    assert kernel.waits_since_seconds is None
    assert corrected_state(kernel, "starting") == "starting"


def test_a_new_process_says_starting():
    assert not heard(heard(SURE, "busy"), "starting", "", "").is_busy


class TestProbe:
    def test_an_unsure_kernel_is_asked_at_once(self):
        assert shell_to_audit(KernelBusy(), now=0, audit_interval=120) == MAIN_SHELL

    def test_answer_and_status_make_sure(self):
        assert audited(KernelBusy()).certain
        assert not audited(KernelBusy(), seen=False).certain
        assert not audited(KernelBusy(), replied=False).certain

    def test_in_either_order(self):
        kernel = on_probe_sent(KernelBusy(), request_id="s", subshell=MAIN_SHELL, now=1)
        kernel = on_probe_reply(kernel, request_id="s", now=2)
        assert heard(kernel, "idle", "s", "kernel_info_request", now=3).certain

    def test_an_answer_without_a_status_is_asked_for_again(self):
        kernel = audited(KernelBusy(), sent=100, seen=False)
        assert not is_probe_unheard(kernel, now=102, patience=3)
        assert is_probe_unheard(kernel, now=103, patience=3)
        assert shell_to_audit(without_probe(kernel), now=103, audit_interval=120) == MAIN_SHELL

    def test_only_the_second_one_asks_for_more_topics(self):
        once = without_probe(audited(KernelBusy(), seen=False))
        assert not needs_wide_subscription(once)
        assert needs_wide_subscription(without_probe(audited(once, seen=False)))

    def test_a_kernel_that_starts_late_is_asked_again(self):
        kernel = on_probe_sent(KernelBusy(), request_id="s", subshell=MAIN_SHELL, now=1)
        kernel = heard(kernel, "starting", "", "", now=2)
        assert shell_to_audit(kernel, now=2, audit_interval=120) == MAIN_SHELL

    def test_its_answer_proves_what_began_before_it_to_be_over(self):
        kernel = heard(SURE, "busy", now=10)
        assert not audited(kernel, sent=200).is_busy

    def test_but_not_what_began_after_it_was_sent(self):
        kernel = on_probe_sent(SURE, request_id="s", subshell=MAIN_SHELL, now=100)
        kernel = heard(kernel, "busy", now=100)
        assert on_probe_reply(kernel, request_id="s", now=101).is_busy

    def test_nor_what_another_shell_does(self):
        kernel = heard(SURE, "busy", "r2", "comm_msg", "sub", now=10)
        assert audited(kernel, sent=200).is_busy
        assert not audited(kernel, sent=200, subshell="sub").is_busy

    def test_another_persons_answer_is_none(self):
        kernel = heard(SURE, "busy", now=10)
        assert on_probe_reply(kernel, request_id="x", now=11) == kernel

    def test_a_silent_request_is_audited_one_probe_at_a_time(self):
        kernel = heard(SURE, "busy", now=10)
        assert shell_to_audit(kernel, now=129, audit_interval=120) is None
        assert shell_to_audit(kernel, now=130, audit_interval=120) == MAIN_SHELL
        kernel = on_probe_sent(kernel, request_id="s", subshell=MAIN_SHELL, now=130)
        assert shell_to_audit(kernel, now=1000, audit_interval=120) is None

    @pytest.mark.parametrize("kind", ["usage_request", "comm_msg", "execute_request", "complete_request", ""])
    @pytest.mark.parametrize("subshell", [MAIN_SHELL, "sub"])
    def test_other_requests_that_are_repeated_do_not_postpone_the_audit(self, kind, subshell):
        kernel, audits = heard(SURE, "busy", "lost", now=0), 0
        for now in range(5, 600, 5):
            for state in ("busy", "idle"):
                kernel = heard(kernel, state, f"poll {now}", kind, subshell, now=now)
            shell = shell_to_audit(kernel, now=now, audit_interval=120)
            if shell is not None:
                audits += 1
                kernel = audited(kernel, sent=now, subshell=shell)
        assert audits == 1
        assert not kernel.is_busy

    def test_a_probe_behind_a_long_cell_does_not_put_off_the_audit_of_another_shell(self):
        kernel = heard(heard(SURE, "busy", "long", subshell="sub", now=0), "busy", "lost", now=10)
        kernel = on_probe_sent(kernel, request_id="waits", subshell="sub", now=120)
        assert shell_to_audit(kernel, now=130, audit_interval=120) == MAIN_SHELL
        kernel = audited(kernel, sent=130)
        assert set(kernel.running) == {"long"}
        assert shell_to_audit(kernel, now=10_000, audit_interval=120) is None
        assert not on_probe_reply(kernel, request_id="waits", now=10_001).is_busy

    def test_a_subshell_is_audited_in_its_own_queue(self):
        kernel = heard(SURE, "busy", "r2", "comm_msg", "sub", now=10)
        assert shell_to_audit(kernel, now=500, audit_interval=120) == "sub"

    def test_an_idle_kernel_is_left_alone(self):
        assert shell_to_audit(SURE, now=1e6, audit_interval=120) is None


class TestPrograms:
    """What programs ask of a kernel by themselves, every few seconds, keeps no machine running."""

    @pytest.mark.parametrize("kind", ["comm_msg", "complete_request", "inspect_request", "history_request", "other"])
    def test_a_brief_request_of_a_front_end_is_no_work(self, kind):
        kernel = heard(SURE, "busy", kind=kind, now=100)
        assert (kernel.is_busy, kernel.works(100.1)) == (True, False)
        assert heard(kernel, "idle", kind=kind, now=100.1).work_ended_seconds is None

    def test_nor_is_code_that_a_program_has_executed(self):
        kernel = on_status(
            SURE,
            request_id="r1",
            request_type="execute_request",
            subshell=MAIN_SHELL,
            state="busy",
            now=100,
            by_program=True,
        )
        assert not kernel.works(101)
        assert heard(kernel, "idle", now=101).work_ended_seconds is None

    def test_a_long_one_is_work(self):
        kernel = heard(SURE, "busy", kind="comm_msg", now=100)
        assert kernel.works(100 + BRIEF_SECONDS)
        assert heard(kernel, "idle", kind="comm_msg", now=200).work_ended_seconds == 200

    def test_a_cell_is_work_from_its_first_moment(self):
        kernel = heard(SURE, "busy", now=100)
        assert kernel.works(100)
        assert heard(kernel, "idle", now=100.1).work_ended_seconds == 100.1


class TestInput:
    def test_a_cell_waits_until_it_is_answered_or_over(self):
        waiting = on_input_request(heard(SURE, "busy"), request_id="r1", now=20)
        assert waiting.waits_since_seconds == 20
        assert on_input_reply(waiting).waits_since_seconds is None
        assert heard(waiting, "idle").waits_since_seconds is None

    def test_the_end_of_another_request_answers_nothing(self):
        waiting = on_input_request(heard(heard(SURE, "busy"), "busy", "r2", "comm_msg"), request_id="r1", now=20)
        assert heard(waiting, "idle", "r2", "comm_msg").waits_since_seconds == 20


@pytest.mark.parametrize("state", [None, "dead", "terminating", "restarting", "autorestarting"])
def test_other_states_are_left_alone(state):
    assert corrected_state(SURE, state) == state


@pytest.mark.parametrize("state", ["busy", "idle", "starting"])
def test_the_known_state_replaces_the_reported_one_only_when_sure(state):
    assert corrected_state(SURE, state) == "idle"
    assert corrected_state(KernelBusy(), state) == state
    # What was seen to begin runs, whatever may have been missed before.
    assert corrected_state(heard(KernelBusy(), "busy"), state) == "busy"


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", ""])), max_size=40), st.randoms())
def test_busy_exactly_while_a_request_is_open(requests, random):
    """Whatever is interleaved, the count is right as long as no message is lost."""
    kernel, open_requests, now = SURE, {}, 0.0
    for number, (request, subshell) in enumerate(requests):
        now += 1
        name = f"r{request}"
        if name in open_requests:
            kernel = heard(kernel, "idle", name, subshell=open_requests.pop(name), now=now)
        else:
            open_requests[name] = subshell
            kernel = heard(kernel, "busy", name, subshell=subshell, now=now)
        if random.random() < 0.5:
            kernel = heard(kernel, random.choice(["busy", "idle"]), f"n{number}", "usage_request", now=now)
        assert kernel.is_busy == bool(open_requests)


@given(st.lists(st.sampled_from(["busy", "idle", "lost-idle", "audit", "restart"]), max_size=40))
def test_no_loss_keeps_a_kernel_busy_past_the_next_audit(events):
    kernel, now, really_busy = SURE, 0.0, False
    for number, event in enumerate(events):
        now += 1
        match event:
            case "busy":
                kernel, really_busy = heard(kernel, "busy", f"r{number}", now=now), True
                latest = f"r{number}"
            case "idle" if really_busy:
                kernel, really_busy = heard(kernel, "idle", latest, now=now), False
            case "lost-idle":
                really_busy = False
            case "restart":
                kernel, really_busy = on_restart(kernel, now), False
            case "audit" if not really_busy:
                kernel = audited(kernel, sent=now)
                now += 3
                assert not kernel.is_busy
        if really_busy:
            assert kernel.is_busy

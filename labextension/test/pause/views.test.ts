import assert from 'node:assert/strict';
import test from 'node:test';
import { PHASES } from '../../src/pause/report';
import { countdown, roughly } from '../../src/pause/durations';
import { offeredAtAnyTime, pauseBadge, secondsToAskFor, whyInWords } from '../../src/pause/views';
import { trans } from '../given';
import { INPUT, JOB, ONLY_TOLD, REPORT, UNFLUSHED, WARNING, WORKING, known, report } from './given';

const badge = (data: object, change: object = {}) => pauseBadge(known(data, change), trans);

test('the state in words', () => {
  assert.equal(badge({ ...REPORT, state: 'active' })?.text, 'Running');
  assert.equal(badge(WORKING)?.text, 'Working: A cell of a.ipynb runs');
  assert.equal(
    badge({ ...WORKING, blockers: [...WORKING.blockers, JOB] })?.text,
    'Working: A cell of a.ipynb runs, and 1 more'
  );
  assert.equal(badge(REPORT, { secondsLeft: 1380 })?.text, 'Idle, pauses in 23 min');
  assert.equal(badge(WARNING)?.text, 'Pauses in 4:12');
  assert.equal(badge(WARNING, { secondsLeft: 0 })?.text, 'About to be paused');
  assert.equal(badge({ ...REPORT, state: 'flushing' })?.text, 'Saving before the pause…');
  assert.equal(badge({ ...REPORT, state: 'pausing' })?.text, 'Pausing…');
  assert.equal(badge({ ...REPORT, state: 'paused' })?.text, 'Paused');
  assert.equal(badge(UNFLUSHED)?.text, 'Not paused: not all is uploaded');
  assert.equal(badge({ ...UNFLUSHED, failure: 'actuators' })?.text, 'Not paused: no pause method succeeded');
  assert.equal(badge({ ...REPORT, state: 'pause-due' })?.text, 'Should be paused');
});

test('where nothing can pause, the end of the idle time is no alarm', () => {
  for (const state of ['warning', 'pause-due']) {
    assert.equal(badge({ ...ONLY_TOLD, state })?.text, 'Idle');
    assert.equal(badge({ ...ONLY_TOLD, state })?.tone, 'plain');
  }
  const idle = badge({ ...ONLY_TOLD, state: 'idle' });
  assert.equal(idle?.text, 'Idle');
  assert.match(idle?.sentence ?? '', /should be paused in .*; nothing here can pause it/);
});

test('time that was asked for is shown as that', () => {
  const kept = { ...REPORT, keep_awake: { ...REPORT.keep_awake, until: REPORT.deadline } };
  assert.equal(badge(kept, { secondsLeft: 3480 })?.text, 'Kept running, 58 min');
});

test('what does not end is not shown to end', () => {
  const never = badge({ ...REPORT, deadline: null }, { secondsLeft: null });
  assert.equal(never?.text, 'Running');
  assert.doesNotMatch(never?.sentence ?? '', /paused in/);
});

test('nothing is shown where nothing is paused', () => {
  for (const state of PHASES) {
    assert.equal(badge({ ...REPORT, state, enabled: false }), null);
  }
});

test('without an answer nothing is claimed, but that a pause was under way is remembered', () => {
  for (const state of PHASES) {
    const text = badge({ ...REPORT, state }, { answers: false })?.text;
    const under = ['flushing', 'pausing', 'paused'].includes(state);
    assert.equal(text, under ? 'Paused, or about to be' : 'No answer', state);
  }
});

test('the tooltip says why, when, and what it costs', () => {
  const sentence = badge(WORKING, { secondsLeft: 7500 })?.sentence;
  assert.equal(
    sentence,
    'Still running: A cell of a.ipynb runs. If nothing changes, it is paused in 2 h 5 min. ' +
      'Running costs $0.20 per hour, paused $0.01.'
  );
});

test('a cost that is not known is not shown, and never as nothing', () => {
  const unknown = { ...REPORT, cost: { ...REPORT.cost, running_per_hour: null, running_shown: 'unknown' } };
  assert.doesNotMatch(whyInWords(known(unknown), trans), /cost|unknown|\$/);
  const half = { ...REPORT, cost: { ...REPORT.cost, paused_per_hour: null, paused_shown: 'unknown' } };
  assert.match(whyInWords(known(half), trans), /Running costs \$0\.20 per hour\.$/);
});

test('an hour is asked for, or what is left', () => {
  const left = (seconds: number) =>
    secondsToAskFor(report({ ...REPORT, keep_awake: { ...REPORT.keep_awake, seconds_left_to_ask_for: seconds } }));
  assert.deepEqual([left(14400), left(1800), left(0)], [3600, 1800, 3600]);
});

test('what is offered is what can be granted', () => {
  const offered = (data: object) => offeredAtAnyTime(report(data), trans).map(button => button.action);
  assert.deepEqual(offered(REPORT), ['keep-awake', 'pause-now']);
  assert.deepEqual(offered(WORKING), ['keep-awake', 'until-jobs-end', 'pause-now']);
  assert.deepEqual(offered({ ...REPORT, waits: [INPUT] }), ['keep-awake', 'until-jobs-end', 'pause-now']);
  const kept = { ...REPORT, keep_awake: { ...REPORT.keep_awake, until_jobs_end: true } };
  assert.deepEqual(offered(kept), ['keep-awake', 'end-keep-awake', 'pause-now']);
  assert.deepEqual(offered({ ...REPORT, state: 'pausing' }), []);
});

test('lengths of time', () => {
  assert.deepEqual([0, 0.2, 59.4, 60, 252, 3600, 7325].map(countdown), [
    '0:00',
    '0:01',
    '1:00',
    '1:00',
    '4:12',
    '1:00:00',
    '2:02:05'
  ]);
  const words = [0, 45.4, 60, 1380, 3570, 3600, 7500].map(seconds => roughly(seconds, trans));
  assert.deepEqual(words, ['0 s', '45 s', '1 min', '23 min', '1 h', '1 h', '2 h 5 min']);
});

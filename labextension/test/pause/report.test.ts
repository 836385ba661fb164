import assert from 'node:assert/strict';
import test from 'node:test';
import { PHASES, parseNews, parseReport, saveAskedBy, updatedByNews } from '../../src/pause/report';
import { INPUT, JOB, REPORT, UNFLUSHED, WORKING, report } from './given';

test('the report is read', () => {
  const read = report({
    ...WORKING,
    waits: [INPUT],
    keep_awake: { ...REPORT.keep_awake, until: '2026-11-24T12:00:00Z' }
  });
  assert.equal(read.state, 'working');
  assert.equal(read.enabled, true);
  assert.deepEqual(
    read.blockers.map(work => work.detail),
    ['A cell of a.ipynb runs.']
  );
  assert.deepEqual(
    read.waits.map(work => work.detail),
    ['A cell of b.ipynb waits for input.']
  );
  assert.deepEqual(read.keepAwake, { until: '2026-11-24T12:00:00Z', untilJobsEnd: false, secondsLeftToAskFor: 14400 });
  assert.equal(read.costRunning, '$0.20');
});

test('every state of the server is known, and others are no report', () => {
  for (const state of PHASES) {
    assert.equal(report({ ...REPORT, state }).state, state);
  }
  for (const answer of [null, [], 'paused', {}, { ...REPORT, state: 'asleep' }, { state: 7 }]) {
    assert.equal(parseReport(answer), null);
    assert.equal(parseNews(answer), null);
  }
});

test('a report with damaged parts promises nothing', () => {
  const read = report({ state: 'idle', blockers: 'none', waits: [7, null], keep_awake: 7, cost: [], flush: 'yes' });
  assert.equal(read.enabled, false);
  assert.deepEqual([read.blockers, read.waits, read.unsafe], [[], [], []]);
  assert.deepEqual(read.keepAwake, { until: null, untilJobsEnd: false, secondsLeftToAskFor: 0 });
  assert.equal(read.deadline, null);
});

test('a cost that is not known is none, although the server has a word for it', () => {
  const unknown = { ...REPORT.cost, running_per_hour: null, running_shown: 'unknown' };
  assert.equal(report({ ...REPORT, cost: unknown }).costRunning, null);
  assert.equal(report({ ...REPORT, cost: unknown }).costPaused, '$0.01');
});

test('files that are not safe are named, unless it is not known which', () => {
  assert.deepEqual(report(UNFLUSHED).unsafe, ['ws/edit/a.ipynb']);
});

test('an event brings the report up to date, and leaves what it does not tell', () => {
  const news = parseNews({ ...WORKING, blockers: [JOB], save: null });
  assert.ok(news);
  const read = updatedByNews(report(REPORT), news);
  assert.equal(read.state, 'working');
  assert.deepEqual(
    read.blockers.map(work => work.detail),
    ['make runs in terminal 1.']
  );
  assert.equal(read.costPaused, '$0.01');
  assert.equal(read.enabled, true);
});

test('an event asks for saving only when it says why', () => {
  assert.equal(saveAskedBy({ ...REPORT, save: 'idle' }), 'idle');
  assert.equal(saveAskedBy({ ...REPORT, save: null }), null);
  assert.equal(saveAskedBy(REPORT), null);
  assert.equal(saveAskedBy(null), null);
});

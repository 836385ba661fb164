import assert from 'node:assert/strict';
import test from 'node:test';
import type { Phase } from '../../src/pause/report';
import { announcement, countdownView } from '../../src/pause/countdown';
import { trans } from '../given';
import { INPUT, ONLY_TOLD, REPORT, UNFLUSHED, WARNING, WORKING, known } from './given';

const view = (data: object, change: object = {}) => countdownView(known(data, change), trans);
const said = (data: object, before: Phase | null, change: object = {}) =>
  announcement(known(data, change), before, trans);

test('nothing is shown while no pause is near', () => {
  for (const state of ['active', 'working', 'idle']) {
    assert.equal(view({ ...REPORT, state }), null);
  }
});

test('the countdown says when, why, what it costs, and what can be done', () => {
  const shown = view(WARNING);
  assert.equal(shown?.title, 'This environment pauses in');
  assert.equal(shown?.left, '4:12');
  assert.equal(shown?.sentence, 'No one is here and nothing is running. Press any key to keep it running.');
  assert.deepEqual(shown?.notes, ['Running costs $0.20 per hour, paused $0.01.']);
  assert.deepEqual(
    shown?.buttons.map(button => button.label),
    ['Keep Running 1 h', 'Until Jobs End', 'Pause Now']
  );
});

test('where nothing can pause there is no countdown, and nothing is read aloud', () => {
  for (const state of ['warning', 'pause-due']) {
    assert.equal(view({ ...ONLY_TOLD, state }), null);
    assert.equal(said({ ...ONLY_TOLD, state }, 'idle'), '');
  }
  assert.equal(said({ ...ONLY_TOLD, state: 'active' }, 'warning'), '');
});

test('waiting for jobs is offered when there are any', () => {
  const unavailable = (data: object) =>
    view(data)?.buttons.find(button => button.action === 'until-jobs-end')?.unavailable;
  assert.match(unavailable(WARNING) ?? '', /Nothing is running/);
  assert.equal(unavailable({ ...WARNING, blockers: WORKING.blockers }), null);
  assert.equal(unavailable({ ...WARNING, waits: [INPUT] }), null);
});

test('what is running is named', () => {
  assert.deepEqual(view({ ...WARNING, blockers: WORKING.blockers, waits: [INPUT] })?.items, [
    'A cell of a.ipynb runs.',
    'A cell of b.ipynb waits for input.'
  ]);
});

test('a deadline that is past is not counted on', () => {
  assert.equal(view(WARNING, { secondsLeft: 0 })?.left, null);
  assert.equal(view(WARNING, { secondsLeft: 0 })?.title, 'This environment is about to be paused');
});

test('what was asked for is not called off by a key, and does not say so', () => {
  const flushing = { ...REPORT, state: 'flushing', message: 'Saving everything before the pause.' };
  assert.match(view(flushing)?.sentence ?? '', /Press any key/);
  assert.equal(view({ ...flushing, reason: 'requested' })?.sentence, 'Saving everything before the pause.');
});

test('a pause that failed says why, of which files, and when it is tried again', () => {
  const shown = view(UNFLUSHED, { secondsToRetry: 45 });
  assert.equal(shown?.notes[0], 'Next try in 0:45.');
  assert.match(shown?.sentence ?? '', /not in the workspace yet/);
  assert.deepEqual(shown?.items, ['ws/edit/a.ipynb']);
  assert.deepEqual(
    shown?.buttons.map(button => button.action),
    ['keep-awake', 'pause-anyway']
  );
  const actuators = view({ ...UNFLUSHED, failure: 'actuators' });
  assert.deepEqual(actuators?.items, []);
  assert.deepEqual(
    actuators?.buttons.map(button => button.action),
    ['keep-awake', 'pause-now']
  );
});

test('paused is said as long as the page is there, and without an answer, too', () => {
  assert.match(view({ ...REPORT, state: 'paused' })?.sentence ?? '', /may be lost/);
  assert.match(view({ ...REPORT, state: 'paused' }, { answers: false })?.title ?? '', /does not answer/);
  assert.equal(view(WARNING, { answers: false }), null, 'then it is not known what becomes of it');
});

test('screen readers are told at a few moments, and not each second', () => {
  const texts: string[] = [];
  for (let left = 300; left >= 0; left -= 0.5) {
    const text = said(WARNING, 'idle', { secondsLeft: left });
    if (text !== texts[texts.length - 1]) {
      texts.push(text);
    }
  }
  assert.deepEqual(
    texts.map(text => text.split('.')[0]),
    [
      'This environment is paused in less than 5 min',
      'This environment is paused in less than 2 min',
      'This environment is paused in less than 1 min',
      'This environment is paused in less than 10 s',
      'This environment is about to be paused'
    ]
  );
  assert.ok(texts.every(text => text.includes('Press any key')));
});

test('screen readers are told that it is over, and nothing before it begins', () => {
  assert.equal(said({ ...REPORT, state: 'active' }, 'warning'), 'This environment keeps running.');
  assert.equal(said({ ...REPORT, state: 'active' }, 'idle'), '');
  assert.equal(said(REPORT, null), '');
  assert.equal(said(UNFLUSHED, 'flushing').includes('ws/edit/a.ipynb'), true);
});

test('the retry that comes nearer is not read aloud', () => {
  assert.equal(said(UNFLUSHED, 'flushing', { secondsToRetry: 60 }), said(UNFLUSHED, 'flushing', { secondsToRetry: 3 }));
});

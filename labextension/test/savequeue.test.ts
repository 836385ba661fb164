import assert from 'node:assert/strict';
import test from 'node:test';
import { SaveQueue, SaveQueues } from '../src/savequeue';

/** A save that the test ends when it wants to. */
class SlowSave {
  started = 0;
  running = 0;
  mostAtOnce = 0;
  readonly queue: SaveQueue = new SaveQueue(() => this._save());

  private _save(): Promise<void> {
    this.started++;
    this.running++;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.running);
    this.queue.noteTaken();
    return new Promise((resolve, reject) => {
      this._end = error => {
        this.running--;
        if (error === undefined) {
          resolve();
        } else {
          reject(error);
        }
      };
    });
  }

  end(error?: Error): void {
    this._end?.(error);
  }

  private _end: ((error?: Error) => void) | null = null;
}

const settled = () => new Promise(resolve => setImmediate(resolve));

test('saves never overlap, and those who ask meanwhile share one', async () => {
  const save = new SlowSave();
  const first = save.queue.save();
  save.queue.noteChange();
  const others = [save.queue.save(), save.queue.save(), save.queue.save()];
  assert.equal(save.started, 1);
  save.end();
  await first;
  await settled();
  assert.equal(save.started, 2);
  save.end();
  await Promise.all(others);
  assert.equal(save.mostAtOnce, 1);
  assert.equal(save.started, 2);
});

test('nothing is sent again when nothing was changed meanwhile', async () => {
  const save = new SlowSave();
  const both = [save.queue.save(), save.queue.save()];
  save.end();
  await Promise.all(both);
  assert.equal(save.started, 1);
});

test('an edit during a save is remembered until it is taken', async () => {
  const save = new SlowSave();
  const first = save.queue.save();
  assert.equal(save.queue.changedSinceTaken, false);
  save.queue.noteChange();
  save.end();
  await first;
  assert.equal(save.queue.changedSinceTaken, true);
  const second = save.queue.save();
  assert.equal(save.queue.changedSinceTaken, false);
  save.end();
  await second;
});

test('a failed save fails for all who wait, and the next one starts afresh', async () => {
  const save = new SlowSave();
  const both = [save.queue.save(), save.queue.save()];
  save.queue.noteChange();
  save.end(new Error('no'));
  for (const one of both) {
    await assert.rejects(one, /no/);
  }
  await settled();
  assert.equal(save.queue.inFlight, false);
  const third = save.queue.save();
  assert.equal(save.started, 2);
  save.end();
  await third;
  assert.equal(save.queue.inFlight, false);
});

test('a save after a shared one that failed is shared again', async () => {
  const save = new SlowSave();
  const first = save.queue.save();
  save.queue.noteChange();
  const second = save.queue.save();
  save.end();
  await first;
  await settled();
  save.end(new Error('no'));
  await assert.rejects(second, /no/);
  await settled();
  const third = save.queue.save();
  save.queue.noteChange();
  const fourth = save.queue.save();
  save.end();
  await third;
  await settled();
  assert.equal(save.running, 1);
  save.end();
  await fourth;
  assert.equal(save.mostAtOnce, 1);
});

test('who asks during a later save does not hear of an earlier failure', async () => {
  const save = new SlowSave();
  const both = [save.queue.save(), save.queue.save()];
  save.end(new Error('no'));
  for (const one of both) {
    await assert.rejects(one, /no/);
  }
  await settled();
  const third = save.queue.save();
  const fourth = save.queue.save();
  save.end();
  await Promise.all([third, fourth]);
});

test('what replaces the screen waits for the save that is on its way, and no save comes in between', async () => {
  const save = new SlowSave();
  const first = save.queue.save();
  const steps: string[] = [];
  let finish: () => void = () => undefined;
  const replaced = save.queue.exclusively(async () => {
    steps.push('begun');
    await new Promise<void>(resolve => (finish = resolve));
    save.queue.noteChange(); // the other version comes on the screen
    steps.push('replaced');
    return 7;
  });
  await settled();
  assert.deepEqual(steps, [], 'a save is on its way');
  save.end(new Error('no'));
  await assert.rejects(first, /no/);
  await settled();
  assert.deepEqual(steps, ['begun']);
  const meanwhile = save.queue.save();
  await settled();
  assert.equal(save.started, 1, 'what is on the screen is about to be replaced');
  finish();
  assert.equal(await replaced, 7);
  await meanwhile;
  assert.equal(save.started, 1, 'what came from the server is no edit');
  const next = save.queue.save();
  assert.equal(save.started, 2);
  save.end();
  await next;
});

test('when replacing the screen fails, saves go on', async () => {
  const save = new SlowSave();
  await assert.rejects(
    save.queue.exclusively(() => Promise.reject(new Error('no'))),
    /no/
  );
  await settled();
  const next = save.queue.save();
  save.end();
  await next;
  assert.equal(save.started, 1);
});

test('what replaces the screen waits for the save of its own document only', async () => {
  let finish = () => {};
  const queue = new SaveQueue(() => new Promise<void>(resolve => (finish = resolve)));
  const [guarded, other] = [{}, {}];
  const queues = new SaveQueues();
  queues.add(guarded, queue);
  const saved = queue.save();
  const order: string[] = [];
  const replaced = queues.exclusively(guarded, async () => void order.push('guarded'));
  await queues.exclusively(other, async () => void order.push('other'));
  order.push('saved');
  finish();
  await saved;
  await replaced;
  assert.deepEqual(order, ['other', 'saved', 'guarded']);
});

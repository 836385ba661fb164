import assert from 'node:assert/strict';
import test from 'node:test';
import { ISavable, saveAll, unsavedPaths } from '../../src/pause/saveall';

/** A document; `edits` are typed while a save is on its way. */
class Document implements ISavable {
  saves = 0;

  constructor(
    public isDirty: boolean,
    readonly canSave = true,
    private _edits = 0,
    private readonly _error: Error | null = null,
    readonly path = 'w/edit/a.ipynb'
  ) {}

  async save(): Promise<void> {
    this.saves++;
    await Promise.resolve();
    if (this._error !== null) {
      throw this._error;
    }
    this.isDirty = this._edits-- > 0;
  }
}

test('what is not saved is saved, and nothing else', async () => {
  const documents = [new Document(true), new Document(false), new Document(true)];
  assert.deepEqual(await saveAll(documents), []);
  assert.deepEqual(
    documents.map(document => document.saves),
    [1, 0, 1]
  );
});

test('what is typed while it is saved is saved, too', async () => {
  const document = new Document(true, true, 1);
  assert.deepEqual(await saveAll([document]), []);
  assert.equal(document.saves, 2);
});

test('somebody who does not stop typing does not hold it up for ever', async () => {
  const document = new Document(true, true, 1000);
  assert.deepEqual(await saveAll([document]), ['w/edit/a.ipynb']);
  assert.ok(document.saves < 10);
});

test('a document that is only read does not hold up a pause', async () => {
  const readOnly = new Document(true, false);
  assert.deepEqual(await saveAll([readOnly]), []);
  assert.deepEqual(unsavedPaths([readOnly]), []);
  assert.equal(readOnly.saves, 0);
});

test('a save that fails is not told as done, and the others are saved all the same', async () => {
  const failing = new Document(true, true, 0, new Error('the disk is full'), 'w/edit/failing.ipynb');
  const other = new Document(true);
  assert.deepEqual(unsavedPaths([failing, other]), ['w/edit/failing.ipynb', 'w/edit/a.ipynb']);
  assert.deepEqual(await saveAll([failing, other]), ['w/edit/failing.ipynb']);
  assert.equal(other.saves, 1);
  assert.equal(failing.saves, 1);
});

test('a tab without documents has nothing to save', async () => {
  assert.deepEqual(await saveAll([]), []);
});

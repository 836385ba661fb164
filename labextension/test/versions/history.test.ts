import assert from 'node:assert/strict';
import test from 'node:test';
import { IVersion, kindInWords, parseHistory, savedInWords } from '../../src/versions/history';
import { trans } from '../given';

const NOW = { ms: Date.parse('2026-11-24T12:00:00'), locale: 'en' };
const at = (text: string) => new Date(text).toISOString();
const ANSWER = {
  versions: [
    {
      generation: '2',
      state: 'live',
      saved_at: at('2026-11-24T11:58:00'),
      size_bytes: 1234,
      readable: true,
      email: null
    },
    {
      generation: '1',
      state: 'soft-deleted',
      saved_at: at('2026-11-23T10:41:00'),
      kept_until: at('2026-11-30T10:41:00'),
      size_bytes: 2.5e6,
      readable: false,
      email: 'ben@example.org'
    }
  ],
  checkpoints: [{ id: 'checkpoint', saved_at: at('2026-11-24T11:00:00') }],
  hint: null
};
const versions = () => parseHistory(ANSWER)?.versions as readonly IVersion[];

test('an answer is read', () => {
  const found = parseHistory(ANSWER);
  assert.deepEqual(
    found?.versions.map(({ generation, state, isReadable }) => [generation, state, isReadable]),
    [
      ['2', 'live', true],
      ['1', 'soft-deleted', false]
    ]
  );
  assert.deepEqual(found?.checkpoints, [at('2026-11-24T11:00:00')]);
});

test('what is no answer is none, and what is no version is left out', () => {
  assert.equal(parseHistory(null), null);
  assert.equal(parseHistory({ versions: 7 }), null);
  assert.deepEqual(parseHistory({ versions: [null, { generation: 5 }, 'x'] })?.versions, []);
});

test('who saved it and when', () => {
  assert.match(savedInWords(versions()[0] as IVersion, NOW, trans), /^2 min ago \(11:58\sAM\)$/);
  assert.match(savedInWords(versions()[1] as IVersion, NOW, trans), /^Nov 23, 10:41\sAM, by ben@example.org$/);
});

test('what it is, and until when it can be restored', () => {
  assert.equal(kindInWords(versions()[0] as IVersion, NOW, trans), 'The version of now, 1.2 kB');
  assert.match(kindInWords(versions()[1] as IVersion, NOW, trans), /^Can be restored until Nov 30, 10:41\sAM, 2.5 MB$/);
});

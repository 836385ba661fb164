import assert from 'node:assert/strict';
import test from 'node:test';
import { shownOutput } from '../src/shownoutput';

const data = (bundle: object) => shownOutput({ output_type: 'display_data', metadata: {}, data: bundle });

test('a picture is shown as one, whatever else there is', () => {
  assert.equal(data({ 'image/png': 'iVBO\nRw==\n', 'text/plain': '<Figure>' }).image, 'data:image/png;base64,iVBORw==');
  assert.equal(
    data({ 'image/svg+xml': ['<svg>', '</svg>'] }).image,
    'data:image/svg+xml;charset=utf-8,%3Csvg%3E%3C%2Fsvg%3E'
  );
});

test('what is no picture does not become an address', () => {
  const shown = data({ 'image/png': 'x" onerror="alert(1)', 'text/plain': 'text' });
  assert.deepEqual([shown.image, shown.text], [null, 'text']);
});

test('markup is text, and scripts are not shown', () => {
  assert.equal(data({ 'text/html': '<b onclick="x()">1</b>' }).text, '<b onclick="x()">1</b>');
  const script = data({ 'application/javascript': 'x()' });
  assert.deepEqual([script.text, script.type], [null, 'application/javascript']);
});

test('streams and errors are text without the colours of a terminal', () => {
  assert.equal(shownOutput({ output_type: 'stream', text: ['a\n', 'b'] }).text, 'a\nb');
  const error = { output_type: 'error', ename: 'E', evalue: 'v', traceback: ['\u001b[0;31mE\u001b[0m: v'] };
  assert.equal(shownOutput(error).text, 'E: v');
  assert.equal(shownOutput({ ...error, traceback: [] }).text, 'E: v');
});

test('a long text is cut, and what is broken breaks nothing', () => {
  const shown = shownOutput({ output_type: 'stream', text: 'x'.repeat(30_000) });
  assert.deepEqual([shown.text?.length, shown.isCut], [20_000, true]);
  for (const broken of [
    {},
    { output_type: 'display_data' },
    { data: null },
    { data: { 'image/png': 7 } },
    { output_type: 'error', traceback: 'x' }
  ]) {
    assert.doesNotThrow(() => shownOutput(broken));
  }
});

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

const SOURCES = join(__dirname, '..', '..', 'src');
const CALL = /\bNotification\.(info|success|warning|error|emit|promise|update|manager)\b/g;

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)]
  );
}

/** What stands between a call's parentheses. */
function argumentsAt(text: string, start: number): string {
  let depth = 0;
  for (let at = text.indexOf('(', start); at < text.length; at++) {
    depth += text[at] === '(' ? 1 : text[at] === ')' ? -1 : 0;
    if (depth === 0) {
      return text.slice(start, at);
    }
  }
  return text.slice(start);
}

test('each notification says for how long it is shown: JupyterLab only lights a bell otherwise', () => {
  const bad: string[] = [];
  for (const file of files(SOURCES)) {
    const text = readFileSync(file, 'utf-8');
    for (const { index } of text.matchAll(CALL)) {
      const call = argumentsAt(text, index ?? 0);
      if (!/autoClose:\s*(false|[A-Z1-9])/.test(call)) {
        bad.push(`${file}: ${call.slice(0, 80)}`);
      }
    }
  }
  assert.deepEqual(bad, []);
});

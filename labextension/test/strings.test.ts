import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

const ROOT = join(__dirname, '..', '..');

test('the template of translations has every string of the sources', () => {
  execFileSync(process.execPath, ['strings.mjs', '--check'], { cwd: ROOT, stdio: 'pipe' });
});

test('nothing is shown that no translator was asked for', () => {
  // In markup: a text between tags, or a label that people read.
  const bare = />\s*[A-Z][a-z]+[^<>{}=;()]*<\/|(?:title|aria-label|placeholder)="[^"]+"/;
  const folders = ['components', 'plugins'].map(name => join(ROOT, 'src', name));
  for (const file of folders.flatMap(folder => readdirSync(folder).map(name => join(folder, name)))) {
    assert.doesNotMatch(readFileSync(file, 'utf8'), bare, file);
  }
});

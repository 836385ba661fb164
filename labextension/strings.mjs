/**
 * Collects all strings that can be translated: `node strings.mjs` writes locale/jupyter_terra_env.pot, `--check` says whether it
 * is up to date. From the sources: what is given to a translator's `__`. From the schemas: titles and descriptions.
 */

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = dirname(fileURLToPath(import.meta.url));
const TEMPLATE = join(ROOT, 'locale', 'jupyter_terra_env.pot');
const HEADER = `msgid ""
msgstr ""
"Project-Id-Version: jupyter_terra_env\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
`;

/** Strings with the places they are at, by context and string. */
const found = new Map();

function note(text, place, context = '') {
  const key = JSON.stringify([context, text]);
  const entry = found.get(key) ?? { context, text, places: [] };
  if (!entry.places.includes(place)) {
    entry.places.push(place);
  }
  found.set(key, entry);
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function collectFromSource(file) {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const visit = node => {
    if (
      ts.isCallExpression(node) &&
      ts.isPropertyAccessExpression(node.expression) &&
      node.expression.name.text === '__'
    ) {
      const [text] = node.arguments;
      if (text === undefined || !ts.isStringLiteralLike(text)) {
        const { line } = source.getLineAndCharacterOfPosition(node.getStart());
        throw new Error(`${relative(ROOT, file)}:${line + 1}: what is translated must be one string.`);
      }
      note(text.text, relative(ROOT, file));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}

function collectFromSchema(file) {
  const visit = value => {
    for (const [key, inner] of Object.entries(value ?? {})) {
      if ((key === 'title' || key === 'description') && typeof inner === 'string') {
        note(inner, relative(ROOT, file), 'schema');
      } else if (typeof inner === 'object') {
        visit(inner);
      }
    }
  };
  visit(JSON.parse(readFileSync(file, 'utf8')));
}

function template() {
  const entries = [...found.values()].sort((a, b) => (a.context + a.text < b.context + b.text ? -1 : 1));
  return [HEADER, ...entries.map(asEntry)].join('\n');
}

function asEntry({ context, text, places }) {
  const lines = places.sort().map(place => `#: ${place}`);
  if (/%\d/.test(text)) {
    lines.push('#. %1, %2 and so on are filled in.');
  }
  if (context !== '') {
    lines.push(`msgctxt ${JSON.stringify(context)}`);
  }
  return [...lines, `msgid ${JSON.stringify(text)}`, 'msgstr ""', ''].join('\n');
}

filesBelow(join(ROOT, 'src'))
  .filter(file => /\.tsx?$/.test(file))
  .forEach(collectFromSource);
filesBelow(join(ROOT, 'schema')).forEach(collectFromSchema);
if (process.argv.includes('--check')) {
  if (readFileSync(TEMPLATE, 'utf8') !== template()) {
    console.error('locale/jupyter_terra_env.pot is not up to date: run `jlpm strings`.');
    process.exitCode = 1;
  }
} else {
  writeFileSync(TEMPLATE, template());
}

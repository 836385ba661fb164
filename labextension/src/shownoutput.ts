/** What is shown of an output that another person may have written: pictures and plain text, nothing that runs. Pure. */

export interface IShownOutput {
  /** A `data:` address for an `img` element, in which nothing runs and which loads nothing. */
  readonly image: string | null;
  readonly text: string | null;
  readonly isCut: boolean;
  /** The type of what is not shown. */
  readonly type: string;
}

const MOST_CHARACTERS = 20_000;
const PICTURES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
// eslint-disable-next-line no-control-regex
const TERMINAL_COLOURS = /\u001b\[[0-9;]*[A-Za-z]/g;

/** @param output - an output as notebooks store it, whatever it is. */
export function shownOutput(output: Record<string, unknown>): IShownOutput {
  if (output.output_type === 'stream') {
    return asText(output.text);
  }
  if (output.output_type === 'error') {
    const trace = Array.isArray(output.traceback) ? output.traceback.map(joined).join('\n') : '';
    return asText(trace || `${joined(output.ename)}: ${joined(output.evalue)}`);
  }
  const data = (typeof output.data === 'object' && output.data !== null ? output.data : {}) as Record<string, unknown>;
  for (const type of PICTURES) {
    const encoded = joined(data[type]).replace(/\s/g, '');
    if (encoded !== '' && /^[A-Za-z0-9+/=]+$/.test(encoded)) {
      return { image: `data:${type};base64,${encoded}`, text: null, isCut: false, type };
    }
  }
  const drawing = joined(data['image/svg+xml']);
  if (drawing !== '') {
    const type = 'image/svg+xml';
    return { image: `data:${type};charset=utf-8,${encodeURIComponent(drawing)}`, text: null, isCut: false, type };
  }
  const text = data['text/plain'] ?? data['text/markdown'] ?? data['text/html'];
  return text === undefined
    ? { image: null, text: null, isCut: false, type: Object.keys(data).join(', ') || String(output.output_type) }
    : asText(text);
}

function asText(value: unknown): IShownOutput {
  const text = joined(value).replace(TERMINAL_COLOURS, '');
  return {
    image: null,
    text: text.slice(0, MOST_CHARACTERS),
    isCut: text.length > MOST_CHARACTERS,
    type: 'text/plain'
  };
}

function joined(value: unknown): string {
  return Array.isArray(value) ? value.map(String).join('') : value === undefined || value === null ? '' : String(value);
}

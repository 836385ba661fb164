import type { TranslationBundle } from '@jupyterlab/translation';
import { markView } from '../marks';
import type { Mark } from '../status';
import { SHAPES } from './icon';

const CLASS = 'jp-terra-Mark';
const SVG = 'http://www.w3.org/2000/svg';

/** Put a mark behind the name of an entry of a folder, or take it away; entries' nodes are used again for others. */
export function showMark(node: HTMLElement, mark: Mark | null, trans: TranslationBundle): void {
  if ((node.dataset.terraMark ?? '') === (mark ?? '')) {
    return;
  }
  node.querySelector(`.${CLASS}`)?.remove();
  if (mark === null) {
    delete node.dataset.terraMark;
    return;
  }
  node.dataset.terraMark = mark;
  node.querySelector('.jp-DirListing-itemText')?.after(markNode(mark, trans));
}

function markNode(mark: Mark, trans: TranslationBundle): HTMLElement {
  const { icon, sentence } = markView(mark, trans);
  const span = document.createElement('span');
  span.className = CLASS;
  span.dataset.mark = mark;
  span.title = sentence;
  span.setAttribute('role', 'img');
  span.setAttribute('aria-label', sentence);
  const [svg, path] = [document.createElementNS(SVG, 'svg'), document.createElementNS(SVG, 'path')];
  for (const [name, value] of Object.entries({ viewBox: '0 0 16 16', width: '14', height: '14' })) {
    svg.setAttribute(name, value);
  }
  path.setAttribute('d', SHAPES[icon]);
  path.setAttribute('fill', 'currentColor');
  path.setAttribute('fill-rule', 'evenodd');
  svg.append(path);
  span.append(svg);
  return span;
}

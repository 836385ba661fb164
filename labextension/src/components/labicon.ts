import { LabIcon } from '@jupyterlab/ui-components';
import type { IconName } from '../views';
import { SHAPES } from './icon';

const MADE = new Map<IconName, LabIcon>();

/** One of this extension's shapes as an icon of JupyterLab, for tabs. */
export function labIcon(name: IconName): LabIcon {
  const made = MADE.get(name);
  if (made !== undefined) {
    return made;
  }
  const path = `<path class="jp-icon3 jp-icon-selectable" fill="#616161" fill-rule="evenodd" d="${SHAPES[name]}"/>`;
  const svgstr = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">${path}</svg>`;
  const icon = new LabIcon({ name: `jupyter-terra-env:${name}`, svgstr });
  MADE.set(name, icon);
  return icon;
}

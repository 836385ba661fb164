/** The present moment and the page's language: set once, when the page is made. */

import type { ITranslator } from '@jupyterlab/translation';
import { INow, localeOf } from './when';

let locale = 'en';

/** Write moments in the language that JupyterLab is shown in. */
export function setLanguage(translator: ITranslator | null): void {
  locale = localeOf(translator);
}

export function present(): INow {
  return { ms: Date.now(), locale };
}

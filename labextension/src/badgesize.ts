/** How much of the status has room in a toolbar, so that nothing of JupyterLab's is pushed out of it. Pure. */

/** `full`: all words, in the toolbar; `short`: a word or two there; `line`: a line of its own above the notebook. */
export type BadgeSize = 'full' | 'short' | 'line';

export interface IRoom {
  /** The toolbar's width, in pixels. */
  readonly toolbar: number;
  /** What everything else in it takes, in pixels, whether it is shown or not. */
  readonly others: number;
}

export interface IWords {
  readonly full: readonly string[];
  readonly short: readonly string[];
}

const SIGN_WIDTH = 14;
const BADGE_WIDTH = 38; // icon, gap, padding, border, margin
/** Short words of any state fit into it: the line does not come and go while a person types. */
const LEAST_SHORT_WIDTH = 226;
/** Between what is computed, which is rather too much, and what is drawn. */
const SPARE = 8;

/** The most that fits. */
export function badgeSize(room: IRoom, words: IWords): BadgeSize {
  const left = room.toolbar - room.others - SPARE;
  if (left < Math.max(LEAST_SHORT_WIDTH, widthOf(words.short))) {
    return 'line';
  }
  return widthOf(words.full) <= left ? 'full' : 'short';
}

function widthOf(words: readonly string[]): number {
  // The widest letters of common fonts at JupyterLab's size take less, most take half of it.
  return words.reduce((sum, word) => sum + BADGE_WIDTH + Math.ceil(word.length * SIGN_WIDTH * 0.56), 0);
}

/** How much is said in a line of its own. */
export function lineSize(width: number, words: IWords): BadgeSize {
  return width === 0 || widthOf(words.full) <= width ? 'line' : 'short';
}

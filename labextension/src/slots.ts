/** Which button of the banner stands where: none moves under the pointer when another comes or goes. Pure. */

import type { BannerAction } from './views';

/** What a person most likely wants takes the first place, as one button that changes its words. */
const FIRST: readonly BannerAction[] = [
  'edit-here',
  'resolve',
  'edit',
  'take-over',
  'copy-to-edit',
  'stop-waiting',
  'wait'
];
const ALWAYS: readonly BannerAction[] = ['first-tab', 'playground', 'preview', 'copy'];

export interface ISlots {
  /** Null: the place is left empty. */
  readonly first: BannerAction | null;
  /** Whether the first is what the banner is about, and not only one of several ways out. */
  readonly isPrimary: boolean;
  readonly others: readonly BannerAction[];
}

/** Give each action its place. */
export function slotsOf(actions: readonly BannerAction[]): ISlots {
  const first = FIRST.find(action => actions.includes(action)) ?? null;
  const rest = actions.filter(action => action !== first);
  // The same order whatever is offered; what is not known here comes last.
  const known = [...ALWAYS, ...FIRST];
  const others = [...known.filter(action => rest.includes(action)), ...rest.filter(action => !known.includes(action))];
  return { first, isPrimary: first !== null && first !== 'wait' && first !== 'stop-waiting', others };
}

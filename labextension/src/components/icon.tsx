import * as React from 'react';
import type { IconName } from '../views';

/** Shapes of 16 × 16, drawn for this extension. */
export const SHAPES: Record<IconName, string> = {
  pencil:
    'M2 11.5V14h2.5l7.4-7.4-2.5-2.5L2 11.5zM13.8 4.7a.7.7 0 0 0 0-1l-1.5-1.5a.7.7 0 0 0-1 0l-1.2 1.2 2.5 2.5 1.2-1.2z',
  flask: 'M6 1.5v1h.8v3.9L2.7 13a1 1 0 0 0 .9 1.5h8.8a1 1 0 0 0 .9-1.5L9.2 6.4V2.5h.8v-1H6zm2 5.4L9.8 10H6.2L8 6.9z',
  lock: 'M8 1.5a3 3 0 0 0-3 3V7H4v7.5h8V7h-1V4.500a3 3 0 0 0-3-3zM6.300 7V4.500a1.700 1.700 0 0 1 3.400 0V7H6.300z',
  dot: 'M8 4.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7z',
  disk: 'M2.500 2.500h9l2 2v9h-11v-11zM5 3.500v3h5v-3H5zM4.500 9v3.500h7V9h-7z',
  upload: 'M7.200 13.500V5.900L4.600 8.500 3.500 7.400 8 2.900l4.500 4.500-1.100 1.100-2.600-2.600v7.600H7.200z',
  check: 'M6.400 12.700 2.200 8.500l1.200-1.200 3 3 6.200-6.200 1.200 1.200-7.400 7.400z',
  alert: 'M8 1.500.8 14.500h14.400L8 1.500zm.8 10.800H7.200v-1.500h1.600v1.500zm0-2.600H7.200V6h1.600v3.700z',
  running: 'M4 2.500v11L13 8 4 2.500z',
  clock:
    'M8 1.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13zm0 1.500a5 5 0 1 1 0 10A5 5 0 0 1 8 3zm-.7 1.500v4l2.800 2.100.8-1.100-2.200-1.700V4.500H7.300z',
  pause: 'M4 2.500h3v11H4v-11zm5 0h3v11H9v-11z',
  eye: 'M8 3.500C4.500 3.500 1.800 6 .800 8c1 2 3.700 4.500 7.200 4.500S14.200 10 15.200 8c-1-2-3.700-4.500-7.200-4.500zm0 7.500a3 3 0 1 1 0-6 3 3 0 0 1 0 6zm0-1.500a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3z',
  tabs: 'M1.500 4.500h3v-3h10v10h-3v3h-10v-10zM6 3v1.500h5.500V10H13V3H6z',
  offline:
    'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM3.600 8c0-.9.300-1.800.8-2.500l6.100 6.100A4.400 4.400 0 0 1 3.600 8zm8 2.500L5.500 4.400a4.400 4.400 0 0 1 6.100 6.100z'
};

/** A shape beside words; screen readers read the words. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg className="jp-terra-Icon" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" focusable="false">
      <path d={SHAPES[name]} fill="currentColor" fillRule="evenodd" />
    </svg>
  );
}

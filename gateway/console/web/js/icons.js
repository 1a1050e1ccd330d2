/* Line icons, 24 by 24. An icon never stands without words or a name beside it. */
import { svg } from './dom.js';

const paths = {
  alerts: 'M12 3a6 6 0 0 0-6 6v4l-2 4h16l-2-4V9a6 6 0 0 0-6-6zM9.5 20a2.6 2.6 0 0 0 5 0',
  lanes: 'M4 21V8h4v13M8 10l12-4v4L8 14M3 21h7',
  check: 'M3 7h18v10H3zM7 11v2M11 11v2M15 11v2',
  history: 'M4 5v5h5M4.6 10A8 8 0 1 1 4 13M12 8v5l3 2',
  lookouts: 'M12 6C7 6 3.5 10 2.5 12c1 2 4.500 6 9.500 6s8.500-4 9.500-6C20.500 10 17 6 12 6zM12 9.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z',
  handover: 'M4 8h13l-3-3M20 16H7l3 3',
  report: 'M5 20V10M10 20V4M15 20v-7M20 20V7',
  health: 'M3 12h4l2-6 4 12 2-6h6',
  sound: 'M4 9v6h4l5 4V5L8 9zM16 9a4 4 0 0 1 0 6M18.500 6.500a8 8 0 0 1 0 11',
  silent: 'M4 9v6h4l5 4V5L8 9zM16 9l5 6M21 9l-5 6',
  help: 'M12 3l9 16H3zM12 9v5M12 16.500v.5',
  night: 'M20 14.500A8 8 0 0 1 9.500 4 8 8 0 1 0 20 14.500z',
  day: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2',
  person: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4 21c0-4 3.500-6.500 8-6.500s8 2.500 8 6.500',
  link: 'M9 12h6M10 8H7a4 4 0 0 0 0 8h3M14 8h3a4 4 0 0 1 0 8h-3',
  cut: 'M10 8H7a4 4 0 0 0 0 8h3M14 8h3a4 4 0 0 1 0 8h-3M12 4v3M12 17v3',
  yes: 'M4 12.500l5 5L20 6.500',
  no: 'M5 5l14 14M19 5L5 19',
  back: 'M15 5l-7 7 7 7',
  clock: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 2',
  list: 'M4 6h16M4 12h16M4 18h10',
  eye: 'M12 6C7 6 3.500 10 2.500 12c1 2 4.500 6 9.500 6s8.500-4 9.500-6c-1-2-4.500-6-9.500-6z',
  car: 'M4 16v-4l2.500-5h11L20 12v4zM4 16v2M20 16v2M7 13h1M16 13h1',
  print: 'M7 9V4h10v5M7 17H4v-7h16v7h-3M7 14h10v6H7z',
  info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v6M12 7.500v.5',
};

export function icon(name, cls = '') {
  return svg('svg', { class: `icon ${cls}`, viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false' },
    svg('path', { d: paths[name] ?? paths.info }));
}

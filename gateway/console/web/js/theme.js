/* Night (what a booth needs most hours) and day. */
import { kept, keep } from './kept.js';
import { touch } from './state.js';
import { t } from './words.js';

export function theme() {
  return document.documentElement.dataset.theme === 'day' ? 'day' : 'night';
}

function setTheme(name) {
  document.documentElement.dataset.theme = name === 'day' ? 'day' : 'night';
  keep('theme', theme());
}

export function toggleTheme() {
  setTheme(theme() === 'day' ? 'night' : 'day');
  touch('theme');
}

/* What a press on its button leads to. */
export const themeWords = () => t(theme() === 'day' ? 'ui_to_night' : 'ui_to_day');

export function startTheme() {
  setTheme(kept('theme') ?? 'night');
}

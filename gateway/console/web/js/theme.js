/* Night (what a booth needs most hours) and day. */
import { kept, keep } from './kept.js';

export function theme() {
  return document.documentElement.dataset.theme === 'day' ? 'day' : 'night';
}

export function setTheme(name) {
  document.documentElement.dataset.theme = name === 'day' ? 'day' : 'night';
  keep('theme', theme());
}

export function startTheme() {
  setTheme(kept('theme') ?? 'night');
}

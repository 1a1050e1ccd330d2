/* Alert sounds, made in the browser. See README.md for when the console is silent. */
import { kept, keep } from './kept.js';
import { touch } from './state.js';

let audio = null;
let muted = kept('muted') === 'yes';

/* 'off' until the browser was given its one tap, then 'on' or 'muted'. */
export function soundState() {
  if (!audio || audio.state !== 'running') return 'off';
  return muted ? 'muted' : 'on';
}

export async function enableSound() {
  audio ??= new AudioContext();
  audio.onstatechange = () => touch('sound');
  await audio.resume();
  touch('sound');
}

export function toggleMute() {
  muted = !muted;
  keep('muted', muted ? 'yes' : 'no');
  touch('sound');
}

/* Alert sounds, made in the browser: a tone a severity, repeated until somebody signs; priority 1 and a
 * run-through cannot be muted. Silent by rule: quiet 疑似 hits, and vehicles whose people are dangerous (the tablet
 * may stand outside): there the frame of the screen flashes and the tablet vibrates. See README.md. */
import { kept, keep } from './kept.js';
import { state, subscribe, touch, isExact, isQuiet, isRisk, isUnanswered } from './state.js';

/* Tones of one call: [Hz, from s, for s]; every: s until it is repeated. */
const calls = {
  run: { tones: [[1200, 0, 0.25], [800, 0.25, 0.25], [1200, 0.5, 0.25], [800, 0.75, 0.25]], every: 1.2, wave: 'square', loud: 0.35 },
  help: { tones: [[900, 0, 0.15], [900, 0.25, 0.15], [900, 0.5, 0.4]], every: 2, wave: 'square', loud: 0.35 },
  p1: { tones: [[880, 0, 0.14], [1175, 0.18, 0.14], [880, 0.36, 0.14], [1175, 0.54, 0.2]], every: 2.5, wave: 'square', loud: 0.3 },
  p2: { tones: [[740, 0, 0.18], [932, 0.24, 0.24]], every: 4, wave: 'square', loud: 0.22 },
  p3: { tones: [[587, 0, 0.25]], every: 6, wave: 'square', loud: 0.18 },
  /* 疑似: soft and falling, so that the ear knows before the eye */
  p1_suspected: { tones: [[880, 0, 0.2], [660, 0.24, 0.3]], every: 2.5, wave: 'sine', loud: 0.4 },
  p2_suspected: { tones: [[740, 0, 0.2], [554, 0.24, 0.3]], every: 4, wave: 'sine', loud: 0.32 },
  p3_suspected: { tones: [[587, 0, 0.2], [440, 0.24, 0.3]], every: 6, wave: 'sine', loud: 0.28 },
};
const order = ['run', 'help', 'p1', 'p1_suspected', 'p2', 'p2_suspected', 'p3', 'p3_suspected'];
const NEVER_MUTED = new Set(['run', 'help', 'p1', 'p1_suspected']);
const VIBRATE_MS = [300, 150, 300];

let audio = null;
let muted = kept('muted') === 'yes';
let playing = null;
let timer = 0;
let frame = null;

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

/* Which call sounds now and whether the frame flashes. */
export function wantedCall(now = state) {
  const found = new Set();
  let flash = false;
  if (now.runs.length) found.add('run');
  if ((now.duty?.help ?? []).some((one) => !one.ended_by)) found.add('help');
  for (const hit of now.hits.values()) {
    if (!isUnanswered(hit) || isQuiet(hit)) continue;
    if (isRisk(hit)) flash = true;
    else if (hit.decision?.level === 'sounding') found.add(`p${hit.entry?.priority ?? 3}${isExact(hit) ? '' : '_suspected'}`);
  }
  return { call: order.find((name) => found.has(name)) ?? null, flash };
}

function playOnce(call) {
  for (const [hz, from, seconds] of call.tones) {
    const at = audio.currentTime + from;
    const tone = audio.createOscillator();
    const gain = audio.createGain();
    tone.type = call.wave;
    tone.frequency.value = hz;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(call.loud, at + 0.01);
    gain.gain.setValueAtTime(call.loud, at + seconds - 0.02);
    gain.gain.linearRampToValueAtTime(0, at + seconds);
    tone.connect(gain).connect(audio.destination);
    tone.start(at);
    tone.stop(at + seconds + 0.02);
  }
}

function repeat() {
  clearTimeout(timer);
  if (!playing || soundState() === 'off') return;
  playOnce(calls[playing]);
  timer = setTimeout(repeat, calls[playing].every * 1000);
}

function setFlash(on) {
  if (on === Boolean(frame)) return;
  if (!on) {
    frame.remove();
    frame = null;
    return;
  }
  frame = document.createElement('div');
  frame.className = 'alarm-frame';
  document.body.append(frame);
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(VIBRATE_MS); /* else the browser refuses */
}

function judge() {
  const { call, flash } = wantedCall();
  const heard = call && (soundState() === 'on' || (soundState() === 'muted' && NEVER_MUTED.has(call))) ? call : null;
  setFlash(flash);
  document.documentElement.dataset.sounding = heard ?? '';
  if (heard === playing) return;
  playing = heard;
  repeat();
}

export function startSound() {
  subscribe((topics) => {
    if (['hits', 'duty', 'runs', 'sound', 'session', 'board'].some((topic) => topics.has(topic))) judge();
  });
}

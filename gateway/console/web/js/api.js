/* Calls of consoled. The token is a cookie no script can read; what is kept here is who is signed on
 * and the word that proves a request comes from this page. */

import { keep, kept } from './kept.js';
import { takeBoxTime } from './time.js';

export class Refused extends Error {
  constructor(status, error) {
    super(error.en ?? error.code ?? String(status));
    this.status = status;
    this.code = error.code ?? 'unreachable';
    this.en = error.en;
    this.zh = error.zh;
    this.fields = error;
  }
}

let session = null;
let onSession = () => {};
let told = false; /* somebody is signed on, or nobody */

export function currentSession() {
  return session;
}

export function watchSession(tell) {
  onSession = tell;
}

function setSession(to, why) {
  told = true;
  session = to;
  onSession(session, why);
}

/* Longer than the box lets itself take; a sign-off waits less: somebody is about to go. On a link that is dead and does
 * not say so a call would be under way for minutes. */
const ANSWER_MS = 20000;
const SIGN_OFF_MS = 3000;

async function call(path, options, waitMs = ANSWER_MS) {
  let response;
  try {
    response = await fetch(path, { credentials: 'same-origin', cache: 'no-store', signal: AbortSignal.timeout(waitMs), ...options });
  } catch {
    throw new Refused(0, { code: 'unreachable' });
  }
  takeBoxTime(response.headers.get('Date'));
  const body = await response.json().catch(() => null); /* cut on its way: no answer, and not an empty one */
  if (response.ok && body && body.ok !== false) return body;
  const error = new Refused(response.status, body?.error ?? body ?? {});
  if (response.status === 401 && path !== '/api/login' && session) setSession(null, 'ended');
  throw error;
}

function post(path, body, waitMs) {
  const headers = { 'Content-Type': 'application/json' };
  if (session?.csrf) headers['X-CSRF-Token'] = session.csrf;
  return call(path, { method: 'POST', headers, body: JSON.stringify(body) }, waitMs);
}

/* Acts whose answer has not come: pressed again, they go out under the number they had, and the box does once what it
 * may have done already. After UNANSWERED_MS whoever presses means it anew, and gets no answer of a minute ago. */
const UNANSWERED_MS = 60000;
const NO_ANSWER = new Set(['unreachable', 'once_running']);
const NOT_BEGUN = new Set(['busy', 'pin', 'denied', 'full']); /* says nothing of the press before */
/* One too many of these is ended again, one too few lets a vehicle go or a boom move: what the first did may be undone. */
const ANEW = new Set(['hold', 'service_out', 'convoy_end']);
const unanswered = new Map();

function numberOf(name, { pin, second, ...args }) {
  const now = performance.now();
  for (const [key, one] of unanswered) if (now - one.since > UNANSWERED_MS) unanswered.delete(key);
  const key = JSON.stringify([session?.officer, name, second?.officer, args]);
  const one = unanswered.get(key) ?? { key, name, once: crypto.randomUUID(), since: now, lost: false };
  unanswered.set(key, one);
  return one;
}

function noteAnswer(one, code) {
  if (NO_ANSWER.has(code) && !ANEW.has(one.name)) one.lost = true;
  else if (!(one.lost && NOT_BEGUN.has(code)) && unanswered.get(one.key) === one) unanswered.delete(one.key);
}

/* Answers the act's result, throws Refused. */
export async function act(name, args = {}) {
  const one = numberOf(name, args);
  try {
    const { result } = await post('/api/act', { do: name, args, once: one.once });
    noteAnswer(one);
    return result ?? {};
  } catch (error) {
    noteAnswer(one, error.code);
    throw error;
  }
}

export function get(path) {
  return call(path);
}

export async function login(officer, pin) {
  const answer = await post('/api/login', { officer, pin });
  keep('signing_off', '');
  setSession(answer.result ?? answer, 'login');
  return session;
}

/* The screen is given up within SIGN_OFF_MS. That the box has not heard of it is kept in mind, for the cookie outlives the page:
 * whoever opens it again would be signed on. */
export async function logout() {
  keep('signing_off', 'yes');
  try {
    await post('/api/logout', {}, SIGN_OFF_MS);
    keep('signing_off', '');
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) keep('signing_off', '');
  } finally {
    setSession(null, 'logout');
  }
}

export const signsOff = () => kept('signing_off') === 'yes';

/* Tells the box of a sign-off it has not heard of; throws while it cannot. */
export async function endSignOff() {
  if (!signsOff()) return;
  try {
    const answer = await call('/api/session');
    const { csrf } = answer.result ?? answer;
    if (!signsOff()) return; /* somebody has signed on meanwhile: this is their session */
    await call('/api/logout', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf }, body: '{}' });
  } catch (error) {
    if (error.status !== 401) throw error;
  }
  keep('signing_off', '');
}

/* Who this browser is signed on as, from its cookie; null: nobody. That a session ended is said once, by call().
 * Unreachable throws. */
export async function resume() {
  try {
    const answer = await call('/api/session');
    setSession(answer.result ?? answer, 'resume');
  } catch (error) {
    if (error.status !== 401) throw error;
    if (!told) setSession(null, 'none');
  }
  return session;
}

/* Ended by the box (session_ended), not by an answer. */
export function sessionGone(why) {
  if (session) setSession(null, why ?? 'ended');
}

/* Works without anybody signed on: whoever stands in the booth may open the way. */
export function emergencyRaise(lane) {
  return post('/api/emergency_raise', { lane });
}

/* Calls of consoled. The token is a cookie no script can read; what is kept here is who is signed on
 * and the word that proves a request comes from this page. */

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

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: 'same-origin', cache: 'no-store', ...options });
  } catch {
    throw new Refused(0, { code: 'unreachable' });
  }
  takeBoxTime(response.headers.get('Date'));
  const body = await response.json().catch(() => ({}));
  if (response.ok && body.ok !== false) return body;
  const error = new Refused(response.status, body.error ?? body);
  if (response.status === 401 && path !== '/api/login' && session) setSession(null, 'ended');
  throw error;
}

function post(path, body) {
  const headers = { 'Content-Type': 'application/json' };
  if (session?.csrf) headers['X-CSRF-Token'] = session.csrf;
  return call(path, { method: 'POST', headers, body: JSON.stringify(body) });
}

/* Answers the act's result, throws Refused. */
export async function act(name, args = {}) {
  return (await post('/api/act', { do: name, args })).result ?? {};
}

export function get(path) {
  return call(path);
}

export async function login(officer, pin) {
  const answer = await post('/api/login', { officer, pin });
  setSession(answer.result ?? answer, 'login');
  return session;
}

export async function logout() {
  try {
    await post('/api/logout', {});
  } finally {
    setSession(null, 'logout');
  }
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

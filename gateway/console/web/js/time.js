/* Times as people read them: 24 hours, the tablet's own zone, ages in words. What time it is the box says: a tablet's
 * own clock may be wrong. */
import { t, lang } from './words.js';

const ROUGH_MS = 1500; /* the box says whole seconds, and an answer takes a while */

let ahead = 0; /* this tablet's clock, of the box's */

/* What the head of an answer says: "Fri, 27 Nov 2026 02:00:40 GMT". */
export function takeBoxTime(text) {
  const off = Date.now() - Date.parse(text);
  if (Math.abs(off - ahead) > ROUGH_MS) ahead = off;
}

/* Milliseconds, as Date.now(). */
export function boxNow() {
  return Date.now() - ahead;
}

const two = (n) => String(n).padStart(2, '0');

function parts(time) {
  const at = time instanceof Date ? time : new Date(time);
  return Number.isNaN(at.getTime()) ? null : at;
}

export function clock(time) {
  const at = parts(time);
  return at ? `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}` : '';
}

export function date(time) {
  const at = parts(time);
  return at ? `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}` : '';
}

/* Today's times without their date. */
export function moment(time) {
  const at = parts(time);
  if (!at) return '';
  return date(at) === date(boxNow()) ? clock(at) : `${date(at)} ${clock(at)}`;
}

export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return t('ui_seconds', { n: s });
  if (s < 3600) return t('ui_minutes', { n: Math.floor(s / 60) });
  if (s < 48 * 3600) return t('ui_hours', { n: Math.floor(s / 3600) });
  return t('ui_days', { n: Math.floor(s / 86400) });
}

export function age(time) {
  const at = parts(time);
  return at ? t('ui_ago', { span: span(boxNow() - at.getTime()) }) : '';
}

/* With its date always: for paper, and for what is read on another day. */
export function dated(time) {
  return parts(time) ? `${date(time)} ${clock(time)}` : '';
}

/* "02:15" of what is left, "23:59:28" from an hour on; negative spans as 00:00. */
export function left(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const hours = s < 3600 ? '' : `${Math.floor(s / 3600)}:`;
  return `${hours}${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
}

export function joined(words) {
  return words.filter(Boolean).join(lang() === 'zh' ? '，' : ', ');
}

/* What an alarm says beside its name, in words: "name=value" and the phrases of the programs. Who called is a name. What
 * remains is what a device or a file said, as technicians compare it with manuals and logs. */
import { has, t } from './words.js';
import { el } from './dom.js';

const PAIR = /^(\w+)=([^\s,]+)$/;
/* As the programs write them; tests/repo/test_glossary.py looks for each there. */
const PHRASES = [
  [/^hold (?<hold>\d+) of passage (?<passage>\d+)$/, 'detail_held'],
  [/^hold (?<hold>\d+) of passage (?<passage>\d+) not verified$/, 'detail_held_unverified'],
  [/^others may be missing$/, 'detail_others_missing'],
  [/^camera (?<n>\d+)$/, 'detail_camera'],
  [/^Redis (?<n>\d+)$/, 'detail_redis'],
  [/^in force (?<n>\d+)$/, 'detail_in_force'],
  [/^offered (?<n>\d+)$/, 'detail_offered'],
  [/^held (?<n>\d+)$/, 'detail_held_version'],
  [/^highest (?<n>\d+)$/, 'detail_highest'],
];
const NAMES_OF = new Set(['DUTY_HELP', 'DUTY_WELL_MISSED']);

function partWords(part) {
  const [, name, value] = PAIR.exec(part) ?? [];
  if (name && has(`detail_${name}`)) return t(`detail_${name}`, { n: value });
  for (const [shape, term] of PHRASES) {
    const found = shape.exec(part);
    if (found) return t(term, found.groups);
  }
  return '';
}

const partsOf = (detail) => detail.replace(/^(camera \d+): /, '$1; ').split(/[;,] | (?=\w+=)/).filter(Boolean);

/* In the language on screen; '': nothing of it has words. */
export function alarmWords(alarm) {
  const detail = alarm.detail ?? '';
  if (NAMES_OF.has(alarm.name)) return detail;
  return partsOf(detail).map(partWords).filter(Boolean).join(' · ');
}

/* What has no words here, for technicians, said to be that. */
export function alarmRest(alarm) {
  if (NAMES_OF.has(alarm.name)) return null;
  const rest = partsOf(alarm.detail ?? '').filter((part) => !partWords(part)).join('; ');
  return rest ? alarmDetail(rest) : null;
}

export function alarmDetail(detail) {
  return el('p', { class: 'soft technical' }, t('ui_health_detail'), ' ', el('span', { lang: 'en' }, detail));
}

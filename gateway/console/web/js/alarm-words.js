/* What an alarm says beside its name. "name=value" is put in words; who called is a name; the rest is what a device or a
 * file said, as technicians compare it with manuals and logs. */
import { has, t } from './words.js';
import { el } from './dom.js';

const PAIRS = /^\w+=[^\s,]+(?:,? \w+=[^\s,]+)*$/;
const NAMES_OF = new Set(['DUTY_HELP', 'DUTY_WELL_MISSED']);

/* In the language on screen; '': nothing an officer needs. */
export function alarmWords(alarm) {
  const detail = alarm.detail ?? '';
  if (NAMES_OF.has(alarm.name)) return detail;
  if (!PAIRS.test(detail)) return '';
  return detail.split(/,? /).map((pair) => {
    const [name, value] = pair.split('=');
    return has(`detail_${name}`) ? t(`detail_${name}`, { n: value }) : pair;
  }).join(' · ');
}

/* For technicians, said to be that. */
export function alarmDetail(detail) {
  return el('p', { class: 'soft technical' }, t('ui_health_detail'), ' ', el('span', { lang: 'en' }, detail));
}

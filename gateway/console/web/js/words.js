/* Terms in the language chosen: zh is what a new browser shows. The server sends codes, words come
 * from here (/glossary.js is made from the product's one glossary). */
import { glossary } from '/glossary.js';
import { kept, keep } from './kept.js';

let language = kept('language') === 'en' ? 'en' : 'zh';
const listeners = new Set();

export function lang() {
  return language;
}

export function setLang(to) {
  language = to === 'en' ? 'en' : 'zh';
  keep('language', language);
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  for (const tell of [...listeners]) tell();
}

/* Called after a switch: whoever has words on screen draws them again. Answers a way to stop. */
export function onLang(tell) {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

export function has(code) {
  return Object.hasOwn(glossary, code);
}

/* t('ui_minutes_ago', {n: 5}). An unknown code is shown as it is rather than as nothing. */
export function t(code, values) {
  const term = has(code) ? glossary[code][language === 'zh' ? 0 : 1] : String(code);
  return values ? term.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole)) : term;
}

/* Of a group: of('stage', 'signed'); what the group does not know stays as it came. */
export function of(group, name) {
  if (name === null || name === undefined || name === '') return '';
  return has(`${group}_${name}`) ? t(`${group}_${name}`) : String(name);
}

/* Words that came in both languages: {zh, en}, or two fields of one object. */
export function pick(from, zh = 'zh', en = 'en') {
  if (!from) return '';
  return (language === 'zh' ? from[zh] ?? from[en] : from[en] ?? from[zh]) ?? '';
}

/* The shift's and the month's figures, as tables that can be printed. What each table holds is the box's to say; its
 * columns are named by the glossary. */
import { el, fill } from '../dom.js';
import { act } from '../api.js';
import { has, of, pick, t } from '../words.js';
import { boxNow, date, dated, span } from '../time.js';
import { choices, field, notice } from '../widgets.js';
import { icon } from '../icons.js';
import { codeWord } from '../ask.js';

export const title = 'ui_page_report';
export const roles = ['leader', 'auditor'];

const TIME = /^\d{4}-\d\d-\d\dT/;
const DAY_MS = 24 * 3600 * 1000;
const WORDS = { kind: 'report' };

/* The act's arguments for what was chosen: when shifts begin, the box knows. */
function period(kind, day) {
  const now = new Date(boxNow());
  if (kind === 'this' || kind === 'last') return { shift: kind };
  const from = kind === 'day' ? new Date(`${day}T00:00`) : new Date(now.getFullYear(), now.getMonth(), 1);
  const to = kind === 'day' ? new Date(Math.min(from.getTime() + DAY_MS, now.getTime())) : now;
  return { from: from.toISOString(), to: to.toISOString() };
}

/* One value in words; `row` says which table its reason stands in. */
function cell(name, value, row = {}) {
  if (value === null || value === undefined) return '–';
  if (Array.isArray(value)) return value.map((one) => cell(name, one, row)).join('; ') || '–';
  if (typeof value === 'object') {
    return value.zh ? pick(value) : Object.entries(value).map(([key, one]) => `${heading(key)} ${cell(key, one, value)}`).join(', ');
  }
  if (typeof value === 'boolean') return t(value ? 'report_yes' : 'report_no');
  if (/_percent$/.test(name)) return `${value} %`;
  if (/_ms$/.test(name)) return span(value);
  if (name === 'reason') return codeWord(row.kind === 'history' ? 'history' : 'search', value);
  if (['begin', 'end', 'day', 'shift'].includes(name) && TIME.test(value)) return dated(value);
  return WORDS[name] ? of(WORDS[name], value) : String(value);
}

const heading = (name) => (has(`report_${name}`) ? t(`report_${name}`) : name.replaceAll('_', ' '));

const FIRST = ['begin', 'end', 'day', 'camera', 'owner', 'officer', 'kind', 'reason', 'lane', 'alerts'];
const place = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : name === 'cameras' ? 99 : FIRST.length);

function rowsTable(rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].sort((a, b) => place(a) - place(b));
  return el('table', { class: 'rows' }, el('thead', null, el('tr', null, columns.map((one) => el('th', { scope: 'col' }, heading(one))))),
    el('tbody', null, rows.map((row) => el('tr', null, columns.map((one) => el('td', null, cell(one, row[one], row)))))));
}

function part(name, value) {
  const scalar = typeof value !== 'object' || value === null;
  const rows = Array.isArray(value) ? value : [value];
  const body = scalar ? el('p', { class: 'big' }, cell(name, value))
    : rows.length === 0 ? el('p', { class: 'soft' }, t('ui_report_none'))
      : rows.every((row) => row && typeof row === 'object' && !Array.isArray(row)) ? rowsTable(rows)
        : el('p', null, cell(name, value));
  return el('section', { class: 'panel' }, el('h2', null, heading(name)), el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': heading(name) }, body));
}

function sheet(report) {
  const skip = new Set(['from', 'to']);
  return [el('p', null, t('ui_report_of', { from: dated(report.from), to: dated(report.to) })),
    ...Object.entries(report).filter(([name]) => !skip.has(name)).map(([name, value]) => part(name, value))];
}

export function render(root) {
  const said = notice();
  const paper = el('div', { class: 'stack report' });
  const day = field({ label: t('ui_report_day'), type: 'date', value: date(boxNow()) });
  const kinds = choices({
    legend: t('ui_report_period'), value: 'this', cls: 'tight',
    rows: ['this', 'last', 'day', 'month'].map((code) => ({ code, label: t(`ui_report_${code}`) })),
    onchange: (kind) => {
      day.hidden = kind !== 'day';
    },
  });
  day.hidden = true;
  let last = 0;
  const make = async () => {
    if (kinds.value === 'day' && !day.input.value) return said.say(t('ui_report_need_day'), 'bad');
    const mine = ++last;
    said.say(t('ui_working'));
    try {
      const report = await act('report', period(kinds.value, day.input.value));
      if (mine !== last) return undefined;
      fill(paper, sheet(report));
      said.say('');
    } catch (error) {
      said.fail(error);
    }
    return undefined;
  };
  root.append(el('div', { class: 'page-head' }, el('h1', null, t(title)),
    el('button', { type: 'button', class: 'button no-print', onclick: () => print() }, icon('print'), t('ui_record_print'))),
  el('div', { class: 'panel stack no-print' }, kinds, day,
    el('button', { type: 'button', class: 'button primary wide', onclick: make }, t('ui_report_make')), said), paper);
  return () => {};
}

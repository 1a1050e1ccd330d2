/* The record of a stop, for the citizen: on one sheet, in both languages, whichever the tablet shows. */
import { el, fill } from '../dom.js';
import { act } from '../api.js';
import { t } from '../words.js';
import { glossary } from '/glossary.js';
import { clock, date } from '../time.js';
import { icon } from '../icons.js';
import { notice } from '../widgets.js';

export const title = 'ui_page_record';
export const roles = ['officer', 'leader'];

/* One line: both headings, then what is so in both, or in each. */
function line(code, zh, en = zh) {
  const [headZh, headEn] = glossary[code];
  return el('tr', null, el('th', { scope: 'row' }, el('span', { lang: 'zh' }, headZh), ' ', el('small', { lang: 'en' }, headEn)),
    el('td', null, el('span', { lang: 'zh' }, zh ?? '–'), en !== zh && [' ', el('span', { lang: 'en' }, en)]));
}

function words(state, table, value) {
  if (value && typeof value === 'object') return [value.zh, value.en];
  const row = (state.codes[table] ?? []).find((one) => one.code === value);
  return row ? [row.zh, row.en] : [value, value];
}

function sheet(state, record, hit) {
  const stop = Array.isArray(record.complaint) ? record.complaint : [record.complaint?.zh ?? record.complaint, record.complaint?.en ?? record.complaint];
  return el('article', { class: 'sheet' },
    el('h1', null, el('span', { lang: 'zh' }, glossary.ui_record_head[0]), ' ', el('small', { lang: 'en' }, glossary.ui_record_head[1])),
    el('table', null, el('tbody', null,
      line('ui_record_number', String(hit)),
      line('ui_record_time', record.time ? `${date(record.time)} ${clock(record.time)}` : '–'),
      line('ui_record_place', [record.checkpoint ?? state.place?.name, record.lane].filter(Boolean).join(' / ')),
      line('ui_record_reason', ...words(state, record.reason_table ?? 'stop', record.reason)),
      line('ui_record_officer', record.officer?.officer ?? record.officer),
      line('ui_record_outcome', ...words(state, 'outcome', record.outcome)),
      line('ui_record_complaint', ...stop))));
}

export function render(root, params, context) {
  const hit = Number(params[0]);
  const said = notice();
  const paper = el('div');
  root.append(el('div', { class: 'page-head no-print' }, el('h1', null, t(title)),
    el('a', { class: 'button', href: `#/alerts/${hit}` }, icon('back'), t('ui_record_back')),
    el('button', { type: 'button', class: 'button primary', onclick: () => print() }, icon('print'), t('ui_record_print'))), said, paper);
  act('stop_record', { hit }).then((record) => fill(paper, sheet(context.state, record, hit)), (error) => said.fail(error));
  return () => {};
}

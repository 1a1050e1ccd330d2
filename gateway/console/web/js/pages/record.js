/* The record of a stop, for the citizen: on one sheet, in both languages, whichever the tablet shows. */
import { el, fill } from '../dom.js';
import { act } from '../api.js';
import { t } from '../words.js';
import { glossary } from '/glossary.js';
import { dated } from '../time.js';
import { icon } from '../icons.js';
import { notice } from '../widgets.js';

export const title = 'ui_page_record';
export const roles = ['officer', 'leader'];

/* One line: both headings, then what is so in both, or in each. */
function line(code, zh, en = zh) {
  const [headZh, headEn] = glossary[code];
  return el('tr', null, el('th', { scope: 'row' }, el('span', { lang: 'zh' }, headZh), ' ', el('small', { lang: 'en' }, headEn)),
    el('td', null, el('span', { lang: 'zh' }, zh || '–'), en !== zh && [' ', el('span', { lang: 'en' }, en)]));
}

/* What became of it stands in one of three tables: stopped, not stopped, or not the listed vehicle. */
function outcomeWords(state, value) {
  const row = ['outcome', 'not_intercepted', 'reject'].flatMap((table) => state.codes[table] ?? []).find((one) => one.code === value);
  return row ? [row.zh, row.en] : [value, value];
}

const categoryWords = (value) => glossary[`category_${value}`] ?? [value, value];

function placeWords(state, record) {
  const lane = (at) => glossary.ui_lane_n[at].replace('{n}', record.lane);
  const joined = (at) => [record.checkpoint ?? state.place?.name, lane(at), record.lane_name].filter(Boolean).join(' ');
  return [joined(0), joined(1)];
}

function sheet(state, record, hit) {
  const stop = Array.isArray(record.complaint) ? record.complaint : [record.complaint?.zh ?? record.complaint, record.complaint?.en ?? record.complaint];
  return el('article', { class: 'sheet' },
    el('h1', null, el('span', { lang: 'zh' }, glossary.ui_record_head[0]), ' ', el('small', { lang: 'en' }, glossary.ui_record_head[1])),
    el('table', null, el('tbody', null,
      line('ui_record_number', String(hit)),
      line('ui_record_time', dated(record.time) || '–'),
      line('ui_record_place', ...placeWords(state, record)),
      line('ui_record_reason', ...categoryWords(record.reason)),
      line('ui_record_officer', record.officer?.officer ?? record.officer),
      line('ui_record_outcome', ...outcomeWords(state, record.outcome)),
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

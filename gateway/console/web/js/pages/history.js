/* Passages of the past: a case and a reason are asked for, and the officer's PIN; what is found comes page by page. */
import { el, fill } from '../dom.js';
import { state, subscribe } from '../state.js';
import { act } from '../api.js';
import { t, of } from '../words.js';
import { boxNow, clock, date, moment } from '../time.js';
import { choices, field, notice } from '../widgets.js';
import { plateInput } from '../plate-keys.js';
import { plate as drawPlate } from '../plate.js';
import { codeWord, pinField, reasonChoice } from '../ask.js';

export const title = 'ui_page_history';
export const roles = ['officer', 'leader', 'auxiliary', 'auditor'];

const HOUR_MS = 3600 * 1000;
const ROWS_MAX = 1000; /* on screen; more: a narrower search */
const PERIODS = { hour: HOUR_MS, day: 24 * HOUR_MS, week: 7 * 24 * HOUR_MS };
const TIME = /^(\d{4})-(\d{1,2})-(\d{1,2})[ T](\d{1,2}):(\d{2})$/;

/* "2026-11-26 14:05" in the tablet's zone, on every tablet alike: a browser's own field shows 12 hours on some. */
const written = (ms) => `${date(new Date(ms))} ${clock(new Date(ms)).slice(0, 5)}`;

function timeOf(text) {
  const found = TIME.exec(text.trim());
  if (!found) return null;
  const [, year, month, day, hour, minute] = found.map(Number);
  const at = new Date(year, month - 1, day, hour, minute);
  return at.getMonth() === month - 1 && hour < 24 && minute < 60 ? at : null;
}

function timeField(code, ms) {
  return field({ label: t(code), value: written(ms), maxlength: 16, placeholder: '2026-01-31 23:59', inputmode: 'text' });
}

/* Two times, and the usual spans up to now. */
function timesPart() {
  const from = timeField('ui_history_from', boxNow() - PERIODS.day);
  const to = timeField('ui_history_to', boxNow() + 60000);
  const spans = choices({
    legend: t('ui_history_span'), value: 'day', cls: 'tight',
    rows: Object.keys(PERIODS).map((code) => ({ code, label: t(`ui_history_${code}`) })),
    onchange: (code) => {
      from.input.value = written(boxNow() - PERIODS[code]);
      to.input.value = written(boxNow() + 60000);
    },
  });
  return { nodes: [spans, el('div', { class: 'pair' }, from, to)], from: () => timeOf(from.input.value), to: () => timeOf(to.input.value) };
}

function laneChoice() {
  const rows = [{ code: '', label: t('ui_history_all_lanes') },
    ...[...state.lanes.keys()].sort((a, b) => a - b).map((n) => ({ code: String(n), label: t('ui_lane_n', { n }) }))];
  return choices({ legend: t('ui_history_lane'), rows, value: '', cls: 'tight' });
}

/* Drawn anew when lanes become known, which a page opened first thing does not have. */
function lanePart() {
  const node = el('div');
  let count = -1;
  const draw = () => {
    if (state.lanes.size === count) return;
    count = state.lanes.size;
    fill(node, laneChoice());
  };
  draw();
  return { node, value: () => node.firstChild.value, stop: subscribe((topics) => topics.has('lanes') && draw()) };
}

function row(passage) {
  return el('tr', null,
    el('td', null, moment(passage.time)), el('td', null, passage.lane),
    el('td', null, passage.plate ? drawPlate({ text: passage.plate, cls: passage.class, small: true }) : t('ui_history_unread')),
    el('td', null, of('class', passage.class)),
    el('td', null, passage.hit ? el('a', { class: 'button', href: `#/alerts/${passage.hit}` }, t('ui_history_hit')) : '–'));
}

/* One search and the pages fetched of it. */
class Found {
  constructor() {
    this.rows = el('tbody');
    this.said = notice();
    this.more = el('button', { type: 'button', class: 'button wide', hidden: true, onclick: () => this.fetchMore() }, t('ui_history_more'));
    this.node = el('section', { class: 'panel result', hidden: true, 'aria-label': t('ui_history_found') },
      el('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': t('ui_history_found') }, el('table', { class: 'rows passages' }, el('thead', null, el('tr', null,
        ['ui_history_time', 'ui_history_lane', 'ui_history_plate', 'ui_check_class', 'ui_history_hit']
          .map((code) => el('th', { scope: 'col' }, t(code))))), this.rows)), this.said, this.more);
    this.next = null;
  }

  begin(answer) {
    fill(this.rows);
    this.node.hidden = false;
    this.take(answer);
  }

  take(answer) {
    const found = answer.passages ?? [];
    this.rows.append(...found.map(row));
    this.next = answer.next ?? null;
    const count = this.rows.childElementCount;
    this.more.hidden = this.next === null || count >= ROWS_MAX;
    if (this.next !== null) this.said.say(t('ui_history_so_far', { n: count, to: moment(answer.searched_to) }));
    else this.said.say(t(count ? 'ui_history_all' : 'ui_history_none', { n: count }), 'ok');
    if (this.next !== null && found.length === 0) this.fetchMore();
  }

  async fetchMore() {
    if (this.next === null || this.busy) return;
    this.busy = true;
    try {
      const answer = await act('history_more', { next: this.next });
      this.busy = false;
      this.take(answer);
    } catch (error) {
      this.said.fail(error);
    } finally {
      this.busy = false;
    }
  }
}

export function render(root) {
  const said = notice();
  const found = new Found();
  const plate = plateInput({ label: t('ui_history_plate_hint'), wild: true });
  const look = el('input', { type: 'checkbox', checked: false });
  const lane = lanePart();
  const times = timesPart();
  const caseNumber = field({ label: t('ui_history_case'), maxlength: 40 });
  const reason = reasonChoice('history');
  const pin = pinField();
  const args = () => ({
    plate: plate.value(), look_alike: look.checked, case: caseNumber.input.value.trim(), reason: reason.value,
    pin: pin.input.value, from: times.from().toISOString(), to: times.to().toISOString(),
    ...(lane.value() && { lane: Number(lane.value()) }),
  });
  const missing = () => {
    if (!caseNumber.input.value.trim()) return 'ui_history_need_case';
    if (!reason.value) return 'ui_form_need_reason';
    if (!times.from() || !times.to() || times.from() >= times.to()) return 'ui_history_need_times';
    return pin.input.value ? null : 'ui_form_need_pin';
  };
  const ask = async (event) => {
    event.preventDefault();
    const why = missing();
    if (why) {
      said.say(t(why), 'bad');
      return;
    }
    said.say(t('ui_check_asking'));
    try {
      found.begin(await act('history', args()));
      found.node.scrollIntoView({ block: 'nearest' });
      said.say(t('ui_history_on_record', { reason: codeWord('history', reason.value) }), 'ok');
    } catch (error) {
      said.fail(error);
    }
    pin.input.value = '';
  };
  root.append(el('h1', null, t(title)),
    el('form', { class: 'two left', onsubmit: ask },
      el('div', { class: 'panel stack' }, plate, el('label', { class: 'tick' }, look, el('span', null, t('ui_history_look_alike')))),
      el('div', { class: 'panel stack' }, lane.node, times.nodes, caseNumber, reason, pin,
        el('button', { class: 'button primary wide' }, t('ui_history_ask')), said)),
    found.node);
  return lane.stop;
}

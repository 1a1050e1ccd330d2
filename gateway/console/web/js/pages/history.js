/* Passages of the past: a case and a reason are asked for, and the officer's PIN; what is found comes page by page. */
import { el, fill } from '../dom.js';
import { state, subscribe } from '../state.js';
import { act } from '../api.js';
import { t, of } from '../words.js';
import { boxNow, clock, date, moment } from '../time.js';
import { choices, keptField, notice } from '../widgets.js';
import { plateInput } from '../plate-keys.js';
import { plate as drawPlate } from '../plate.js';
import { codeWord, pinField, reasonChoice } from '../ask.js';

export const title = 'ui_page_history';
export const roles = ['officer', 'leader', 'auxiliary', 'auditor'];

const MINUTE_MS = 60 * 1000;
const HOUR_MS = 60 * MINUTE_MS;
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

function timeField(keep, name) {
  return keptField(keep, name, { label: t(`ui_history_${name}`), maxlength: 16, placeholder: '2026-01-31 23:59', inputmode: 'text' });
}

/* Two times, and the usual spans up to now. */
function timesPart(keep) {
  const from = timeField(keep, 'from');
  const to = timeField(keep, 'to');
  /* What nobody wrote is the span up to now: of when it is asked, not of when the page was opened. */
  const upToNow = () => {
    from.input.value = keep.from ?? written(boxNow() - PERIODS[keep.span ?? 'day']);
    to.input.value = keep.to ?? written(boxNow() + MINUTE_MS);
  };
  upToNow();
  const spans = choices({
    legend: t('ui_history_span'), value: keep.span ?? 'day', cls: 'tight',
    rows: Object.keys(PERIODS).map((code) => ({ code, label: t(`ui_history_${code}`) })),
    onchange: (code) => {
      Object.assign(keep, { span: code, from: undefined, to: undefined });
      upToNow();
    },
  });
  return { nodes: [spans, el('div', { class: 'pair' }, from, to)], upToNow, from: () => timeOf(from.input.value), to: () => timeOf(to.input.value) };
}

function laneChoice(keep) {
  const rows = [{ code: '', label: t('ui_history_all_lanes') },
    ...[...state.lanes.keys()].sort((a, b) => a - b).map((n) => ({ code: String(n), label: t('ui_lane_n', { n }) }))];
  return choices({ legend: t('ui_history_lane'), rows, value: keep.lane ?? '', cls: 'tight', onchange: (code) => (keep.lane = code) });
}

/* Drawn anew when lanes become known, which a page opened first thing does not have. */
function lanePart(keep) {
  const node = el('div');
  let count = -1;
  const draw = () => {
    if (state.lanes.size === count) return;
    count = state.lanes.size;
    fill(node, laneChoice(keep));
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

/* What the last search found, and the pages fetched of it. */
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
    this.asked = 0; /* how many searches */
    this.over = false;
  }

  /* The pages of the search before this one are nobody's any more. */
  async search(args) {
    const answer = await act('history', args);
    if (this.over) return;
    fill(this.rows);
    this.node.hidden = false;
    this.asked += 1;
    this.take(answer, this.asked);
  }

  close() {
    this.over = true;
    this.asked += 1;
  }

  take(answer, mine) {
    const found = answer.passages ?? [];
    this.rows.append(...found.map(row));
    this.next = answer.next ?? null;
    const count = this.rows.childElementCount;
    this.more.hidden = this.next === null || count >= ROWS_MAX;
    if (this.next !== null) this.said.say(t('ui_history_so_far', { n: count, to: moment(answer.searched_to) }));
    else this.said.say(t(count ? 'ui_history_all' : 'ui_history_none', { n: count }), 'ok');
    if (this.next !== null && found.length === 0) this.fetchMore(mine);
  }

  async fetchMore(mine = this.asked) {
    const { next } = this;
    if (next === null) return;
    this.next = null; /* asked for once */
    try {
      const answer = await act('history_more', { next });
      if (mine === this.asked) this.take(answer, mine);
    } catch (error) {
      if (mine !== this.asked) return;
      this.next = next;
      this.said.fail(error);
    }
  }
}

export function render(root, params, { keep }) {
  const said = notice();
  const found = new Found();
  const plate = plateInput({ label: t('ui_history_plate_hint'), wild: true, onchange: (text) => (keep.plate = text) });
  const look = el('input', { type: 'checkbox', checked: Boolean(keep.look), onchange: () => (keep.look = look.checked) });
  const lane = lanePart(keep);
  const times = timesPart(keep);
  const caseNumber = keptField(keep, 'case', { label: t('ui_history_case'), maxlength: 40 });
  const reason = reasonChoice('history', keep);
  let asking = false;
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
    if (asking) return;
    times.upToNow();
    const why = missing();
    if (why) {
      said.say(t(why), 'bad');
      return;
    }
    said.say(t('ui_check_asking'));
    asking = true;
    try {
      await found.search(args());
      found.node.scrollIntoView({ block: 'nearest' });
      said.say(t('ui_history_on_record', { reason: codeWord('history', reason.value) }), 'ok');
    } catch (error) {
      said.fail(error);
    } finally {
      asking = false;
    }
    pin.input.value = '';
  };
  root.append(el('h1', null, t(title)),
    el('form', { class: 'two left', onsubmit: ask },
      el('div', { class: 'panel stack' }, plate, el('label', { class: 'tick' }, look, el('span', null, t('ui_history_look_alike')))),
      el('div', { class: 'panel stack' }, lane.node, times.nodes, caseNumber, reason, pin,
        el('button', { class: 'button primary wide' }, t('ui_history_ask')), said)),
    found.node);
  if (keep.plate) plate.set(keep.plate);
  return () => {
    found.close();
    lane.stop();
  };
}

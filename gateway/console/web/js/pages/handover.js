/* What the next shift takes over: open hits, holds, lanes out of service, alarms. Whoever comes in accepts by name. */
import { el, fillKeyed, setText } from '../dom.js';
import { subscribe } from '../state.js';
import { Refused, act } from '../api.js';
import { t, of, pick } from '../words.js';
import { clock, moment, joined } from '../time.js';
import { atMostEvery } from '../again.js';
import { lateWords } from '../hit-words.js';
import { alarmWords } from '../alarm-words.js';
import { holdButton, notice } from '../widgets.js';
import { plate as drawPlate } from '../plate.js';
import { codeWord, pinField } from '../ask.js';

export const title = 'ui_page_handover';
export const roles = ['officer', 'leader', 'auxiliary', 'auditor'];

const TOPICS = ['hits', 'lanes', 'duty', 'alarms'];
const EVERY_MS = 2000;

/* One list, kept while its rows come and go. `keyOf` tells one row from another. */
function group(code, keyOf, draw, whenEmpty = true) {
  const head = el('h2');
  const none = el('p', { class: 'soft' }, t('ui_handover_nothing'));
  const list = el('ul', { class: 'plain-list tight' });
  const node = el('section', { class: 'panel' }, head, none, list);
  node.show = (rows) => {
    node.hidden = rows.length === 0 && !whenEmpty;
    none.hidden = rows.length > 0;
    setText(head, `${t(code)} (${rows.length})`);
    fillKeyed(list, rows, { key: keyOf, version: JSON.stringify, draw: (row) => el('li', { class: 'row line' }, draw(row)) });
  };
  return node;
}

function hitLine(hit) {
  const plate = hit.plate ?? hit.entry?.plate ?? hit.matched;
  return [plate && drawPlate({ text: plate, cls: hit.class ?? hit.entry?.class, small: true }),
    el('span', { class: 'grow' }, joined([of('priority', hit.priority), of('category', hit.category), t('ui_lane_n', { n: hit.lane }), of('stage', hit.stage ?? hit.handling?.stage ?? 'alerted'),
      hit.time && moment(hit.time), lateWords(hit)])),
    el('a', { class: 'button', href: `#/alerts/${hit.hit}` }, t('ui_open'))];
}

function holdLine(hold) {
  return el('span', null, joined([t('ui_lane_n', { n: hold.lane }), t('ui_lanes_hold_n', { n: hold.hold }),
    of('priority', hold.priority), hold.by && (hold.by.name ?? hold.by.officer ?? hold.by), codeWord('hold', hold.reason), hold.since && moment(hold.since)]));
}

function laneLine(lane) {
  return el('span', null, joined([t('ui_lane_n', { n: lane.lane ?? lane }), lane.name, lane.since && moment(lane.since)]));
}

function callLine(call) {
  return el('span', null, joined([call.lane && t('ui_lane_n', { n: call.lane }), call.hit ? t('ui_handover_backup') : t('ui_help'),
    call.name ?? call.officer, clock(call.since)]));
}

function alarmLine(alarm) {
  return el('span', null, joined([alarm.lane && t('ui_lane_n', { n: alarm.lane }), pick(alarm), alarmWords(alarm)]));
}

/* `latest()` is what stands on screen: that list is taken over, not one of before. */
function acceptBox(latest, done) {
  const pin = pinField();
  const said = notice();
  const run = async () => {
    if (!pin.input.value) return said.say(t('ui_form_need_pin'), 'bad');
    said.say(t('ui_working'));
    try {
      await act('handover_accept', { handover: latest().id, pin: pin.input.value });
      said.say(t('ui_handover_accepted'), 'ok');
      done();
    } catch (error) {
      said.fail(error);
      if (error.code === 'changed') done();
    }
    pin.input.value = '';
    return undefined;
  };
  return el('section', { class: 'panel stack' }, el('h2', null, t('ui_handover_accept')),
    el('p', { class: 'soft' }, t('ui_handover_accept_means')), pin, said,
    holdButton({ label: t('ui_handover_accept'), run, cls: 'primary wide' }));
}

function factGroups() {
  const calls = group('ui_handover_calls', (call) => (call.hit ? `backup/${call.hit}` : `help/${call.id}`), callLine, false);
  const hits = group('ui_handover_hits', (hit) => hit.hit, hitLine);
  const holds = group('ui_handover_holds', (hold) => hold.hold, holdLine);
  const lanes = group('ui_handover_lanes', (lane) => lane.lane ?? lane, laneLine);
  const alarms = group('ui_handover_alarms', (alarm) => `${alarm.alarm}/${alarm.lane ?? 0}`, alarmLine);
  const node = el('div', { class: 'two' });
  node.show = (answer) => {
    calls.show([...(answer.help ?? []), ...(answer.backup ?? [])]);
    hits.show(answer.open_hits ?? []);
    holds.show(answer.holds ?? []);
    lanes.show(answer.lanes_out ?? []);
    alarms.show(answer.alarms ?? []);
    if (!node.firstChild) node.append(calls, hits, holds, lanes, alarms);
  };
  return node;
}

export function render(root, params, context) {
  const said = notice();
  const facts = factGroups();
  const accept = el('div');
  const last = el('p', { class: 'soft' });
  const shift = el('p', { class: 'soft' });
  const may = ['officer', 'leader', 'auxiliary'].includes(context.session.role);
  let asked = 0;
  let shown = null;
  let gone = false;
  const load = async () => {
    const mine = ++asked;
    try {
      const answer = await act('handover');
      if (gone || mine !== asked) return;
      if (root.querySelector('.held, a:active')) { /* nothing moves, and nothing else is accepted, under the finger */
        again.ask();
        return;
      }
      shown = answer;
      said.say('');
      if (may && !accept.firstChild) accept.append(acceptBox(() => shown, load));
      const from = answer.from ?? context.state.duty?.handover;
      setText(last, from ? t('ui_handover_last', { name: from.name ?? from.officer ?? from, time: moment(from.time ?? answer.time) }) : '');
      const on = (answer.on_shift ?? []).map((one) => one.name ?? one.officer);
      setText(shift, on.length > 0 ? t('ui_handover_shift', { names: joined([...new Set(on)]) }) : '');
      facts.show(answer);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (!gone) said.fail(error);
    }
  };
  root.append(el('h1', null, t(title)), last, shift, said, facts, accept);
  load();
  const again = atMostEvery(EVERY_MS, load);
  const stop = subscribe((topics) => TOPICS.some((topic) => topics.has(topic)) && again.ask());
  return () => {
    gone = true;
    stop();
    again.stop();
  };
}

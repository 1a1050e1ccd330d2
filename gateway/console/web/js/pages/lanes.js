/* Each lane as its devices measure it, apart from what was ordered; and what an officer may do there. Nodes that can
 * be pressed stay while the rest of a card is drawn anew. */
import { el, fill, fillKeyed, svg } from '../dom.js';
import { state, subscribe } from '../state.js';
import { t, of } from '../words.js';
import { clock, joined } from '../time.js';
import { act, emergencyRaise } from '../api.js';
import { badge, holdButton, notice } from '../widgets.js';
import { askAct, codeWord } from '../ask.js';
import { lowerButton } from '../lower.js';
import { askedWords } from '../hit-words.js';

export const title = 'ui_page_lanes';
export const roles = ['officer', 'leader', 'auxiliary', 'auditor', 'technician'];

const OFFICERS = ['officer', 'leader'];
const SIGNERS = [...OFFICERS, 'auxiliary'];
const LIGHTS = ['red', 'yellow', 'green'];
const LOOPS = ['entry_loop', 'presence', 'obstacle', 'exit_loop'];
const BOOM_ANGLES = { open: -78, raising: -50, lowering: -28, closed: 0 };
const ORDER_ENDS = { raise: 'open', lower: 'closed' };

/* ---- what is measured ---- */

function boomPicture(boom) {
  const angle = BOOM_ANGLES[boom] ?? -39;
  const known = boom in BOOM_ANGLES;
  return svg('svg', { class: `boom ${known ? boom : 'unknown'}`, viewBox: '0 0 100 96', 'aria-hidden': 'true' },
    svg('rect', { x: 8, y: 60, width: 16, height: 34, class: 'post' }),
    svg('rect', { x: 14, y: 62, width: 80, height: 8, rx: 3, class: 'arm', transform: `rotate(${angle} 16 66) scale(${angle < -45 ? 0.74 : 1} 1)` }));
}

/* Measured and ordered differ for longer than a boom needs: worth a look. */
function differs(lane) {
  const end = ORDER_ENDS[lane.ordered];
  return Boolean(end) && lane.boom !== end && lane.boom !== 'raising' && lane.boom !== 'lowering';
}

const personOf = (who) => who?.name ?? who?.officer ?? '';

/* What the limit switches say, what the lane takes the boom to do, and what was ordered: three things. */
function boomLines(lane) {
  const ordered = lane.ordered && lane.ordered !== 'none';
  return el('div', { class: 'boom-lines' }, boomPicture(lane.boom),
    el('dl', { class: 'pairs' },
      el('dt', null, t('ui_lanes_measured')),
      el('dd', { class: `big ${lane.boom_measured === 'contradicting' ? 'bad' : ''}` }, of('boom', lane.boom_measured ?? lane.boom ?? 'unknown')),
      el('dt', null, t('ui_lanes_taken_as')),
      el('dd', null, of('boom', lane.boom ?? 'unknown'), lane.boom_presumed && ` (${t('ui_lanes_presumed')})`),
      el('dt', null, t('ui_lanes_ordered')),
      el('dd', { class: differs(lane) ? 'bad' : '' },
        ordered ? joined([of('order', lane.ordered), of('cause', lane.ordered_by), personOf(lane.ordered_who), clock(lane.ordered_at)])
          : t('ui_lanes_no_order'))));
}

function troubles(lane) {
  const found = [[!lane.contact, 'ui_lanes_no_contact'], [lane.blind, 'ui_lanes_blind'],
    [lane.list_usable === false, 'ui_lanes_no_list'], [lane.order_known === false, 'ui_lanes_order_unknown'],
    [lane.stopped, 'ui_lanes_stopped'], [lane.stop_not_reset, 'ui_lanes_stop_not_reset'],
    [lane.out_of_service, 'ui_lanes_out'], [lane.fire_raise, 'ui_lanes_fire'], [lane.panic, 'ui_lanes_panic'],
    [lane.mains_lost, 'ui_lanes_mains_lost'], [lane.raise_held, 'ui_lanes_raise_held'],
    [lane.inspection_due, 'ui_lanes_inspection_due'], [lane.convoy_until, 'ui_lanes_convoy'],
    [differs(lane), 'ui_lanes_differs'], [lane.run_through, 'ui_run_through', lane.run_through && clock(lane.run_through.since)]];
  const whose = {
    ui_lanes_out: joined([personOf(lane.out_by), codeWord('service', lane.out_reason), clock(lane.out_since)]),
    ui_lanes_convoy: personOf(lane.convoy_by),
  };
  return [...found.filter(([is]) => is).map(([, code, more]) => badge('bad', 'info', joined([t(code), more, whose[code]]))),
    lane.manual_lower && badge('warn', 'person', joined([t('ui_lanes_by_hand'), personOf(lane.manual_lower.by)]))];
}

function lamps(lane) {
  const lit = lane.lights ?? [];
  return el('p', { class: 'lamps' }, el('span', { class: 'soft' }, t('ui_lanes_lights')), ' ',
    LIGHTS.map((light) => el('span', { class: `lamp ${light} ${lit.includes(light) ? 'lit' : ''}` },
      of('output', light), ' ', t(lit.includes(light) ? 'ui_lanes_lit' : 'ui_lanes_dark'))));
}

function loops(lane) {
  const on = lane.inputs ?? [];
  const others = on.filter((name) => !LOOPS.includes(name) && !name.startsWith('limit_') && !name.endsWith('_ok'));
  return el('p', { class: 'loops' },
    LOOPS.map((name) => el('span', { class: `loop ${on.includes(name) ? 'taken' : ''}` },
      of('input', name), ' ', t(on.includes(name) ? 'ui_lanes_taken' : 'ui_lanes_free'))),
    others.map((name) => el('span', { class: 'loop on' }, of('input', name))));
}

function queue(lane) {
  return el('p', null, t('ui_lanes_queue', { n: lane.vehicles ?? 0 }),
    lane.at_boom > 0 ? ` · ${t('ui_lanes_at_boom', { n: lane.at_boom })}` : '');
}

function measured(lane) {
  return el('div', { class: 'stack tight' }, el('p', { class: 'badges' }, troubles(lane)), boomLines(lane), lamps(lane),
    loops(lane), queue(lane));
}

/* ---- holds ---- */

function whoHeld(hold) {
  if (hold.by?.officer) return t('ui_lanes_hold_by', { name: hold.by.name ?? hold.by.officer });
  return hold.by_officer ? t('ui_lanes_hold_by_officer') : t('ui_lanes_hold_by_hit');
}

function holdRow(hold, may) {
  const priority = of('priority', hold.priority);
  const asked = askedWords(hold.hold, 'release');
  return el('li', { class: 'hold-row' },
    el('span', null, el('b', null, t('ui_lanes_hold_n', { n: hold.hold })), ' ', joined([whoHeld(hold), priority, codeWord('hold', hold.reason), clock(hold.since)]),
      hold.place !== undefined && ` · ${t('ui_lanes_waiting_place', { n: hold.place + 1 })}`,
      asked && el('b', null, ' · ', asked)),
    hold.hit && el('a', { class: 'button', href: `#/alerts/${hold.hit}` }, t('ui_lanes_to_hit')),
    may && el('button', {
      type: 'button', class: 'button',
      onclick: () => askAct({
        title: t('ui_lanes_release_n', { n: hold.hold }), label: t('ui_lanes_release'), name: 'release', pin: true,
        table: 'release', args: { hold: hold.hold }, second: hold.priority === 1, danger: true,
      }),
    }, t('ui_lanes_release')));
}

/* ---- acts ---- */

function laneAsk(number, name, table, more = {}) {
  return () => askAct({
    title: t(name === 'hold' ? 'ui_lanes_hold_lane' : `ui_lanes_${name}_n`, { n: number }), label: t(`ui_lanes_${name}`), name, table, args: { lane: number }, ...more,
  });
}

function button(code, onclick, cls = '') {
  return el('button', { type: 'button', class: `button ${cls}`, onclick }, t(code));
}

/* By name; without one when the session has just ended, for the boom must go up all the same. */
async function raiseNow(number) {
  try {
    await act('raise', { lane: number, emergency: true, reason: 'emergency' });
  } catch (error) {
    if (error.status !== 401) throw error;
    await emergencyRaise(number);
  }
}

/* For every role: who is signed on must not keep a boom down that nobody would raise without a sign-on. */
function emergencyButton(number, said) {
  return holdButton({
    label: [t('ui_emergency_raise'), el('span', { class: 'unseen' }, `, ${t('ui_lane_n', { n: number })} `)], cls: 'danger',
    run: async () => {
      try {
        await raiseNow(number);
        said.say(t('ui_emergency_raised', { n: number }), 'ok');
      } catch (error) {
        said.fail(error);
      }
    },
  });
}

function lowering(number, session, said) {
  const bound = (session.lanes ?? []).includes(number);
  const part = lowerButton(number, t(bound ? 'ui_lanes_lower' : 'ui_lanes_lower_not_bound'), (what, error) => {
    if (what === 'failed') said.fail(error);
    else said.say(t(what === 'begun' ? 'ui_lanes_lowering' : 'ui_lanes_lower_ended'));
  });
  part.node.disabled = !bound;
  return part;
}

function stopButton(number, said) {
  return button('ui_lanes_stop', async () => {
    try {
      await act('stop', { lane: number });
      said.say(t('ui_lanes_stop_sent'), 'ok');
    } catch (error) {
      said.fail(error);
    }
  });
}

function serviceButtons(number, officer) {
  const out = button('ui_lanes_service_out', laneAsk(number, 'service_out', 'service'));
  const back = officer && button('ui_lanes_service_in', laneAsk(number, 'service_in', 'service'));
  return { out, back };
}

/* What an officer says after a look at the lane: alarms that stand end, a released emergency stop is reset; nothing moves. */
function lookButton(number, name) {
  return button(`ui_lanes_${name}`, () => askAct({
    title: t(`ui_lanes_${name}_n`, { n: number }), label: t(`ui_lanes_${name}`), name, args: { lane: number }, says: t('ui_lanes_seen_there'),
  }));
}

/* ---- one lane ---- */

class LaneCard {
  constructor(number, session) {
    this.number = number;
    this.officer = OFFICERS.includes(session.role);
    this.said = notice();
    this.head = el('h2', { id: `lane-${number}` });
    this.facts = el('div');
    this.holds = el('ul', { class: 'holds' });
    this.service = serviceButtons(number, this.officer);
    this.inspected = this.officer && lookButton(number, 'inspected');
    this.lower = this.officer && lowering(number, session, this.said);
    this.node = el('section', { class: 'panel lane', 'aria-labelledby': `lane-${number}` }, this.head, this.facts,
      this.holds, el('div', { class: 'acts' }, SIGNERS.includes(session.role) && this.buttons(), emergencyButton(number, this.said)),
      this.said);
  }

  buttons() {
    const n = this.number;
    return [
      this.officer && button('ui_lanes_raise', laneAsk(n, 'raise', 'raise'), 'primary'),
      button('ui_lanes_hold', laneAsk(n, 'hold', 'hold')),
      stopButton(n, this.said),
      this.officer && lookButton(n, 'ack'), this.inspected,
      this.lower?.node,
      this.service.out, this.service.back,
    ];
  }

  draw(lane) {
    const holds = [...(lane.holds ?? []), ...(lane.waiting ?? [])];
    fill(this.head, t('ui_lane_n', { n: this.number }), ' ', lane.name ?? '', ' ',
      el('small', { class: 'soft' }, of('mode', lane.mode)));
    fill(this.facts, measured(lane));
    fillKeyed(this.holds, holds, {
      key: (hold) => hold.hold, version: (hold) => JSON.stringify([hold, askedWords(hold.hold, 'release')]), draw: (hold) => holdRow(hold, this.officer),
    });
    if (this.inspected) this.inspected.hidden = !lane.inspection_due;
    this.service.out.hidden = Boolean(lane.out_of_service);
    if (this.service.back) this.service.back.hidden = !lane.out_of_service;
  }

  leave() {
    if (this.lower) this.lower.leave();
  }
}

function raiseAll(said) {
  return button('ui_lanes_raise_all', () => askAct({
    title: t('ui_lanes_raise_all'), label: t('ui_lanes_raise_all'), name: 'raise_all', table: 'raise', args: {}, pin: true,
    danger: true, done: (result) => (result.recorded ? said.say(t('ui_lanes_raise_all_sent'), 'ok') : said.say(t('ui_lanes_raise_all_unrecorded'), 'bad')),
  }), 'danger');
}

export function render(root, params, context) {
  const cards = new Map();
  const said = notice();
  const session = context.session;
  const grid = el('div', { class: 'lanes' });
  root.append(el('div', { class: 'page-head' }, el('h1', null, t(title)),
    SIGNERS.includes(session.role) && raiseAll(said)), said, grid);
  const draw = () => {
    for (const [number, lane] of [...state.lanes].sort(([a], [b]) => a - b)) {
      if (!cards.has(number)) {
        cards.set(number, new LaneCard(number, session));
        grid.append(cards.get(number).node);
      }
      cards.get(number).draw(lane);
    }
  };
  draw();
  const stop = subscribe((topics) => (topics.has('lanes') || topics.has('duty')) && draw());
  return () => {
    stop();
    for (const card of cards.values()) card.leave();
  };
}

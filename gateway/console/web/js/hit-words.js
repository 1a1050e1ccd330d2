/* What a hit says, in words both the list and the card use. */
import { t, of, pick } from './words.js';
import { age, boxNow, clock, moment, joined } from './time.js';
import { state, isExact, isQuiet, isRisk, stageOf } from './state.js';

const SURE_STALE_MS = 24 * 3600 * 1000;

export function severity(hit) {
  return isQuiet(hit) ? 'quiet' : `p${hit.entry?.priority ?? 3}`;
}

export function isDone(hit) {
  return ['closed', 'rejected'].includes(stageOf(hit));
}

export function priorityWords(hit) {
  return t(`priority_${hit.entry?.priority ?? 3}`);
}

export function matchWords(hit) {
  return isExact(hit) ? t('match_word_exact') : t('match_word_suspected');
}

export function listedPlate(hit) {
  return hit.entry?.plate ?? hit.card?.plate ?? '';
}

export function readPlate(hit) {
  return hit.read?.plate ?? hit.matched ?? hit.read?.raw ?? '';
}

export function categoryWords(hit) {
  return of('category', hit.entry?.category ?? hit.card?.category ?? 'other');
}

export function person(who) {
  return who ? who.name ?? who.officer ?? '' : '';
}

/* "新预警，一级，被盗抢，鲁 H 1 …，车道 2": what is called out. */
export function callWords(hit) {
  return joined([t('ui_new_alert'), isRisk(hit) && t('ui_risk_alone'), priorityWords(hit), categoryWords(hit), matchWords(hit),
    [...listedPlate(hit)].join(' '), t('ui_lane_n', { n: hit.lane })]);
}

/* Who has it: of the stage the hit is at. */
export function holderWords(hit) {
  const h = hit.handling;
  if (!h || stageOf(hit) === 'alerted') return isWithdrawn(hit) ? t('ui_withdrawn_short') : '';
  const who = { signed: h.signed ?? h.by, confirmed: h.by, rejected: h.by, intercepting: h.intercepting ?? h.by, reported: h.feedback, closed: h.closed };
  return joined([isWithdrawn(hit) && t('ui_withdrawn_short'), of('stage', h.stage), person(who[h.stage] ?? h.by)]);
}

/* Positions of the listed plate the read does not say. */
export function differingPositions(hit) {
  return (hit.differs ?? []).filter((one) => one.listed).map((one) => one.position);
}

/* The same on the read plate, where one stands for one. */
export function readPositions(hit) {
  const rows = hit.differs ?? [];
  const whole = rows.every((one) => one.listed && one.read);
  return whole && [...listedPlate(hit)].length === [...readPlate(hit)].length ? rows.map((one) => one.position) : [];
}

/* Which car of the queue: from the lane's holds. */
export function placeWords(hit) {
  const lane = state.lanes.get(hit.lane);
  if (!lane) return '';
  const waits = (lane.waiting ?? []).find((one) => one.passage === hit.passage);
  if (waits) return t('ui_place_n', { n: waits.place + 1 });
  if ((lane.holds ?? []).some((one) => one.passage === hit.passage)) return t('ui_place_boom');
  return hit.decision?.hold ? t('ui_place_unknown') : t('ui_place_free');
}

export function riskWords(hit) {
  const names = hit.card?.officer_risk ?? [];
  if (names.length) return names.map((name) => of('risk', name)).join(' · ');
  const bits = hit.entry?.risk ?? 0;
  return ['armed', 'violent', 'several_people'].filter((name, bit) => bits & (1 << bit)).map((name) => of('risk', name)).join(' · ');
}

/* [words, ok | warn | bad] of the list the hit came from, its clock, headquarters' word. */
export function listWords(hit) {
  const list = hit.list ?? {};
  const signed = list.signed_at && t('ui_list_signed', { age: age(list.signed_at), revision: list.revision });
  const kind = list.state === 'current' ? 'ok' : 'bad';
  const old = list.signed_at && boxNow() - new Date(list.signed_at) > SURE_STALE_MS;
  return [joined([of('list', list.state ?? 'none'), signed]), kind === 'ok' && old ? 'warn' : kind];
}

export function clockWords(hit) {
  const clock = hit.clock ?? {};
  return clock.trusted ? [t('ui_clock_trusted', { source: of('clock', clock.source ?? '') }), 'ok'] : [t('ui_clock_untrusted'), 'bad'];
}

/* How late it is. Where the rule calls the leader at once nobody was slow yet. */
export function lateWords(hit) {
  const h = hit.handling ?? {};
  if (!h.overdue) return '';
  return h.overdue === 'leader' && h.due && h.due === h.opened ? t('overdue_at_once') : of('overdue', h.overdue);
}

/* What headquarters was asked about a hit ('confirm', 'reject') or a hold ('release'), and its word; '': not asked. */
export function askedWords(subject, ...questions) {
  const row = (state.duty?.asks ?? []).find((one) => one.subject === subject && questions.includes(one.what));
  if (!row) return '';
  if (!row.word) return t('ui_hq_asked', { time: clock(row.since) });
  return joined([t(row.word === 'agrees' ? 'ui_hq_agrees' : 'ui_hq_disagrees', { name: row.by }), row.note]);
}

export function isWithdrawn(hit) {
  return Boolean(hit.handling?.withdrawn);
}

export function standingWords(hit) {
  if (isWithdrawn(hit)) return [t('ui_withdrawn_at', { time: clock(hit.handling.withdrawn) }), 'bad'];
  const s = hit.standing;
  if (!s) return [t('ui_standing_waits'), 'warn'];
  return [joined([pick(s), s.said && moment(s.said)]), s.standing === 'stands' ? 'ok' : 'bad'];
}

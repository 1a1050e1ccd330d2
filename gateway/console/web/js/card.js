/* The card of one hit: the listed plate beside what was read and seen, why, how sure, what to do. Its parts are
 * drawn anew each by itself, so that what an officer has begun to fill in stays. */
import { el, fill, painted, refill } from './dom.js';
import { badge, dialog } from './widgets.js';
import { icon } from './icons.js';
import { act, get } from './api.js';
import { t, of, pick } from './words.js';
import { clock, moment, span } from './time.js';
import { state, isExact, isRisk, stageOf } from './state.js';
import { plate, classWords } from './plate.js';
import { stageBadge } from './alert-list.js';
import {
  categoryWords, clockWords, differingPositions, listWords, listedPlate, matchWords, person, placeWords, priorityWords,
  readPlate, readPositions, riskWords, severity, standingWords,
} from './hit-words.js';
import { actionArea } from './card-acts.js';

const PICTURE_TRIES_MS = [700, 1500, 3000, 6000, 12000, 30000];

function head(hit) {
  const exact = isExact(hit);
  return [
    el('a', { class: 'button back', href: '#/alerts', 'aria-label': t('ui_back_to_list') }, icon('back')),
    el('h1', null, categoryWords(hit)),
    badge(severity(hit), 'alerts', priorityWords(hit)),
    badge(exact ? 'p3' : 'warn', exact ? 'yes' : 'eye', exact ? '＝ ' : '≈ ', matchWords(hit)),
    stageBadge(hit),
    (hit.decision?.marks ?? []).filter((mark) => mark !== 'suspected' && mark !== 'officer_risk').map((mark) => badge('warn', 'info', of('mark', mark))),
    el('span', { class: 'soft' }, [t('ui_lane_n', { n: hit.lane }), clock(hit.time), placeWords(hit)].filter(Boolean).join(' · '))];
}

function riskBar(hit) {
  if (!isRisk(hit)) return null;
  const backup = (state.duty?.backup ?? []).find((one) => one.hit === hit.hit);
  return el('div', { class: 'risk', role: 'note' }, icon('help'),
    el('div', null, t('ui_risk_alone'), ' ', el('small', null, riskWords(hit))),
    el('small', null, backup ? t('ui_backup_called', { time: clock(backup.since) }) : t('ui_backup_unknown')));
}

/* ---- plates and pictures ---- */

function image(hit, picture, cls) {
  const img = el('img', { class: cls, alt: t(`ui_picture_${picture.kind}`), src: `/api/hits/${hit.hit}/pictures/${picture.sha256}`, decoding: 'async' });
  img.addEventListener('error', () => img.replaceWith(el('span', { class: 'no-picture' }, t('ui_picture_broken'))));
  return img;
}

/* Of the card on screen, kept over a redraw: who was shown it, from when that one may confirm, and its pictures: without
 * a session none could be fetched again. */
function seenPictures(hit, keep) {
  if (keep.seen?.hit !== hit.hit) keep.seen = { hit: hit.hit, by: null, readyAt: null, list: null, images: new Map() };
  return keep.seen;
}

const hasScene = (pictures) => Boolean(pictures?.some((one) => one.kind === 'scene'));

function keptImage(seen, hit, picture, cls) {
  const old = seen.images.get(picture.sha256);
  if (old?.complete && old.naturalWidth > 0) {
    old.alt = t(`ui_picture_${picture.kind}`);
    return old;
  }
  const img = image(hit, picture, cls);
  seen.images.set(picture.sha256, img);
  return img;
}

function label(picture) {
  return picture.evidence === 'trigger' ? t('ui_picture_trigger')
    : t('ui_picture_later', { delay: span(Math.abs(picture.delay_ms ?? 0)) });
}

function scene(seen, hit, picture) {
  const show = () => dialog({ title: label(picture), cls: 'big-picture', body: image(hit, picture, '') });
  return el('button', { type: 'button', class: 'scene', onclick: show, 'aria-label': t('ui_picture_enlarge', { what: label(picture) }) },
    keptImage(seen, hit, picture, ''), picture.evidence === 'trigger' && el('span', { class: 'tag' }, label(picture)));
}

function missing(pictures) {
  return el('div', { class: 'no-picture' }, icon('eye'), t(pictures === null ? 'ui_picture_waits' : 'ui_picture_none'));
}

function compare(seen, hit, pictures) {
  const of_ = (kind) => (pictures ?? []).find((one) => one.evidence === 'trigger' && one.kind === kind);
  const crop = of_('crop');
  const whole = of_('scene');
  const later = (pictures ?? []).filter((one) => one.evidence !== 'trigger');
  const read = hit.read ?? {};
  return el('div', { class: 'compare' },
    el('figure', null,
      el('figcaption', null, el('span', null, t('ui_plate_listed')), el('span', null, classWords(hit.entry?.class))),
      plate({ text: listedPlate(hit), cls: hit.entry?.class, colour: read.colour, place: read.place, marks: differingPositions(hit), label: t('ui_plate_listed') }),
      crop && keptImage(seen, hit, crop, 'crop'),
      el('p', { class: 'vehicle' }, el('span', { class: 'soft' }, t('ui_fact_vehicle'), ' '), hit.card?.vehicle ?? t('ui_fact_vehicle_none'))),
    el('figure', null,
      el('figcaption', null, el('span', null, t('ui_plate_read')), el('span', null, classWords(read.class, read.colour))),
      plate({ text: readPlate(hit), cls: read.class, colour: read.colour, place: read.place, marks: readPositions(hit), label: t('ui_plate_read') }),
      whole ? scene(seen, hit, whole) : missing(pictures)),
    later.map((one) => el('figure', { class: 'later' }, el('figcaption', null, el('b', null, label(one)), el('span', null, t('ui_picture_not_checked'))), scene(seen, hit, one))));
}

/* ---- words ---- */

function why(hit) {
  return el('p', { class: isExact(hit) ? 'exactly' : 'alike' }, isExact(hit) ? '＝ ' : '≈ ', pick(hit, 'why_zh', 'why'),
    pick(hit, 'checked_zh', 'checked_en') && el('span', null, ' · ', pick(hit, 'checked_zh', 'checked_en')));
}

function fact(code, words, kind = '') {
  return words && el('div', null, el('dt', null, t(code)), el('dd', { class: kind }, words));
}

function facts(hit) {
  const card = hit.card ?? {};
  return el('dl', { class: 'facts' },
    fact('ui_fact_reason', card.reason),
    fact('ui_fact_standing', ...standingWords(hit)), fact('ui_fact_list', ...listWords(hit)), fact('ui_fact_clock', ...clockWords(hit)),
    fact('ui_fact_case', card.case_number), fact('ui_fact_authority', card.authority),
    fact('ui_fact_approver', card.approver), fact('ui_fact_contact', card.contact),
    fact('ui_fact_until', moment(hit.entry?.valid_until)),
    fact('ui_fact_confidence', hit.read?.confidence !== undefined && `${hit.read.confidence} %`));
}

const path = ['alerted', 'signed', 'confirmed', 'intercepting', 'reported', 'closed'];

function stepWords(hit, step) {
  const h = hit.handling ?? {};
  const rows = {
    alerted: [null, h.opened ?? hit.time], signed: [h.signed, h.signed?.time], confirmed: [h.by, h.answered],
    intercepting: [h.intercepting, h.intercepting?.time], reported: [h.feedback, h.feedback?.time], closed: [h.closed, h.closed?.time],
  };
  const [who, at] = rows[step];
  return [person(who), step === 'confirmed' && h.second && `＋ ${person(h.second)}`, clock(at)].filter(Boolean).join(' ');
}

function steps(hit) {
  const stage = stageOf(hit);
  const at = path.indexOf(stage === 'rejected' ? 'confirmed' : stage);
  return el('ol', { class: 'steps', 'aria-label': t('ui_steps') }, path.map((step, n) => el('li', {
    class: n < at ? 'past' : n === at ? 'now-at' : '', 'aria-current': n === at ? 'step' : null,
  }, el('b', null, step === 'confirmed' && stage === 'rejected' ? t('stage_rejected') : t(`step_${step}`)), n <= at && stepWords(hit, step))));
}

/* ---- the card ---- */

/* Answers {node, update(topics), close()}. `keep` outlives a language switch. */
export function card(hit, keep) {
  keep.drafts ??= new Map();
  const seen = seenPictures(hit, keep);
  const env = { pictures: seen.list, seen, drafts: keep.drafts, keep };
  const body = Object.fromEntries(['head', 'risk', 'why', 'tell', 'compare', 'facts', 'steps'].map((name) => [name, el('div', { class: `part-${name}` })]));
  const acts = actionArea(hit.hit, env);
  env.showPlates = () => body.compare.scrollIntoView({ block: 'start' });
  const node = el('article', { class: 'card' },
    el('div', { class: 'card-body', tabindex: '0', role: 'group', 'aria-label': t('ui_card_of', { plate: listedPlate(hit) }) }, body.risk, body.head, body.why, body.tell, body.compare, body.facts, body.steps), acts.node);
  let open = true;
  let shownBy = null;

  const current = () => state.hits.get(hit.hit) ?? hit;
  function update() {
    const now = current();
    refill(body.risk, riskBar(now));
    refill(body.head, head(now));
    refill(body.why, why(now));
    refill(body.tell, now.card?.instructions && el('p', { class: 'tell' }, icon('info'), ' ', t('ui_fact_instructions'), ' ', now.card.instructions));
    refill(body.facts, facts(now));
    refill(body.steps, steps(now));
    acts.update();
    show();
  }
  async function fetchPictures(tries) {
    const answer = await get(`/api/hits/${hit.hit}/pictures`).catch(() => null);
    if (!open) return;
    const list = answer?.pictures ?? answer?.result?.pictures ?? null;
    if (list) {
      seen.list = env.pictures = list.length || tries > 1 ? list : null;
      fill(body.compare, compare(seen, current(), env.pictures));
      acts.update();
    } else if (tries === 2 && !env.pictures) {
      fill(body.compare, compare(seen, current(), [])); /* none to be had: the officer is told to look; asked for all the same */
    }
    if (!hasScene(list) && tries < PICTURE_TRIES_MS.length)
      setTimeout(() => open && fetchPictures(tries + 1), PICTURE_TRIES_MS[tries]);
  }
  /* Once an officer, when the card is on the screen: the box records who saw it, and the viewing time runs from there. */
  async function show() {
    const officer = state.session?.officer ?? null;
    if (!officer || shownBy === officer) return;
    shownBy = officer;
    await painted();
    if (!open || state.session?.officer !== officer) {
      if (shownBy === officer) shownBy = null;
      return;
    }
    try {
      if (seen.by !== officer) {
        const answer = await act('hit_show', { hit: hit.hit });
        Object.assign(seen, { by: officer, readyAt: Date.now() + (answer.confirm_after_ms ?? 0) });
      }
      acts.update();
      if (open && !hasScene(seen.list)) fetchPictures(0);
    } catch (error) {
      shownBy = null;
      acts.say(error);
    }
  }
  fill(body.compare, compare(seen, hit, env.pictures));
  update();
  const timer = setInterval(() => acts.tick(), 500);
  return {
    node, number: hit.hit, update,
    nextChanged: () => acts.update(),
    close() {
      open = false;
      acts.close();
      clearInterval(timer);
    },
  };
}


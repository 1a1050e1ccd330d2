/* The queues: what nobody has signed for, the quiet 疑似 ones by themselves, what is being handled, and the
 * latest of what is done. Each shows a window; there is no way to clear them at once. */
import { el, fillKeyed, setText } from './dom.js';
import { badge } from './widgets.js';
import { icon } from './icons.js';
import { t, lang, of } from './words.js';
import { clock } from './time.js';
import { state, isExact, isQuiet, isRisk, isUnanswered, stageOf } from './state.js';
import { plate } from './plate.js';
import { categoryWords, holderWords, isDone, lateWords, listedPlate, matchWords, priorityWords, severity } from './hit-words.js';

const WINDOW = 30;

const byPriority = (a, b) => priority(a) - priority(b) || a.hit - b.hit;
const latestFirst = (a, b) => b.hit - a.hit;
const priority = (hit) => hit.entry?.priority ?? 3;

const queues = [
  { name: 'unanswered', order: byPriority },
  { name: 'quiet', order: latestFirst },
  { name: 'handled', order: byPriority },
  { name: 'done', order: latestFirst },
];

function queueOf(hit) {
  const stage = stageOf(hit);
  if (stage === 'alerted') return isQuiet(hit) ? 1 : 0;
  return stage === 'closed' || stage === 'rejected' ? 3 : 2;
}

let first = { version: -1, hit: null };

/* The one to look at first; null: nothing waits. Asked several times a change, looked for once. */
export function firstWaiting() {
  if (first.version === state.version) return first.hit;
  let found = null;
  for (const hit of state.hits.values())
    if (queueOf(hit) === 0 && (!found || byPriority(hit, found) < 0)) found = hit;
  first = { version: state.version, hit: found };
  return found;
}

/* The first `count` in order, without sorting what nobody sees. */
function firstOf(hits, order, count) {
  if (hits.length <= count * 2) return hits.sort(order).slice(0, count);
  let kept = [];
  for (const hit of hits) {
    if (kept.length >= count && order(hit, kept[count - 1]) >= 0) continue;
    kept.push(hit);
    if (kept.length >= count * 2) kept = kept.sort(order).slice(0, count);
    else if (kept.length === count) kept.sort(order);
  }
  return kept.sort(order).slice(0, count);
}

function row(hit, current) {
  const exact = isExact(hit);
  const late = lateWords(hit);
  return el('li', null, el('a', {
    class: `row-hit ${isDone(hit) ? 'done' : severity(hit)}`, href: `#/alerts/${hit.hit}`,
    'aria-current': hit.hit === current ? 'true' : null,
  },
  plate({ text: listedPlate(hit), cls: hit.entry?.class ?? '', colour: hit.read?.colour, small: true }),
  el('span', { class: 'lines' },
    el('b', null, priorityWords(hit), ' ', categoryWords(hit)),
    el('span', null, exact ? '＝ ' : '≈ ', matchWords(hit)),
    el('span', null, t('ui_lane_n', { n: hit.lane }), ' · ', clock(hit.time))),
  isRisk(hit) && el('span', { class: 'beneath alone' }, '⚠ ', t('ui_risk_alone')),
  holderWords(hit) && el('span', { class: 'beneath' }, holderWords(hit)),
  late && el('span', { class: 'beneath late' }, late)));
}

/* Answers {node, update(current)}. */
export function alertList(keep) {
  keep.windows ??= {};
  const parts = queues.map((queue) => {
    const count = el('span', { class: 'soft' });
    const list = el('ul');
    const more = el('button', { type: 'button', class: 'button wide', onclick: () => {
      keep.windows[queue.name] = (keep.windows[queue.name] ?? WINDOW) + WINDOW;
      update(keep.current);
    } });
    const empty = el('p', { class: 'empty' }, icon('yes'), ' ', t('ui_queue_empty'));
    const node = el('section', { 'aria-label': t(`ui_queue_${queue.name}`) },
      el('h2', null, t(`ui_queue_${queue.name}`), count), queue.name === 'unanswered' && empty, list, more);
    return { queue, node, list, count, more, empty };
  });
  function update(current) {
    keep.current = current;
    const sorted = parts.map(() => []);
    for (const hit of state.hits.values()) sorted[queueOf(hit)].push(hit);
    parts.forEach((part, at) => {
      const hits = sorted[at];
      const window = keep.windows[part.queue.name] ?? WINDOW;
      setText(part.count, hits.length ? `(${hits.length})` : '');
      part.node.hidden = hits.length === 0 && part.queue.name !== 'unanswered';
      part.empty.hidden = hits.length > 0;
      part.more.hidden = hits.length <= window;
      if (hits.length > window) setText(part.more, t('ui_show_more', { n: hits.length - window }));
      fillKeyed(part.list, firstOf(hits, part.queue.order, window), {
        key: (hit) => hit.hit,
        version: (hit) => `${stageOf(hit)} ${holderWords(hit)} ${hit.handling?.overdue ?? ''} ${hit.hit === current} ${lang()}`,
        draw: (hit) => row(hit, current),
      });
    });
  }
  return { node: el('div', { class: 'queue' }, el('h1', { class: 'unseen' }, t('ui_page_alerts')), parts.map((part) => part.node)), update };
}

export function stageBadge(hit) {
  return badge(isUnanswered(hit) ? 'warn' : 'ok', isUnanswered(hit) ? 'clock' : 'yes', of('stage', stageOf(hit)));
}

/* The queues: what nobody has signed for, the quiet 疑似 ones by themselves, what is being handled, and the
 * latest of what is done. Each shows a window; there is no way to clear them at once. */
import { el, fillKeyed } from './dom.js';
import { badge } from './widgets.js';
import { icon } from './icons.js';
import { t, lang, of } from './words.js';
import { clock } from './time.js';
import { state, isExact, isQuiet, isRisk, isUnanswered, stageOf } from './state.js';
import { plate } from './plate.js';
import { categoryWords, holderWords, isDone, listedPlate, matchWords, priorityWords, severity } from './hit-words.js';

const WINDOW = 30;

const queues = [
  { name: 'unanswered', of: (hit) => isUnanswered(hit) && !isQuiet(hit), order: (a, b) => priority(a) - priority(b) || a.hit - b.hit },
  { name: 'quiet', of: (hit) => isUnanswered(hit) && isQuiet(hit), order: (a, b) => b.hit - a.hit },
  { name: 'handled', of: (hit) => !isUnanswered(hit) && !isDone(hit), order: (a, b) => priority(a) - priority(b) || a.hit - b.hit },
  { name: 'done', of: isDone, order: (a, b) => b.hit - a.hit },
];

const priority = (hit) => hit.entry?.priority ?? 3;

/* The one to look at first; null: nothing waits. */
export function firstWaiting() {
  let first = null;
  for (const hit of state.hits.values())
    if (queues[0].of(hit) && (!first || queues[0].order(hit, first) < 0)) first = hit;
  return first;
}

function row(hit, current) {
  const exact = isExact(hit);
  const late = hit.handling?.overdue;
  const text = [priorityWords(hit), categoryWords(hit), matchWords(hit), [...listedPlate(hit)].join(' '), t('ui_lane_n', { n: hit.lane }),
    clock(hit.time), holderWords(hit), late && of('overdue', late)].filter(Boolean).join(', ');
  return el('li', null, el('a', {
    class: `row-hit ${isDone(hit) ? 'done' : severity(hit)}`, href: `#/alerts/${hit.hit}`, 'aria-label': text,
    'aria-current': hit.hit === current ? 'true' : null,
  },
  plate({ text: listedPlate(hit), cls: hit.entry?.class ?? '', colour: hit.read?.colour, small: true }),
  el('span', { class: 'lines' },
    el('b', null, isRisk(hit) && '⚠ ', priorityWords(hit), ' ', categoryWords(hit)),
    el('span', null, exact ? '＝ ' : '≈ ', matchWords(hit)),
    el('span', null, t('ui_lane_n', { n: hit.lane }), ' · ', clock(hit.time)),
    holderWords(hit) && el('span', null, holderWords(hit)),
    late && el('span', { class: 'late' }, of('overdue', late)))));
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
    for (const hit of state.hits.values()) {
      const at = queues.findIndex((queue) => queue.of(hit));
      if (at >= 0) sorted[at].push(hit);
    }
    parts.forEach((part, at) => {
      const hits = sorted[at].sort(part.queue.order);
      const window = keep.windows[part.queue.name] ?? WINDOW;
      part.count.textContent = hits.length ? `(${hits.length})` : '';
      part.node.hidden = hits.length === 0 && part.queue.name !== 'unanswered';
      part.empty.hidden = hits.length > 0;
      part.more.hidden = hits.length <= window;
      if (hits.length > window) part.more.textContent = t('ui_show_more', { n: hits.length - window });
      fillKeyed(part.list, hits.slice(0, window), {
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

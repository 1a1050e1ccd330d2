// Many consoles and many hits: how long from the box's event to the page's paint, of a row and of a card that opens by itself (told,
// not judged: machines differ, and here the tablet's processor is the box's), tablets that stall change nothing, a shift's
// hits leave the page's memory and markup as they were.
// CHECKPOINT_FULL=1: 50 consoles, 20 of them stalled, 2,000 hits; else a sample.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { about, box, until } from './lib/box.mjs';
import { Browser } from './lib/chromium.mjs';
import { listed, makeHit, openConsole, row } from './lib/console.mjs';
import { openStreams } from './lib/streams.mjs';

const FULL = Boolean(process.env.CHECKPOINT_FULL);
const CONSOLES = FULL ? 50 : 8;
const STALLED = FULL ? 20 : 3;
const TIMED_HITS = FULL ? 100 : 5; // of a round
const PACE_MS = 250; // far more than a road brings
const WAITING = 100; // the board keeps 256
const BATCH = 5; // rows that wait and are on screen at once
const SHIFT_HITS = FULL ? 2000 : 40;
const READERS = ['officer', 'second_officer', 'leader', 'second_leader', 'auxiliary', 'auditor'];

/* By the clock of the machine: when the page had drawn the frame with a hit's row, and with its card where one opens, and when
 * the row's frame was shown (Element Timing's renderTime, which Chromium does not tell of an element already replaced). */
function notePaints() {
  window.times = {};
  const note = (hit, what, time) => {
    const of = (window.times[hit] ??= {});
    if (of[what]) return;
    of[what] = time;
    window.onScreen?.(Number(hit), what);
  };
  const seen = new Set();
  const look = (node, what, hit) => {
    const name = `${what} ${hit}`;
    if (seen.has(name)) return;
    seen.add(name);
    for (const one of what === 'row' ? node.querySelectorAll('b, span') : []) one.setAttribute('elementtiming', hit);
    requestAnimationFrame(() => setTimeout(() => note(hit, `${what} drawn`, Date.now())));
  };
  new MutationObserver(() => {
    for (const one of document.querySelectorAll('a.row-hit:not(.done)')) look(one, 'row', one.hash.split('/')[2]);
    const card = document.querySelector('article.card');
    const current = card && document.querySelector('a.row-hit[aria-current]');
    if (current) look(card, 'card', current.hash.split('/')[2]);
  }).observe(document, { childList: true, subtree: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) note(entry.identifier, 'row shown', performance.timeOrigin + entry.renderTime);
  }).observe({ type: 'element', buffered: true });
}

about.url = about.direct; // no relay of the harness between
const browser = await Browser.start();
let streams = null;
after(async () => {
  await streams?.close();
  await browser.close();
});
const page = await openConsole(browser, 'officer', 'alerts', { init: notePaints });
const onScreen = new Set(); // 'row drawn 17', 'card drawn 17'
await page.exposeFunction('onScreen', (hit, what) => onScreen.add(`${what} ${hit}`));

async function settleAll(hits) {
  await box('settle', { hits });
  await page.waitForSelector(`${row(hits.at(-1))}.done`, { state: 'attached' });
}

const share = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)];

function tell(what, took) {
  const sorted = took.sort((a, b) => a - b).map(Math.round);
  console.log(`# ${what}, ${sorted.length} hits: p50 ${share(sorted, 0.5)} ms, p90 ${share(sorted, 0.9)} ms, p99 ${share(sorted, 0.99)} ms, worst ${sorted.at(-1)} ms`);
}

/* Back to the list, with nothing in it that waits and would open instead of the next: hits of others, a look-alike. */
async function leaveCard() {
  const waiting = await page.$$eval('.queue section:first-of-type a.row-hit', (rows) => rows.map((one) => Number(one.hash.split('/')[2])));
  if (waiting.length) await settleAll(waiting);
  await page.evaluate(() => (location.hash = '#/alerts'));
}

/* Hits made one by one at their pace, each on screen before the next; with `cards` none is open before, so that each opens by
 * itself. */
async function watchHits(count, cards) {
  const made = [];
  for (const plate of await listed(count, { priority: 3 })) {
    if (cards) await leaveCard();
    const due = performance.now() + PACE_MS;
    await until('the next hit is due', () => performance.now() >= due);
    made.push(await makeHit(plate));
    const { hit } = made.at(-1);
    await until(`hit ${hit} is on screen`, () => onScreen.has(`${cards ? 'card' : 'row'} drawn ${hit}`));
    if (cards || made.length % BATCH === 0) await settleAll(made.slice(cards ? -1 : -BATCH).map((one) => one.hit));
  }
  return made;
}

async function tellTimes(made, who, cards) {
  const times = await page.evaluate(() => window.times);
  for (const what of cards ? ['card drawn'] : ['row drawn', 'row shown']) {
    const known = made.filter(({ hit }) => times[hit][what]);
    tell(`${who}: event to ${what}`, known.map(({ hit, time }) => times[hit][what] - Date.parse(time)));
  }
}

async function hearAll(made, consoles) {
  for (const { hit } of made) {
    const heard = await until(`every console that reads heard of hit ${hit}`, async () => {
      const found = await streams.heard(hit);
      return found.consoles >= consoles && found;
    });
    assert.equal(heard.most, 1, `hit ${hit} came ${heard.most} times`);
  }
}

test('many consoles hear every hit, stalled tablets or not; the time to the paint is told beside that of this console alone', async () => {
  for (const [others, stalled] of [[0, 0], [CONSOLES - 1, 0], [CONSOLES - 1, STALLED]]) {
    if (others) streams ??= await openStreams(about.url, Array.from({ length: others }, (_, n) => READERS[n % READERS.length]));
    if (stalled) await streams.stall(stalled);
    for (const cards of [false, true]) {
      const made = await watchHits(TIMED_HITS, cards);
      await tellTimes(made, others ? `${others + 1} consoles, ${stalled} stalled` : 'alone', cards);
      if (others) await hearAll(made, others - stalled);
    }
  }
});

async function weigh(session) {
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  return { bytes: usedSize, nodes: await page.evaluate(() => document.querySelectorAll('*').length) };
}

test('a shift of hits, each handled: memory and markup stay as they were', async () => {
  const session = await browser.context.newCDPSession(page);
  const weights = [];
  const part = SHIFT_HITS / 4;
  for (let quarter = 0; quarter < 4; quarter++) {
    const plates = await listed(part, { priority: 3 });
    for (let done = 0; done < plates.length; done += WAITING) {
      const hits = [];
      for (const plate of plates.slice(done, done + WAITING)) hits.push((await makeHit(plate)).hit);
      await page.waitForSelector('a.row-hit');
      await settleAll(hits);
    }
    weights.push(await weigh(session));
  }
  console.log(`# ${SHIFT_HITS} hits: ${weights.map(({ bytes, nodes }) => `${(bytes / 1e6).toFixed(1)} MB, ${nodes} nodes`).join('; ')}`);
  const [, before, , end] = weights;
  // 256 closed hits are kept: the sample still fills them up, a whole shift has long done so.
  assert.ok(end.bytes < before.bytes * 1.25 + (FULL ? 0 : 4e6), `${before.bytes} bytes, then ${end.bytes}`);
  assert.ok(end.nodes < before.nodes * 1.25 + 400, `${before.nodes} nodes, then ${end.nodes}`);
});

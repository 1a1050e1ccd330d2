// Many consoles and many hits: how long from the box's event to the page's paint (told, not judged: machines differ),
// tablets that stall change nothing, a shift's hits leave the page's memory and markup as they were.
// CHECKPOINT_FULL=1: 50 consoles, 20 of them stalled, 2,000 hits; else a sample.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { box, until } from './lib/box.mjs';
import { Browser } from './lib/chromium.mjs';
import { listed, makeHit, openConsole, row } from './lib/console.mjs';
import { openStream } from './lib/streams.mjs';

const FULL = Boolean(process.env.CHECKPOINT_FULL);
const CONSOLES = FULL ? 50 : 8;
const STALLED = FULL ? 20 : 3;
const TIMED_HITS = FULL ? 200 : 10;
const WAITING = 100; // the board keeps 256
const BATCH = 10; // the list shows the first thirty that wait
const SHIFT_HITS = FULL ? 2000 : 40;
const READERS = ['officer', 'second_officer', 'leader', 'second_leader', 'auxiliary', 'auditor'];

/* When a row's frame is done, by the clock of the machine both run on. */
function notePaints() {
  window.painted = {};
  const seen = new Set();
  const look = () => {
    for (const one of document.querySelectorAll('a.row-hit')) {
      const hit = one.hash.split('/')[2];
      if (seen.has(hit)) continue;
      seen.add(hit);
      requestAnimationFrame(() => setTimeout(() => (window.painted[hit] = Date.now())));
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
}

const browser = await Browser.start();
const streams = [];
after(async () => {
  streams.forEach((stream) => stream.close());
  await browser.close();
});
const page = await openConsole(browser, 'officer', 'alerts', { init: notePaints });
const heard = new Map(); // hit -> consoles that heard of it

const share = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)];

test('many consoles hear every hit, stalled tablets or not; the time to the paint is told', async () => {
  for (let n = 0; n < CONSOLES; n++) {
    streams.push(await openStream(READERS[n % READERS.length], (event) => {
      if (event.event === 'hit') heard.set(event.hit, (heard.get(event.hit) ?? 0) + 1);
    }));
  }
  streams.slice(0, STALLED).forEach((stream) => stream.stall());
  const made = [];
  for (const plate of await listed(TIMED_HITS, { priority: 3 })) {
    made.push(await makeHit(plate));
    const { hit } = made.at(-1);
    await page.waitForFunction((number) => window.painted[number], hit);
    if (made.length % BATCH === 0) await box('settle', { hits: made.slice(-BATCH).map((one) => one.hit) });
  }
  const last = made.at(-1).hit;
  await until('every console that reads heard the last hit', () => heard.get(last) >= CONSOLES - STALLED);
  for (const { hit } of made) assert.ok(heard.get(hit) >= CONSOLES - STALLED, `hit ${hit}: ${heard.get(hit)} of ${CONSOLES - STALLED}`);
  const paints = await page.evaluate(() => window.painted);
  const took = made.map(({ hit, time }) => paints[hit] - Date.parse(time)).sort((a, b) => a - b);
  console.log(`# ${CONSOLES} consoles, ${STALLED} stalled: event to paint of ${took.length} hits: p50 ${share(took, 0.5)} ms, ` +
    `p99 ${share(took, 0.99)} ms, worst ${took.at(-1)} ms`);
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
      await box('settle', { hits });
      await until('the page knows the last is closed', () => page.$(`${row(hits.at(-1))}.done`));
    }
    weights.push(await weigh(session));
  }
  console.log(`# ${SHIFT_HITS} hits: ${weights.map(({ bytes, nodes }) => `${(bytes / 1e6).toFixed(1)} MB, ${nodes} nodes`).join('; ')}`);
  const [, before, , end] = weights;
  // 256 closed hits are kept: the sample still fills them up, a whole shift has long done so.
  assert.ok(end.bytes < before.bytes * 1.25 + (FULL ? 0 : 4e6), `${before.bytes} bytes, then ${end.bytes}`);
  assert.ok(end.nodes < before.nodes * 1.25 + 400, `${before.nodes} nodes, then ${end.nodes}`);
});

/* What this tab hears of the box. Order: the stream first, then the board, then what the stream has
 * said since the board was made; so nothing is missed and nothing comes twice. LINK LOST is judged
 * here: 25 s without a word, of which heartbeats come every ten; by both clocks, for one stands while the tablet sleeps
 * and the other may be set back. */
import { StreamLink } from './stream-link.js';
import { Refused, get } from './api.js';

const LOST_AFTER_MS = 25000;
const NAME = 'checkpoint-stream';
const BEFORE_BOARD_MAX = 4096;

let take = null;
let orders = null; /* 'open', 'again', 'stop', 'bye' to whoever holds the stream */
let before = null; /* while the board is fetched: the events meanwhile */
let heard = { wall: 0, running: 0 };
let boxGone = false;
let lost = false;
let at = null; /* the last {epoch, number} applied */
let boardTry = 0;
let wanted = false; /* somebody is signed on: without a session there is no stream to miss */

const policy = globalThis.trustedTypes?.createPolicy('checkpoint', {
  createScriptURL(url) {
    if (url !== '/js/stream-worker.js') throw new TypeError('no such worker');
    return url;
  },
});

function parseId(id) {
  const cut = id ? id.lastIndexOf('-') : -1;
  return cut > 0 ? { epoch: id.slice(0, cut), number: Number(id.slice(cut + 1)) } : null;
}

function isOld(id) {
  return at !== null && id !== null && id.epoch === at.epoch && id.number <= at.number;
}

function apply(message) {
  const id = parseId(message.id);
  if (isOld(id)) return;
  if (id) at = id;
  let event;
  try {
    event = JSON.parse(message.data);
  } catch {
    return; /* a line cut by a box that stopped; the board that follows makes up for it */
  }
  take.event(event);
}

function say() {
  take.link(lost ? 'lost' : boxGone ? 'gone' : before ? 'loading' : 'live');
}

function hear() {
  heard = { wall: Date.now(), running: performance.now() };
}

const silentMs = () => Math.max(Date.now() - heard.wall, performance.now() - heard.running);

function alive() {
  hear();
  if (!lost) return;
  lost = false;
  say();
}

/* Until it is there, what the stream says waits. */
async function fetchBoard() {
  const mine = ++boardTry;
  before = before ?? [];
  say();
  try {
    const answer = await get('/api/board');
    if (mine !== boardTry) return;
    const board = answer.result ?? answer;
    const stream = board.stream ?? answer.stream;
    at = stream ? { epoch: String(stream.epoch), number: Number(stream.id) } : null;
    boxGone = false; /* who has a board, has a box: the stream before it may have ended without its 'back' */
    take.board(board);
    const waiting = before;
    before = null;
    waiting.forEach(apply);
    alive();
    say();
  } catch (error) {
    if (!(error instanceof Refused)) reportError(error);
    if (mine === boardTry && error.status !== 401) setTimeout(() => mine === boardTry && fetchBoard(), 2000);
  }
}

function on(message) {
  if (!wanted) return;
  if (message.kind === 'error') {
    take.link(lost ? 'lost' : 'again');
    if (message.closed) take.refused();
    return;
  }
  alive();
  if (message.kind === 'fresh' || (message.kind === 'open' && at === null && !before)) {
    fetchBoard();
  } else if (message.kind === 'open') {
    say();
  } else if (message.kind === 'm') {
    if (!before) apply(message);
    else if (before.length < BEFORE_BOARD_MAX) before.push(message);
    else fetchBoard();
  } else if (message.kind === 'reset') {
    before = [];
    fetchBoard();
  } else if (message.kind === 'gone' || message.kind === 'back') {
    boxGone = message.kind === 'gone';
    say();
  }
}

function byWorker() {
  const url = policy ? policy.createScriptURL('/js/stream-worker.js') : '/js/stream-worker.js';
  const worker = new SharedWorker(url, { name: NAME, type: 'module' });
  worker.port.onmessage = (message) => on(message.data);
  worker.port.start();
  return (order) => worker.port.postMessage(order);
}

/* One tab leads by a lock and passes on what it hears. */
function byLeader() {
  const channel = new BroadcastChannel(NAME);
  const link = new StreamLink((message) => {
    on(message);
    channel.postMessage({ heard: message });
  });
  let leads = false;
  channel.onmessage = ({ data }) => {
    if (data.heard) on(data.heard);
    else if (leads && data.order === 'again') link.open();
    else if (leads && data.order === 'stop') link.close();
    else if (leads && data.order === 'open' && link.live) channel.postMessage({ heard: { kind: 'open' } });
  };
  navigator.locks.request(NAME, () => {
    leads = true;
    if (wanted) link.open();
    return new Promise(() => {}); /* until the tab closes */
  });
  return (order) => {
    if (!leads) channel.postMessage({ order });
    else if (order === 'bye' || order === 'stop') link.close();
    else if (order === 'again' || !link.source) link.open();
    else if (link.live) on({ kind: 'open' });
  };
}

export function startStream(handlers) {
  take = handlers;
  orders = typeof SharedWorker === 'function' ? byWorker() : byLeader();
  if (typeof SharedWorker === 'function') addEventListener('pagehide', () => orders('bye'));
  addEventListener('pageshow', (event) => event.persisted && location.reload());
  setInterval(() => {
    if (!wanted || lost || silentMs() < LOST_AFTER_MS) return;
    lost = true;
    say();
  }, 1000);
}

/* Somebody is signed on. After a sign-on it is another officer's stream, and begins again. */
export function listen(again) {
  boardTry++;
  wanted = true;
  hear();
  at = null;
  before = null;
  orders(again ? 'again' : 'open');
}

/* Nobody is: the box would refuse the stream. */
export function stopListening() {
  if (!wanted) return;
  wanted = false;
  lost = false;
  boardTry++;
  orders('stop');
}

/* What this page knows of the box: kept up by the stream, drawn by the pages. Bounded: every hit still
 * open, the latest of the closed ones, a few of everything else. Watchers hear of the first change at once
 * and of what follows once a frame: a burst of events costs no more drawing than the screen can show. The first new
 * hit of a frame does not wait for it: what leads up to it (alarm, hold, status) comes just before. */

import { keep } from './kept.js';

const CLOSED_MAX = 256;
const OPEN_MAX = 4096;
const MESSAGES_MAX = 50;
const RUNS_MAX = 8;
const RUNS_TOLD_MAX = 256;

export const state = {
  session: null,
  sessionEnded: false,
  link: 'loading',
  hits: new Map(), /* hit number -> the event, with .handling and .standing */
  lanes: new Map(), /* lane number -> its status */
  alarms: new Map(), /* active ones */
  messages: [], /* newest first */
  runs: [], /* lanes run through, until an officer has seen it */
  list: null,
  clock: null,
  uplink: null,
  duty: {},
  lookouts: new Map(),
  codes: {},
  place: null,
  version: 0, /* counts the changes of hits */
};

/* One that fails keeps nobody else from being told, nor what comes after it; the error is reported as if nobody had
 * caught it. */
function attempt(run, ...args) {
  try {
    run(...args);
  } catch (error) {
    reportError(error);
  }
}

const watchers = new Set();
let changed = null;

/* tell(topics, hits): a Set of topic names ('hits', 'lanes', 'alarms', …) and of hit numbers. */
export function subscribe(tell) {
  watchers.add(tell);
  return () => watchers.delete(tell);
}

let frame = 0; /* the next one, awaited since the last telling */
let hitTold = false; /* a new one, before that frame */

function tellWatchers() {
  const what = changed;
  if (!what) return;
  changed = null;
  /* A tab in the background has no frames, and sounds all the same. */
  if (document.visibilityState === 'visible') frame ||= requestAnimationFrame(frameCame);
  for (const tell of [...watchers]) attempt(tell, what.topics, what.hits);
}

function frameCame() {
  frame = 0;
  hitTold = false;
  tellWatchers();
}

document.addEventListener('visibilitychange', () => {
  cancelAnimationFrame(frame);
  frameCame();
});

export function touch(topic, hit) {
  if (!changed) {
    changed = { topics: new Set(), hits: new Set() };
    if (!frame) queueMicrotask(tellWatchers);
  }
  if (topic === 'hits') state.version += 1;
  changed.topics.add(topic);
  if (hit !== undefined) changed.hits.add(hit);
}

function tellAtOnce() {
  if (hitTold) return;
  hitTold = true;
  queueMicrotask(tellWatchers);
}

/* ---- hits ---- */

export function stageOf(hit) {
  return hit.handling?.stage ?? 'alerted';
}

export function isOpen(hit) {
  return stageOf(hit) !== 'closed';
}

export function isUnanswered(hit) {
  return stageOf(hit) === 'alerted';
}

export function isExact(hit) {
  return hit.match === 'exact' && !(hit.decision?.marks ?? []).includes('suspected');
}

export function isRisk(hit) {
  return (hit.decision?.marks ?? []).includes('officer_risk') || Boolean(hit.entry?.risk);
}

/* Quiet ones have a queue of their own: they are looked at, they do not call. */
export function isQuiet(hit) {
  return hit.decision?.level === 'quiet' || hit.decision?.level === 'none';
}

const orphans = new Map(); /* handling that came before its hit; a handful */

function keepBounds() {
  let closed = 0;
  for (const hit of state.hits.values()) if (!isOpen(hit)) closed++;
  let over = Math.max(closed - CLOSED_MAX, 0);
  for (const [number, hit] of state.hits) {
    if (over === 0 && state.hits.size <= OPEN_MAX + CLOSED_MAX) break;
    if (over > 0 && isOpen(hit) && state.hits.size <= OPEN_MAX + CLOSED_MAX) continue;
    if (!isOpen(hit)) over--;
    state.hits.delete(number);
    touch('hits', number);
  }
}

function takeHit(event) {
  if (!Number.isInteger(event.hit)) throw new TypeError(`a hit without its number: ${event.hit}`);
  const old = state.hits.get(event.hit);
  const handling = event.handling ?? old?.handling ?? orphans.get(event.hit);
  orphans.delete(event.hit);
  state.hits.set(event.hit, { ...event, handling, standing: event.standing ?? old?.standing });
  keepBounds();
  touch('hits', event.hit);
  if (!old) tellAtOnce();
}

function takeHandling(event) {
  const hit = state.hits.get(event.hit);
  if (hit) {
    hit.handling = event;
    if (event.stage === 'closed') keepBounds();
  } else {
    orphans.set(event.hit, event);
    if (orphans.size > 64) orphans.delete(orphans.keys().next().value);
  }
  touch('hits', event.hit);
}

function takeStanding(event) {
  const hit = state.hits.get(event.hit);
  if (!hit) return;
  hit.standing = event;
  touch('hits', event.hit);
}

/* ---- the rest ---- */

const runsTold = new Set();

/* A run-through, as it happens or as it still stands in a lane's status; once seen it does not come back. */
function takeRun(run) {
  const key = `${run.lane}/${run.passage ?? run.time}`;
  if (runsTold.has(key)) return;
  runsTold.add(key);
  if (runsTold.size > RUNS_TOLD_MAX) runsTold.delete(runsTold.values().next().value);
  state.runs = [run, ...state.runs].slice(0, RUNS_MAX);
  touch('runs');
}

function takeLane(status) {
  state.lanes.set(status.lane, status);
  const run = status.run_through;
  if (run) takeRun({ lane: status.lane, passage: run.passage, time: run.since });
  touch('lanes');
}

function takeAlarm(event) {
  const key = `${event.alarm}/${event.lane ?? 0}`;
  if (event.active) state.alarms.set(key, event);
  else state.alarms.delete(key);
  touch('alarms');
}

function takeRecord(event) {
  if (event.what === 'run_through') takeRun(event);
  touch('records');
}

/* What headquarters' duty officers say to officers; of their other instructions the lanes and hits tell. */
function takeMessage(event) {
  if (event.kind !== 'message' || event.result !== 'done') return;
  state.messages = [event, ...state.messages.filter((one) => one.number !== event.number)].slice(0, MESSAGES_MAX);
  touch('messages');
}

function takeLookout(event) {
  const id = event.lookout ?? event.id;
  if (event.ended || event.what === 'lookout_ended') state.lookouts.delete(id);
  else state.lookouts.set(id, { ...event, id });
  touch('lookouts');
}

const takers = {
  hit: takeHit,
  handling: takeHandling,
  hit_standing: takeStanding,
  status: takeLane,
  alarm: takeAlarm,
  lane: takeRecord,
  hold: takeRecord,
  instruction: takeMessage,
  lookout: takeLookout,
  list: (event) => put('list', event.list ?? event),
  clock: (event) => put('clock', event.clock ?? event),
  uplink: (event) => put('uplink', event.uplink ?? event),
  duty: (event) => put('duty', event.duty ?? event),
};

const eventWatchers = new Set();

/* For what is not kept: tell(event) of every event as it comes. */
export function onEvent(tell) {
  eventWatchers.add(tell);
  return () => eventWatchers.delete(tell);
}

export function takeEvent(event) {
  attempt(() => takers[event.event]?.(event));
  for (const tell of [...eventWatchers]) attempt(tell, event);
}

export function put(name, value) {
  state[name] = value;
  touch(name);
}

/* Acknowledged on this tablet: the lane's own alarm stays until it is acted on. */
export function seenRun(run) {
  put('runs', state.runs.filter((one) => one !== run));
}

/* The whole picture: what it does not name is gone. */
export function takeBoard(board) {
  for (const number of state.hits.keys()) touch('hits', number);
  const standing = new Map([...state.hits].map(([number, hit]) => [number, hit.standing]));
  state.hits.clear();
  for (const hit of board.hits ?? []) attempt(() => takeHit({ ...hit, standing: hit.standing ?? standing.get(hit.hit) }));
  state.lanes.clear();
  for (const lane of board.lanes ?? []) attempt(takeLane, lane);
  state.alarms.clear();
  for (const alarm of board.alarms ?? []) attempt(takeAlarm, { active: true, ...alarm });
  state.messages = [];
  for (const message of board.messages ?? []) attempt(takeMessage, message);
  state.lookouts = new Map((board.lookouts ?? []).map((one) => [one.id, one]));
  state.place = { name: board.checkpoint, phone: board.headquarters_phone, lanes: [...state.lanes.keys()].sort((a, b) => a - b) };
  keep('lanes', state.place.lanes.join(' ')); /* for the emergency raise of whoever is not signed on */
  touch('place');
  for (const name of ['list', 'clock', 'uplink', 'duty']) if (board[name] !== undefined) put(name, board[name]);
  for (const topic of ['hits', 'lanes', 'alarms', 'messages', 'lookouts', 'board']) touch(topic);
}

/* Somebody else signs on: nothing of what the one before could see stays. */
export function forget() {
  state.hits.clear();
  orphans.clear();
  state.lanes.clear();
  state.alarms.clear();
  state.lookouts.clear();
  state.messages = [];
  state.runs = [];
  runsTold.clear();
  state.duty = {};
  for (const topic of ['hits', 'lanes', 'alarms', 'messages', 'lookouts', 'duty', 'runs']) touch(topic);
}

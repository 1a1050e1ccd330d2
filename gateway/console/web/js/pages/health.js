/* How the box is, and what to do about each thing that is not well. */
import { el, fill, setText } from '../dom.js';
import { subscribe } from '../state.js';
import { act } from '../api.js';
import { t, of, pick } from '../words.js';
import { age, joined, moment, span } from '../time.js';
import { alarmDetail, alarmRest, alarmWords } from '../alarm-words.js';
import { notice } from '../widgets.js';
import { atMostEvery } from '../again.js';

export const title = 'ui_page_health';
export const roles = ['officer', 'leader', 'auxiliary', 'auditor', 'technician'];

const REFRESH_MS = 10000;
const EVERY_MS = 2000; /* at most, when things happen */
const TOPICS = ['alarms', 'list', 'clock', 'uplink'];
const GIB = 1024 ** 3;

function alarmItem(alarm) {
  const words = alarmWords(alarm);
  return el('li', { class: 'panel alarm' },
    el('p', null, el('b', null, pick(alarm)), alarm.lane ? ` · ${t('ui_lane_n', { n: alarm.lane })}` : '', words && ` · ${words}`),
    el('p', null, el('b', null, t('ui_health_do')), ' ', pick(alarm, 'what_to_do_zh', 'what_to_do')),
    alarmRest(alarm),
    alarm.time && el('p', { class: 'soft' }, moment(alarm.time)));
}

/* One thing: its state in words and as a mark, then figures. */
function tile(code, good, words, ...more) {
  return el('section', { class: `panel tile ${good ? 'good' : 'poor'}` }, el('h2', null, t(code)),
    el('p', { class: 'state' }, el('b', null, t(good ? 'ui_health_good' : 'ui_health_poor')), ' ', words),
    more.filter(Boolean).map((line) => (line instanceof Node ? line : el('p', { class: 'soft' }, line))));
}

function listTile(list) {
  if (!list) return tile('ui_health_list', false, t('ui_health_none'));
  return tile('ui_health_list', list.state === 'current', of('list', list.state), t('ui_health_revision', { n: list.revision }),
    list.signed_at && t('ui_health_signed', { age: age(list.signed_at) }),
    list.current_until && t('ui_health_current_until', { time: moment(list.current_until) }));
}

function clockTile(clock) {
  if (!clock) return tile('ui_health_clock', false, t('ui_health_none'));
  return tile('ui_health_clock', Boolean(clock.trusted), t(clock.trusted ? 'ui_health_clock_true' : 'ui_health_clock_doubt'),
    t('ui_health_clock_source', { source: of('clock', clock.source) || '–', ms: clock.offset_ms ?? 0 }));
}

function uplinkTile(uplink) {
  const good = Boolean(uplink?.connected);
  return tile('ui_health_uplink', good, t(good ? 'ui_health_linked' : 'ui_health_not_linked'),
    uplink?.detail && alarmDetail(uplink.detail));
}

function journalTile(journal) {
  const waits = (journal?.head ?? 0) - (journal?.confirmed ?? 0);
  return tile('ui_health_journal', Boolean(journal?.healthy), t('ui_health_journal_head', { n: journal?.head ?? 0 }),
    t('ui_health_journal_waits', { n: Math.max(0, waits) }));
}

function diskTile(disk) {
  if (!disk) return tile('ui_health_disk', false, t('ui_health_none'));
  const good = disk.reserve_bytes >= disk.reserve_wanted_bytes;
  return tile('ui_health_disk', good, t('ui_health_disk_free', { free: (disk.free_bytes / GIB).toFixed(1), size: (disk.size_bytes / GIB).toFixed(1) }),
    !good && t('ui_health_disk_reserve'));
}

function matchdTile(matchd) {
  const sources = (matchd?.sources ?? []).map((source) => joinedPairs(source));
  return tile('ui_health_matchd', Boolean(matchd?.connected), t(matchd?.connected ? 'ui_health_runs' : 'ui_health_away'), ...sources);
}

/* Figures a technician compares with the manual: names as the box gives them. */
function joinedPairs(object) {
  return Object.entries(object).filter(([, value]) => value !== undefined && typeof value !== 'object').slice(0, 6)
    .map(([name, value]) => `${name} ${value}`).join(' · ');
}

/* A line of a table: name, whether it answers, what is likely wrong, figures. */
function deviceLine(name, answers, more, figures) {
  return el('li', { class: 'line' }, el('b', null, name), ' · ',
    el('span', { class: answers ? 'ok-line' : 'bad' }, t(answers ? 'ui_health_answers' : 'ui_health_silent')),
    more && ` · ${more}`, el('span', { class: 'soft' }, ` · ${figures}`));
}

function tableOf(code, lines) {
  return lines.length > 0 && el('section', { class: 'panel' }, el('h2', null, t(code)), el('ul', { class: 'plain-list tight' }, lines));
}

/* A bus answers as its devices do; one without a device has nothing to ask. */
function busLines(bus) {
  const { bus: name, devices = [], cause } = bus;
  const first = deviceLine(name, devices.length > 0 && devices.every((one) => one.contact), pick(cause),
    joinedPairs({ scans: bus.scans, scans_failed: bus.scans_failed, late_scans: bus.late_scans, connects: bus.connects }));
  return [first, ...devices.map((one) => deviceLine(`${name} / ${one.device}`, one.contact,
    joined([t('ui_lane_n', { n: one.lane }), one.model, one.refused]),
    joinedPairs({ good: one.good, timeouts: one.timeouts, corrupt: one.corrupt, p99_us: one.p99_us })))];
}

function cameraLine(camera) {
  const { camera: id, lane, kind, contact, ...figures } = camera;
  return deviceLine(`${id}`, contact, joined([t('ui_lane_n', { n: lane }), kind]), joinedPairs(figures));
}

function draw(node, status) {
  const alarms = status.alarms ?? [];
  fill(node,
    el('section', { 'aria-label': t('ui_health_alarms') }, el('h2', null, t('ui_health_alarms_n', { n: alarms.length })),
      alarms.length ? el('ul', { class: 'plain-list' }, alarms.map(alarmItem)) : el('p', { class: 'ok-line' }, t('ui_health_no_alarm'))),
    el('div', { class: 'tiles' }, listTile(status.list), clockTile(status.clock), uplinkTile(status.uplink), journalTile(status.journal),
      diskTile(status.disk), matchdTile(status.matchd)),
    tableOf('ui_health_buses', (status.buses ?? []).flatMap(busLines)), tableOf('ui_health_cameras', (status.cameras ?? []).map(cameraLine)));
}

export function render(root, params, context) {
  const said = notice();
  const body = el('div', { class: 'stack' });
  const stamp = el('p', { class: 'soft', id: 'health-age' });
  let gone = false;
  let asked = 0;
  const load = async () => {
    const mine = ++asked;
    try {
      const status = await act('status');
      if (gone || mine !== asked) return;
      Object.assign(context.keep, { status, got: Date.now() });
      draw(body, status);
      said.say('');
      tell();
    } catch (error) {
      if (!gone) said.fail(error);
    }
  };
  const tell = () => setText(stamp, context.keep.got ? t('ui_health_age', { span: span(Date.now() - context.keep.got) }) : '');
  root.append(el('div', { class: 'page-head' }, el('h1', null, t(title)),
    el('button', { type: 'button', class: 'button', onclick: load }, t('ui_health_refresh'))), stamp, said, body);
  if (context.keep.status) draw(body, context.keep.status);
  tell();
  load();
  const timer = setInterval(load, REFRESH_MS);
  const ticking = setInterval(tell, 1000);
  const again = atMostEvery(EVERY_MS, load);
  const stop = subscribe((topics) => TOPICS.some((topic) => topics.has(topic)) && again.ask());
  return () => {
    gone = true;
    again.stop();
    clearInterval(timer);
    clearInterval(ticking);
    stop();
  };
}

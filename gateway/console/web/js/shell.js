/* What stands around every page: bar, rail, banners, run-through. */
import { el, fill, fillKeyed } from './dom.js';
import { icon } from './icons.js';
import { t, lang, setLang, of } from './words.js';
import { theme, themeWords, toggleTheme } from './theme.js';
import { boxNow, clock, date, joined, moment } from './time.js';
import { keep, kept } from './kept.js';
import { state, subscribe, seenRun, isUnanswered, isQuiet, isRisk, onEvent } from './state.js';
import { act } from './api.js';
import { pagesOf } from './pages.js';
import { soundState, enableSound, toggleMute } from './sound.js';
import { dialog, holdButton, notice } from './widgets.js';
import { firstWaiting } from './alert-list.js';
import { callWords, categoryWords, listedPlate, matchWords, priorityWords } from './hit-words.js';
import { plate } from './plate.js';

const MESSAGE_STANDS_MS = 12 * 3600 * 1000;
const MESSAGES_READ_MAX = 64;
const NOT_BY_CHANCE_MS = 700; /* what covers the screen unasked is not pressed away by a hand already on its way */
const HELP_MS = 600;

const part = (id) => document.getElementById(id);
let current = 'signin';

/* rows: [key, what it shows, draw]. What shows the same stays, under the finger and with the focus. */
function keepRows(node, rows) {
  fillKeyed(node, rows.filter(Boolean), {
    key: ([key]) => key, version: ([, shows]) => JSON.stringify([lang(), shows]), draw: ([, , draw]) => draw(),
  });
}

export function say(text) {
  part('say').textContent = text;
}

/* For what must be heard at once. */
export function call(text) {
  part('call').textContent = text;
}

/* ---- bar ---- */

const linkLook = {
  live: ['ok', 'link', 'ui_link_live'],
  loading: ['wait', 'link', 'ui_link_loading'],
  again: ['wait', 'cut', 'ui_link_again'],
  lost: ['bad', 'cut', 'ui_link_lost'],
  gone: ['bad', 'cut', 'ui_link_gone'],
};

function linkChip() {
  const [kind, picture, words] = linkLook[state.link] ?? linkLook.loading;
  return el('span', { class: `chip ${kind}`, id: 'link', role: 'img', 'aria-label': t(words) }, icon(picture), el('span', { class: 'wide-only' }, t(words)));
}

function soundButton() {
  const sound = soundState();
  const words = { off: 'ui_sound_off', on: 'ui_sound_on', muted: 'ui_sound_muted' }[sound];
  return el('button', {
    type: 'button', class: `bar-button ${sound === 'on' ? '' : 'warn'}`, id: 'sound', title: t(words), 'aria-label': t(words),
    onclick: () => (sound === 'off' ? enableSound() : toggleMute()),
  }, icon(sound === 'on' ? 'sound' : 'silent'));
}

/* From a tablet that stands at one lane, that lane's. */
function callHelp() {
  const lanes = state.session?.lanes ?? [];
  return act('help', lanes.length === 1 ? { lane: lanes[0] } : {});
}

/* `error`: why a call did not get through. */
function askHelp(error) {
  if (document.querySelector('dialog[open].calls-help')) return;
  const said = notice();
  let close = () => {};
  const button = holdButton({
    label: t('ui_help_send'), ms: HELP_MS, cls: 'danger wide', iconName: 'help',
    run: async () => {
      try {
        await callHelp();
        close();
        call(t('ui_help_sent'));
      } catch (why) {
        said.fail(why);
      }
    },
  });
  close = dialog({ title: t('ui_help'), cls: 'calls-help', body: el('div', { class: 'stack' }, button, said) });
  if (error) said.fail(error);
  button.focus();
}

/* One touch, held, and everybody knows; a short one asks. */
function helpButton(more) {
  return holdButton({
    label: t('ui_help'), ms: HELP_MS, iconName: 'help', tap: () => askHelp(), title: t('ui_help_send'), ...more,
    run: () => {
      call(t('ui_working'));
      callHelp().then(() => call(t('ui_help_sent')), askHelp); /* not waited for: on a dead link it may be held again */
    },
  });
}

const mayHelp = () => ['officer', 'leader', 'auxiliary'].includes(state.session?.role);

let helpDrawn = '';

/* Stays while the bar is drawn anew: it may be under a finger. */
function drawHelp() {
  const stamp = mayHelp() ? lang() : '';
  if (stamp === helpDrawn) return;
  helpDrawn = stamp;
  fill(part('bar-help'), stamp && helpButton({ cls: 'bar-button help', id: 'help', keys: 'Alt+0' }));
}

function personLink() {
  const { name, officer, role } = state.session;
  return el('a', {
    class: 'bar-button person', href: '#/account',
    title: `${t('ui_signed_on_as', { name: name ?? officer, role: of('role', role) })}, ${t('ui_page_account')}`,
  }, icon('person'), el('span', { class: 'wide-only who' }, el('b', null, name ?? officer), ' ', el('small', null, of('role', role))));
}

function themeButton() {
  return el('button', {
    type: 'button', class: 'bar-button', 'aria-label': themeWords(), title: themeWords(), id: 'theme', onclick: toggleTheme,
  }, icon(theme() === 'day' ? 'night' : 'day'));
}

function languageButton() {
  return el('button', {
    type: 'button', class: 'bar-button words', id: 'language', lang: lang() === 'zh' ? 'en' : 'zh',
    onclick: () => setLang(lang() === 'zh' ? 'en' : 'zh'),
  }, t('ui_language'));
}

function drawBar() {
  const { session, place } = state;
  drawHelp();
  keepRows(part('bar-parts'), [
    ['brand', place?.name, () => el('span', { class: 'brand' }, icon('lanes'), el('b', { class: 'wide-only' }, place?.name ?? t('ui_title')))],
    session && ['link', state.link, linkChip],
    ['now', '', () => el('span', { class: 'now', id: 'now' })],
    ['space', '', () => el('span', { class: 'grow' })],
    ['sound', soundState(), soundButton],
    ['theme', theme(), themeButton],
    ['language', '', languageButton],
    session && ['person', [session.name, session.officer, session.role], personLink],
  ]);
  tick();
}

function tick() {
  const now = part('now');
  if (!now) return;
  const text = clock(boxNow());
  if (now.textContent !== text) now.textContent = text;
  now.title = date(boxNow());
}

/* ---- rail ---- */

function waiting() {
  let count = 0;
  for (const hit of state.hits.values()) if (isUnanswered(hit) && !isQuiet(hit)) count++;
  return count;
}

function drawCount() {
  const node = part('nav').querySelector('.count');
  const count = String(waiting());
  if (!node || node.textContent === count) return;
  node.textContent = count;
  node.hidden = count === '0';
  node.setAttribute('aria-label', t('ui_unanswered_n', { n: count }));
}

let navDrawn = '';

function drawNav() {
  const nav = part('nav');
  const list = state.session ? pagesOf(state.session.role) : [];
  const stamp = [lang(), current, state.session?.role].join(' ');
  if (stamp === navDrawn) {
    drawCount();
    return;
  }
  navDrawn = stamp;
  nav.hidden = list.length === 0;
  nav.setAttribute('aria-label', t('ui_pages'));
  fill(nav, list.map((page, index) => el('a', {
    href: `#/${page.name}`, 'aria-current': page.name === current ? 'page' : null, 'aria-keyshortcuts': `Alt+${index + 1}`,
  }, icon(page.name), el('span', null, t(`ui_page_${page.name}`)), el('kbd', { 'aria-hidden': 'true' }, `Alt ${index + 1}`),
  page.name === 'alerts' && el('b', { class: 'count', hidden: true }))));
  drawCount();
}

export function setCurrent(name) {
  current = name;
  drawNav();
  drawBanners();
}

/* ---- banners ---- */

function bannerOf(kind, picture, head, why, ...more) {
  return el('div', { class: `banner ${kind}`, role: kind === 'bad' ? 'alert' : 'status' }, icon(picture),
    el('p', null, el('b', null, head), ' ', why), more);
}

function endHelp(one) {
  const said = notice();
  const end = async (code) => {
    try {
      await act('help_end', { help: one.id, reason: t(code) });
      close();
    } catch (error) {
      said.fail(error);
    }
  };
  const close = dialog({ title: t('ui_help_end'), body: el('div', { class: 'stack' }, ['ui_help_end_safe', 'ui_help_end_mistake'].map((code) => el('button', {
    type: 'button', class: 'button wide', onclick: () => end(code),
  }, t(code))), said) });
}

/* Who called, or a leader, ends a call for help. */
function helpCall(one, mayEnd) {
  return bannerOf('bad', 'help', t(one.lane ? 'ui_help_from' : 'ui_help_from_booth', { name: one.name ?? one.officer, lane: one.lane }),
    clock(one.since), mayEnd && el('button', { type: 'button', class: 'button', onclick: () => endHelp(one) }, t('ui_help_end')));
}

function helpRows() {
  const { role, officer } = state.session ?? {};
  return (state.duty?.help ?? []).filter((one) => !one.ended_by).map((one) => {
    const mayEnd = role === 'leader' || one.officer === officer;
    return [`help-${one.id}`, [one, mayEnd], () => helpCall(one, mayEnd)];
  });
}

/* While a dangerous vehicle is dealt with, everybody is asked at times whether all is well. */
function wellBanner(well) {
  const late = well.state === 'missed';
  const kind = { runs: 'calm', asked: 'warn', missed: 'bad' }[well.state] ?? 'warn';
  const said = notice();
  return bannerOf(kind, 'person', t(late ? 'ui_well_missed' : 'ui_well_due', { time: clock(well.due) }), '', said,
    el('button', { type: 'button', class: 'button', id: 'well', onclick: () => act('well').then(() => said.say(''), said.fail) }, t('ui_well_say')));
}

/* On every page but the alerts': what waits to be signed for. On a phone a card covers the list. */
function hitOfStrip() {
  const inList = current === 'alerts' && !matchMedia('(max-width: 760px)').matches;
  const hit = state.session && !inList ? firstWaiting() : null;
  return hit && location.hash !== `#/alerts/${hit.hit}` ? hit : null;
}

function waitingStrip(hit) {
  return el('a', { class: `banner strip p${hit.entry?.priority ?? 3}`, href: `#/alerts/${hit.hit}` }, icon('alerts'),
    plate({ text: listedPlate(hit), cls: hit.entry?.class ?? '', small: true }),
    el('span', null, isRisk(hit) && el('b', { class: 'bad' }, `⚠ ${t('ui_risk_alone')} `), el('b', null, `${priorityWords(hit)} ${categoryWords(hit)} ${matchWords(hit)}`), ' ', t('ui_lane_n', { n: hit.lane }), ' ', clock(hit.time)),
    el('span', { class: 'button' }, t('ui_open')));
}

const readOnes = () => (kept('messages_read') ?? '').split(' ').filter(Boolean);

/* Until somebody at this tablet says that it was read, or a shift has gone by. */
function messageRows() {
  const read = readOnes();
  return state.messages.filter((one) => !read.includes(String(one.number)) && boxNow() - new Date(one.signed_at) < MESSAGE_STANDS_MS)
    .map((one) => [`message-${one.number}`, one, () => bannerOf('calm', 'info', t('ui_message_from', { name: one.signed_by }),
      joined([one.said?.lane && t('ui_lane_n', { n: one.said.lane }), one.said?.text, moment(one.signed_at)]),
      el('button', { type: 'button', class: 'button', onclick: () => {
        keep('messages_read', [...readOnes(), one.number].slice(-MESSAGES_READ_MAX).join(' '));
        drawBanners();
      } }, t('ui_message_read')))]);
}

function soundBanner() {
  return el('button', { type: 'button', class: 'banner warn', onclick: enableSound }, icon('silent'),
    el('span', null, el('b', null, t('ui_sound_enable')), ' ', el('span', { class: 'wide-only' }, t('ui_sound_why'))));
}

function drawBanners() {
  const hit = hitOfStrip();
  const { link, session } = state;
  const well = ['officer', 'leader', 'auxiliary'].includes(session?.role) && state.duty?.well;
  keepRows(part('banners'), [
    hit && ['strip', [hit.hit, callWords(hit), hit.entry?.class, hit.time], () => waitingStrip(hit)],
    link === 'lost' && ['link', link, () => bannerOf('bad', 'cut', t('ui_link_lost'), t('ui_link_lost_why'))],
    link === 'gone' && ['link', link, () => bannerOf('bad', 'cut', t('ui_link_gone'), t('ui_link_gone_why'))],
    ...helpRows(),
    ...(session ? messageRows() : []),
    well && ['well', well, () => wellBanner(well)],
    session && soundState() === 'off' && ['sound', '', soundBanner],
  ]);
}

/* ---- run-through: red, whole screen ---- */

let runBox = null;
let runShown = null;

/* The number in one piece, however narrow the screen. */
function numberWords(number) {
  const [before, after] = t('ui_call_hq', { number: '\n' }).split('\n');
  return [before, el('span', { class: 'number' }, number), after];
}

function runDialog(run) {
  const number = state.place?.phone;
  const seen = el('button', { type: 'button', class: 'button seen', disabled: true, onclick: () => seenRun(run) }, t('ui_run_through_seen'));
  const box = el('dialog', { class: 'run', 'aria-labelledby': 'run-head' },
    el('h1', { id: 'run-head', tabindex: -1, autofocus: true }, icon('help'), t('ui_run_through')),
    el('p', { class: 'huge' }, t('ui_run_through_lane', { n: run.lane })),
    el('p', { class: 'huge' }, number ? numberWords(number) : t('ui_call_hq_unknown')),
    el('p', null, clock(run.time)), seen, ' ', mayHelp() && helpButton({ cls: 'help' }));
  setTimeout(() => {
    seen.disabled = false;
    if (box === runBox && document.activeElement?.id === 'run-head') seen.focus(); /* not away from a hand that calls for help */
  }, NOT_BY_CHANCE_MS);
  box.addEventListener('cancel', (event) => seen.disabled && event.preventDefault());
  box.addEventListener('close', () => {
    box.remove();
    if (box === runBox) seenRun(run);
  });
  return box;
}

/* One after the other: of two lanes run through, each is seen. */
function drawRuns() {
  const run = state.runs[0] ?? null;
  if (run === runShown) return;
  const before = runBox;
  runShown = run;
  runBox = run && runDialog(run);
  before?.close();
  before?.remove();
  if (!run) return;
  part('over').append(runBox);
  runBox.showModal();
  call(`${t('ui_run_through')} ${t('ui_run_through_lane', { n: run.lane })}`);
}

/* ---- together ---- */

export function drawShell() {
  say(''); /* was in the language before */
  call('');
  document.title = t('ui_title');
  document.documentElement.lang = lang() === 'zh' ? 'zh-CN' : 'en';
  part('skip').textContent = t('ui_skip');
  part('banners').setAttribute('aria-label', t('ui_banners'));
  drawBar();
  drawNav();
  drawBanners();
}

/* A key that is still held presses nothing else: what stands where a dialog was, or the same form again. */
function heldKeys(event) {
  if (!event.repeat || (event.key !== 'Enter' && event.key !== ' ')) return;
  if (event.key === 'Enter' || !event.target.matches?.('input[type="text"], input[type="password"], textarea')) event.preventDefault();
}

export function startShell() {
  drawShell();
  addEventListener('keydown', heldKeys, true);
  part('skip').addEventListener('click', (event) => {
    event.preventDefault(); /* the address is the router's */
    part('page').focus();
  });
  setInterval(tick, 500);
  subscribe((topics) => {
    if (['session', 'link', 'sound', 'place', 'theme', 'board'].some((topic) => topics.has(topic))) drawBar();
    if (['session', 'hits', 'board'].some((topic) => topics.has(topic))) drawNav();
    if (['session', 'hits', 'link', 'sound', 'duty', 'messages', 'board'].some((topic) => topics.has(topic))) drawBanners();
    if (topics.has('runs')) drawRuns();
  });
  addEventListener('hashchange', drawBanners);
  onEvent((event) => {
    if (event.event === 'hit' && !isQuiet(event)) call(callWords(event));
  });
  addEventListener('keydown', (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey || event.repeat || !/^[0-9]$/.test(event.key)) return;
    const page = state.session && !document.querySelector('dialog[open]') && pagesOf(state.session.role)[Number(event.key) - 1];
    if (event.key === '0' && part('help')) askHelp();
    else if (page) location.hash = `#/${page.name}`;
    else return;
    event.preventDefault();
  });
}

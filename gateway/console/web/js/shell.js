/* What stands around every page: bar, rail, banners, run-through. */
import { el, fill } from './dom.js';
import { icon } from './icons.js';
import { t, lang, setLang, of } from './words.js';
import { theme, setTheme } from './theme.js';
import { boxNow, clock, date } from './time.js';
import { state, subscribe, seenRuns, isUnanswered, isQuiet, isRisk, onEvent } from './state.js';
import { act } from './api.js';
import { pagesOf } from './pages.js';
import { soundState, enableSound, toggleMute } from './sound.js';
import { dialog, holdButton, notice, whyRefused } from './widgets.js';
import { firstWaiting } from './alert-list.js';
import { callWords, categoryWords, listedPlate, matchWords, priorityWords } from './hit-words.js';
import { plate } from './plate.js';

const HELP_MS = 600;

const part = (id) => document.getElementById(id);
let current = 'signin';

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
  return el('span', { class: `chip ${kind}`, id: 'link' }, icon(picture), el('span', { class: 'wide-only' }, t(words)));
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
  close = dialog({ title: t('ui_help'), body: el('div', { class: 'stack' }, button, said) });
  if (error) said.fail(error);
  button.focus();
}

/* One touch, held, and everybody knows; a short one asks. */
function helpButton(more) {
  return holdButton({
    label: t('ui_help'), ms: HELP_MS, iconName: 'help', tap: () => askHelp(), title: t('ui_help_send'), ...more,
    run: () => callHelp().then(() => call(t('ui_help_sent')), askHelp),
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

function person() {
  if (!state.session) return null;
  const { name, officer, role } = state.session;
  return el('a', {
    class: 'bar-button person', href: '#/account',
    title: `${t('ui_signed_on_as', { name: name ?? officer, role: of('role', role) })}, ${t('ui_page_account')}`,
  }, icon('person'), el('span', { class: 'wide-only who' }, el('b', null, name ?? officer), ' ', el('small', null, of('role', role))));
}

function drawBar() {
  drawHelp();
  fill(part('bar-parts'),
    el('span', { class: 'brand' }, icon('lanes'), el('b', { class: 'wide-only' }, state.place?.name ?? t('ui_title'))),
    state.session && linkChip(),
    el('span', { class: 'now', id: 'now' }),
    el('span', { class: 'grow' }),
    soundButton(),
    el('button', {
      type: 'button', class: 'bar-button', 'aria-label': t(theme() === 'day' ? 'ui_to_night' : 'ui_to_day'),
      title: t(theme() === 'day' ? 'ui_to_night' : 'ui_to_day'), id: 'theme',
      onclick: () => {
        setTheme(theme() === 'day' ? 'night' : 'day');
        drawBar();
        part('theme').focus();
      },
    }, icon(theme() === 'day' ? 'night' : 'day')),
    el('button', {
      type: 'button', class: 'bar-button words', id: 'language', lang: lang() === 'zh' ? 'en' : 'zh',
      onclick: () => {
        setLang(lang() === 'zh' ? 'en' : 'zh');
        part('language').focus();
      },
    }, t('ui_language')),
    person());
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
function helpCalls() {
  return (state.duty?.help ?? []).filter((one) => !one.ended_by).map((one) => bannerOf('bad', 'help',
    t(one.lane ? 'ui_help_from' : 'ui_help_from_booth', { name: one.name ?? one.officer, lane: one.lane }), clock(one.since),
    (state.session?.role === 'leader' || one.officer === state.session?.officer) && el('button', {
      type: 'button', class: 'button', onclick: () => endHelp(one),
    }, t('ui_help_end'))));
}

/* While a dangerous vehicle is dealt with, everybody is asked at times whether all is well. */
function wellBanner() {
  const well = state.duty?.well;
  if (!well || !['officer', 'leader', 'auxiliary'].includes(state.session?.role)) return null;
  const late = well.state === 'missed';
  const kind = { runs: 'calm', asked: 'warn', missed: 'bad' }[well.state] ?? 'warn';
  return bannerOf(kind, 'person', t(late ? 'ui_well_missed' : 'ui_well_due', { time: clock(well.due) }), '',
    el('button', {
      type: 'button', class: 'button', id: 'well', onclick: () => act('well').catch((error) => call(whyRefused(error))),
    }, t('ui_well_say')));
}

/* On every page but the alerts': what waits to be signed for. On a phone a card covers the list. */
function hitOfStrip() {
  const inList = current === 'alerts' && !matchMedia('(max-width: 760px)').matches;
  const hit = state.session && !inList ? firstWaiting() : null;
  return hit && location.hash !== `#/alerts/${hit.hit}` ? hit : null;
}

function waitingStrip() {
  const hit = hitOfStrip();
  return hit && el('a', { class: `banner strip p${hit.entry?.priority ?? 3}`, href: `#/alerts/${hit.hit}` }, icon('alerts'),
    plate({ text: listedPlate(hit), cls: hit.entry?.class ?? '', small: true }),
    el('span', null, isRisk(hit) && el('b', { class: 'bad' }, `⚠ ${t('ui_risk_alone')} `), el('b', null, `${priorityWords(hit)} ${categoryWords(hit)} ${matchWords(hit)}`), ' ', t('ui_lane_n', { n: hit.lane }), ' ', clock(hit.time)),
    el('span', { class: 'button' }, t('ui_open')));
}

let bannersDrawn = '';

function drawBanners() {
  const stamp = JSON.stringify([state.link, soundState(), state.duty?.help, state.duty?.well, state.session?.officer, lang(), hitOfStrip() && [hitOfStrip().hit, state.version]]);
  if (stamp === bannersDrawn) return;
  bannersDrawn = stamp;
  fill(part('banners'),
    waitingStrip(),
    state.link === 'lost' && bannerOf('bad', 'cut', t('ui_link_lost'), t('ui_link_lost_why')),
    state.link === 'gone' && bannerOf('bad', 'cut', t('ui_link_gone'), t('ui_link_gone_why')),
    helpCalls(),
    wellBanner(),
    state.session && soundState() === 'off' && el('button', {
      type: 'button', class: 'banner warn', onclick: enableSound,
    }, icon('silent'), el('span', null, el('b', null, t('ui_sound_enable')), ' ', el('span', { class: 'wide-only' }, t('ui_sound_why')))));
}

/* ---- run-through: red, whole screen ---- */

let runBox = null;

/* The number in one piece, however narrow the screen. */
function numberWords(number) {
  const [before, after] = t('ui_call_hq', { number: '\n' }).split('\n');
  return [before, el('span', { class: 'number' }, number), after];
}

function drawRuns() {
  const run = state.runs[0];
  if (!run) {
    runBox?.close();
    return;
  }
  runBox?.remove();
  const number = state.place?.phone;
  runBox = el('dialog', { class: 'run', 'aria-labelledby': 'run-head' },
    el('h1', { id: 'run-head' }, icon('help'), t('ui_run_through')),
    el('p', { class: 'huge' }, t('ui_run_through_lane', { n: run.lane })),
    el('p', { class: 'huge' }, number ? numberWords(number) : t('ui_call_hq_unknown')),
    el('p', null, clock(run.time)),
    el('button', { type: 'button', class: 'button seen', onclick: seenRuns }, t('ui_run_through_seen')), ' ',
    mayHelp() && helpButton({ cls: 'help' }));
  runBox.addEventListener('close', () => {
    runBox?.remove();
    runBox = null;
    if (state.runs.length) seenRuns();
  });
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
  setInterval(tick, 500);
  subscribe((topics) => {
    if (['session', 'link', 'sound', 'place', 'board'].some((topic) => topics.has(topic))) drawBar();
    if (['session', 'hits', 'board'].some((topic) => topics.has(topic))) drawNav();
    if (['session', 'hits', 'link', 'sound', 'duty', 'board'].some((topic) => topics.has(topic))) drawBanners();
    if (topics.has('runs')) drawRuns();
  });
  addEventListener('hashchange', drawBanners);
  onEvent((event) => {
    if (event.event === 'hit' && !isQuiet(event)) call(callWords(event));
  });
  addEventListener('keydown', (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey || !/^[0-9]$/.test(event.key)) return;
    const page = state.session && pagesOf(state.session.role)[Number(event.key) - 1];
    if (event.key === '0' && part('help')) askHelp();
    else if (page) location.hash = `#/${page.name}`;
    else return;
    event.preventDefault();
  });
}

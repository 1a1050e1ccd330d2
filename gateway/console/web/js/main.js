/* Starts the console: who is signed on, the stream, and which page stands on screen. */
import { el, fill } from './dom.js';
import { Refused, act, currentSession, endSignOff, resume, sessionGone, signsOff, watchSession } from './api.js';
import { startStream, listen, stopListening } from './stream.js';
import { state, put, subscribe, takeBoard, takeEvent, touch, forget, onEvent } from './state.js';
import { t, lang, onLang } from './words.js';
import { startTheme } from './theme.js';
import { pages } from './pages.js';
import { startSound } from './sound.js';
import { closeDialogs } from './widgets.js';
import { startShell, drawShell, setCurrent, say, call } from './shell.js';
import * as signin from './pages/signin.js';

const root = document.getElementById('page');
const AGAIN_MS = 2000;
const pause = () => new Promise((done) => setTimeout(done, AGAIN_MS));
const keepers = new Map(); /* a page's own memory over language switches and visits */
let shown = { name: null, cleanup: () => {} };

function route() {
  const [name, ...params] = location.hash.replace(/^#\//, '').split('/');
  return { name, params };
}

export function go(hash) {
  if (location.hash === hash) draw();
  else location.hash = hash;
}

/* `opened`: not drawn anew where it stood. */
function contextOf(name, opened) {
  if (!keepers.has(name)) keepers.set(name, {});
  return { state, t, lang, go, say, call, act, session: state.session, subscribe, onEvent, opened, keep: keepers.get(name) };
}

/* The page of that name, or the first of whoever is signed on; the alerts' stays while their officer's session is gone. */
async function moduleOf(name) {
  const { role } = state.session ?? state.sessionEnded ?? {};
  const page = pages.find((one) => one.name === name) ?? pages.find((one) => one.roles.includes(role));
  const may = page?.roles.includes(role);
  if (!state.session && !(may && page.name === 'alerts')) return { name: 'signin', module: signin };
  if (!may) return { name, module: null, why: 'ui_not_your_page' };
  const module = await page.load();
  if (page.name !== 'alerts') await Promise.race([codesAsked, pause()]); /* whose choices a form is made of */
  return { name: page.name, module };
}

let codesAsked = Promise.resolve(); /* answered once, or refused */
let drawing = 0;

async function draw() {
  const mine = ++drawing;
  const { name: asked, params } = route();
  const { name, module, why } = await moduleOf(asked).catch((error) => {
    console.error(error);
    return { name: asked, module: null, why: 'ui_page_missing' };
  });
  if (mine !== drawing) return;
  const moved = shown.name !== name;
  const other = root.className !== `page-${name}`; /* not the same in another language */
  if (!moved && module?.update?.(params)) return;
  shown.cleanup();
  fill(root);
  root.className = `page-${name}`;
  if (other) root.scrollTop = 0;
  setCurrent(name);
  shown = { name, cleanup: () => {} };
  if (!module) {
    const first = pages.find((one) => one.roles.includes(state.session?.role));
    root.append(el('section', { class: 'panel stack' }, el('h1', null, t(why)),
      why === 'ui_not_your_page' && first ? el('a', { class: 'button', href: `#/${first.name}` }, t(`ui_page_${first.name}`))
        : el('button', { type: 'button', class: 'button', onclick: () => location.reload() }, t('ui_reload'))));
    return;
  }
  shown.cleanup = module.render(root, params, contextOf(name, other)) ?? (() => {});
  if (moved) {
    document.title = `${t(module.title)} · ${t('ui_title')}`;
    const at = document.activeElement;
    if (!root.contains(at) && (other || at === document.body)) root.focus({ preventScroll: true });
  }
}

/* Without update(): draws all anew, as a language switch needs. */
function redraw() {
  shown.name = null;
  drawShell();
  return draw();
}

/* The tables of codes; asked for until they are there. A page that did not wait so long is drawn again. */
async function loadCodes(session, began = performance.now()) {
  try {
    const answer = await act('codes');
    put('codes', answer.tables ?? answer);
    if (performance.now() - began >= AGAIN_MS) redraw();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    pause().then(() => sameSession(session, state.session) && loadCodes(session, began));
  }
}

/* Until the box has heard of a sign-off, or somebody has signed on. */
async function signOffAgain() {
  while (signsOff()) {
    await pause();
    await endSignOff().catch((error) => {
      if (!(error instanceof Refused)) throw error;
    });
  }
  touch('signoff');
}

const sameSession = (one, other) => one && other && JSON.stringify([one.officer, one.role, one.csrf]) === JSON.stringify([other.officer, other.role, other.csrf]);

function onSession(session, why) {
  const before = state.session ?? state.sessionEnded;
  const same = sameSession(state.session, session);
  state.session = session;
  if (same) return; /* asked again because the stream was refused: what is begun on screen stays */
  closeDialogs();
  if (!session) stopListening();
  if (session) {
    if (before && before.officer !== session.officer) {
      keepers.clear(); /* what one officer began is not another's */
      forget();
    }
    state.sessionEnded = null;
    listen(why !== 'resume');
    codesAsked = loadCodes(session);
  } else if (why === 'logout' || why === 'none') {
    state.sessionEnded = null;
    keepers.clear();
    forget();
    signOffAgain();
  } else {
    state.sessionEnded = before;
  }
  touch('session');
  redraw();
  if (state.sessionEnded) call(t('ui_session_ended'));
}

async function begin() {
  startTheme();
  startShell();
  startSound();
  startStream({
    board: takeBoard,
    event: takeEvent,
    link: (link) => put('link', link),
    refused: () => resume().catch(() => {}) /* unreachable: the stream goes on trying */,
  });
  watchSession(onSession);
  onLang(redraw);
  onEvent((event) => {
    if (event.event === 'session_ended' && event.officer === currentSession()?.officer) resume().catch(() => sessionGone('ended'));
  });
  addEventListener('hashchange', draw);
  for (;;) {
    try {
      await endSignOff();
      await resume();
      break;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      put('link', 'lost');
      await pause();
    }
  }
}

begin();

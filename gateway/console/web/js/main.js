/* Starts the console: who is signed on, the stream, and which page stands on screen. */
import { el, fill } from './dom.js';
import { act, currentSession, resume, sessionGone, watchSession } from './api.js';
import { startStream, listen, stopListening } from './stream.js';
import { state, put, subscribe, takeBoard, takeEvent, touch, forget, onEvent } from './state.js';
import { t, lang, onLang } from './words.js';
import { startTheme } from './theme.js';
import { pages } from './pages.js';
import { startSound } from './sound.js';
import { startShell, drawShell, setCurrent, say, call } from './shell.js';
import * as signin from './pages/signin.js';

const root = document.getElementById('page');
const keepers = new Map(); /* a page's own memory over language switches and visits */
let shown = { name: null, cleanup: () => {} };

function route() {
  const [name, ...params] = location.hash.replace(/^#\//, '').split('/').map(decodeURIComponent);
  return { name: name || 'alerts', params };
}

export function go(hash) {
  if (location.hash === hash) draw();
  else location.hash = hash;
}

function contextOf(name) {
  if (!keepers.has(name)) keepers.set(name, {});
  return { state, t, lang, go, say, call, act, session: state.session, subscribe, onEvent, keep: keepers.get(name) };
}

/* The page that stays on screen while its officer's session is gone. */
function staysSignedOff(name) {
  return name === 'alerts' && Boolean(state.sessionEnded);
}

async function moduleOf(name) {
  if (!state.session && !staysSignedOff(name)) return { name: 'signin', module: signin };
  const page = pages.find((one) => one.name === name);
  if (!page) return { name: 'alerts', module: await pages[0].load() };
  const role = state.session?.role ?? state.sessionEnded?.role;
  if (!page.roles.includes(role)) return { name, module: null, why: 'ui_not_your_page' };
  return { name, module: await page.load() };
}

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
    root.append(el('section', { class: 'panel' }, el('h1', null, t(why)),
      el('button', { type: 'button', class: 'button', onclick: () => location.reload() }, t('ui_reload'))));
    return;
  }
  shown.cleanup = module.render(root, params, contextOf(name)) ?? (() => {});
  if (moved) {
    document.title = `${t(module.title)} · ${t('ui_title')}`;
    if (!root.contains(document.activeElement)) root.focus({ preventScroll: true });
  }
}

/* Without update(): draws all anew, as a language switch needs. */
function redraw() {
  shown.name = null;
  drawShell();
  return draw();
}

async function loadCodes() {
  const answer = await act('codes').catch(() => null);
  if (answer) put('codes', answer.tables ?? answer);
}

function onSession(session, why) {
  const before = state.session ?? state.sessionEnded;
  state.session = session;
  if (!session) stopListening();
  if (session) {
    if (before && before.officer !== session.officer) {
      keepers.clear(); /* what one officer began is not another's */
      forget();
    }
    state.sessionEnded = null;
    listen(why !== 'resume');
    loadCodes();
  } else if (why === 'logout' || why === 'none') {
    state.sessionEnded = null;
    keepers.clear();
    forget();
  } else {
    state.sessionEnded = before;
    call(t('ui_session_ended'));
  }
  touch('session');
  redraw();
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
      await resume();
      break;
    } catch {
      put('link', 'lost');
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
}

begin();

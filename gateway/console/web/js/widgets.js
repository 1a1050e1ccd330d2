/* Parts every page is made of: hold-to-confirm, big choices, second person, notices. All work by touch,
 * mouse and keyboard, and carry their names in the accessibility tree. */
import { el, fill } from './dom.js';
import { icon } from './icons.js';
import { t, has, pick } from './words.js';

let numbers = 0;

export function newId(stem) {
  numbers += 1;
  return `${stem}-${numbers}`;
}

/* Why a call was refused, in the language on screen. */
export function whyRefused(error) {
  if (error.code === 'unreachable') return t('ui_unreachable');
  return pick(error) || (has(`refused_${error.code}`) ? t(`refused_${error.code}`) : error.code) || String(error);
}

/* A button that acts after it was held for `ms`: by pointer, or by Space or Enter. Letting go early (but for what `tap`
 * does), another window or tab in front, or a button that is gone meanwhile do nothing. `run` may answer a promise: the
 * button waits for it. */
export function holdButton({ label, ms = 1200, run, tap = () => {}, cls = '', name = null, iconName = null, keys = null, disabled = false, ...more }) {
  const bar = el('span', { class: 'hold-bar', 'aria-hidden': 'true' });
  const button = el('button', {
    type: 'button', class: `button hold ${cls}`, disabled, 'aria-label': name, 'aria-keyshortcuts': keys,
    'aria-description': t('ui_hold_to_do', { s: ms / 1000 }), ...more,
  }, bar, iconName && icon(iconName), el('span', { class: 'hold-words' }, label,
    el('small', null, t('ui_hold_to_do', { s: ms / 1000 }))));
  let began = 0;
  let frame = 0;
  let busy = false;
  const draw = () => {
    const part = Math.min((performance.now() - began) / ms, 1);
    bar.style.transform = `scaleX(${part})`;
    if (part < 1) frame = requestAnimationFrame(draw);
  };
  let timer = 0;
  const stop = () => {
    removeEventListener('blur', stop);
    document.removeEventListener('visibilitychange', stop);
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    bar.style.transform = 'scaleX(0)';
    button.classList.remove('held');
    timer = 0;
  };
  const start = () => {
    if (timer || busy || button.disabled) return;
    began = performance.now();
    button.classList.add('held');
    addEventListener('blur', stop);
    document.addEventListener('visibilitychange', stop);
    frame = requestAnimationFrame(draw);
    timer = setTimeout(async () => {
      stop();
      if (!button.isConnected || button.disabled) return;
      busy = true;
      button.setAttribute('aria-busy', 'true');
      try {
        await run();
      } finally {
        busy = false;
        button.removeAttribute('aria-busy');
      }
    }, ms);
  };
  const letGo = () => {
    const early = timer !== 0;
    stop();
    if (early) tap();
  };
  button.addEventListener('pointerdown', (event) => event.button === 0 && start());
  button.addEventListener('pointerup', letGo);
  for (const end of ['pointerleave', 'pointercancel', 'blur']) button.addEventListener(end, stop);
  button.addEventListener('contextmenu', (event) => event.preventDefault());
  button.addEventListener('keydown', (event) => {
    if (event.key !== ' ' && event.key !== 'Enter') return;
    event.preventDefault();
    if (!event.repeat) start();
  });
  button.addEventListener('keyup', (event) => (event.key === ' ' || event.key === 'Enter') && letGo());
  return button;
}

/* One of several, as large buttons: rows of {code, label}. The chosen one stands in .value. */
export function choices({ legend, rows, value = null, onchange = () => {}, cls = '' }) {
  const group = newId('choice');
  const set = el('fieldset', { class: `choices ${cls}` }, el('legend', null, legend),
    rows.map((row) => el('label', { class: 'choice' },
      el('input', {
        type: 'radio', name: group, value: row.code, checked: row.code === value,
        onchange: () => {
          set.value = row.code;
          onchange(row.code);
        },
      }), el('span', null, row.label))));
  set.value = value;
  return set;
}

/* Rows of a code table of the box, in words. */
export function codeRows(table) {
  return (table ?? []).map((row) => ({ code: row.code, label: pick(row) }));
}

export function field({ label, type = 'text', value = '', cls = '', oninput = null, ...more }) {
  const id = newId('field');
  const input = el('input', { id, type, value, oninput, autocomplete: 'off', spellcheck: 'false', ...more });
  const node = el('div', { class: `field ${cls}` }, el('label', { for: id }, label), input);
  node.input = input;
  return node;
}

/* A field whose words outlive a look at another page and a switch of the language. Never a PIN. */
export function keptField(keep, name, more) {
  return field({ ...more, value: keep[name] ?? more.value ?? '', oninput: (event) => (keep[name] = event.target.value) });
}

/* Another officer's number and PIN, for args.second. */
export function secondPerson(legend = t('ui_second_person')) {
  const number = field({ label: t('ui_second_number'), inputmode: 'numeric', maxlength: 32 });
  const pin = field({ label: t('ui_second_pin'), type: 'password', inputmode: 'numeric', maxlength: 64 });
  const node = el('fieldset', { class: 'second' }, el('legend', null, legend), number, pin);
  node.read = () => (number.input.value && pin.input.value
    ? { officer: number.input.value.trim(), password: pin.input.value } : null);
  node.clear = () => {
    pin.input.value = '';
  };
  return node;
}

/* A line that says how something went; filled with .say(text, kind), kind ok, bad or wait. */
export function notice() {
  const node = el('p', { class: 'notice', role: 'status' });
  node.say = (text, kind = 'wait') => {
    node.dataset.kind = kind;
    fill(node, text && icon(kind === 'ok' ? 'yes' : kind === 'bad' ? 'no' : 'clock'), text);
  };
  node.fail = (error) => node.say(t('ui_failed', { why: whyRefused(error) }), 'bad');
  return node;
}

/* A modal box; focus stays in it and goes back where it came from. Answers close(). */
export function dialog({ title, body, cls = '', onclose = () => {} }) {
  const head = newId('dialog');
  const box = el('dialog', { class: `dialog ${cls}`, 'aria-labelledby': head },
    el('h2', { id: head }, title), body,
    el('form', { method: 'dialog', class: 'row end' }, el('button', { class: 'button' }, t('ui_close'))));
  box.addEventListener('close', () => {
    box.remove();
    onclose();
    /* What opened it may be gone: Tab goes on in the page, not at its top. */
    if (document.activeElement === document.body) document.getElementById('page').focus({ preventScroll: true });
  });
  document.getElementById('over').append(box);
  box.showModal();
  return () => box.close();
}

/* Whoever was asked is no longer signed on, and what was begun is not another's. */
export function closeDialogs() {
  for (const box of document.querySelectorAll('#over > dialog.dialog')) box.close();
}

export function badge(kind, iconName, ...words) {
  return el('span', { class: `badge ${kind}` }, iconName && icon(iconName), el('span', null, words));
}

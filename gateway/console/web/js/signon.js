/* The sign-on box: the whole page before a shift, or over the action area when a session ended. */
import { el } from './dom.js';
import { login } from './api.js';
import { t } from './words.js';
import { field, notice, whyRefused } from './widgets.js';

function keypad(fields) {
  let target = fields[0].input;
  for (const one of fields) one.input.addEventListener('focus', () => (target = one.input));
  const press = (change) => () => {
    target.value = change(target.value);
    target.dispatchEvent(new Event('input', { bubbles: true }));
  };
  const key = (digit) => el('button', { type: 'button', class: 'button key', onclick: press((v) => v + digit) }, digit);
  return el('div', { class: 'keypad', role: 'group', 'aria-label': t('ui_keypad') },
    '123456789'.split('').map(key),
    el('button', { type: 'button', class: 'button key', 'aria-label': t('ui_key_delete'), onclick: press((v) => v.slice(0, -1)) }, '⌫'),
    key('0'),
    el('button', { type: 'submit', class: 'button key primary' }, t('ui_sign_on')));
}

export function signOnBox({ head, officer = '', pad = true, why = '' }) {
  const number = field({ label: t('ui_officer_number'), value: officer, inputmode: 'numeric', maxlength: 32, name: 'officer' });
  const pin = field({ label: t('ui_pin'), type: 'password', inputmode: 'numeric', maxlength: 64, name: 'pin' });
  const said = notice();
  let busy = false;
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    if (!number.input.value.trim() || !pin.input.value) {
      said.say(t('ui_need_number_pin'), 'bad');
      (number.input.value.trim() ? pin : number).input.focus();
      return;
    }
    busy = true;
    said.say(t('ui_working'));
    try {
      await login(number.input.value.trim(), pin.input.value);
      said.say('');
    } catch (error) {
      const wait = error.fields?.wait_s ? ` ${t('ui_wait_seconds', { n: error.fields.wait_s })}` : '';
      said.say(whyRefused(error) + wait, 'bad');
      pin.input.focus();
    } finally {
      pin.input.value = '';
      busy = false;
    }
  };
  const form = el('form', { class: 'signon', onsubmit: submit, 'aria-label': head },
    el('h1', null, head), why && el('p', { class: 'soft' }, why),
    el('div', { class: 'signon-fields' }, number, pin, said,
      !pad && el('button', { class: 'button primary' }, t('ui_sign_on'))),
    pad && keypad([number, pin]));
  form.focusFirst = () => (number.input.value ? pin : number).input.focus();
  return form;
}

/* A plate typed by touch: provinces first (this county's and its neighbours'), then letters and digits, then the
 * characters of special plates. A keyboard types into the same field. */
import { el, fill } from './dom.js';
import { t } from './words.js';
import { newId } from './widgets.js';

const NEAR = '鲁豫苏冀皖';
const PROVINCES = '京津沪渝晋蒙辽吉黑浙闽赣鄂湘粤桂琼川贵云藏陕甘青宁新';
const DIGITS = '0123456789';
const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ'; /* no plate's number has I or O */
const OFFICE_LETTERS = 'ABCDEFGHJKLMNOPQRSTUVWXYZ'; /* the letter behind the province: O is the police's of old */
const SPECIALS = [...'警学挂领使港澳应急试超', '民航', 'WJ'];
const LENGTH_MAX = 10;

const clean = (text, wild) => [...text.toUpperCase().replace(/[·.\s-]/g, '')]
  .filter((c) => wild || (c !== '?' && c !== '？')).map((c) => (c === '？' ? '?' : c)).slice(0, LENGTH_MAX).join('');

/* {label, wild?: '?' stands for any character, onchange(text)}; .value() and .clear() of the node answered. */
export function plateInput({ label, wild = false, onchange = () => {} }) {
  const id = newId('plate');
  const input = el('input', {
    id, type: 'text', class: 'plate-text', lang: 'zh', autocomplete: 'off', spellcheck: 'false', maxlength: LENGTH_MAX + 2,
    oninput: (event) => {
      if (!event.isComposing) take(input.value);
    },
    oncompositionend: () => take(input.value),
  });
  const keys = el('div', { class: 'plate-keys' });
  let shown = null;
  const take = (text) => {
    const fresh = clean(text, wild);
    const caret = clean(text.slice(0, input.selectionStart ?? text.length), wild).length;
    if (input.value !== fresh) {
      const typing = input.value === text; /* not a key of the page */
      input.value = fresh;
      if (typing) input.setSelectionRange(caret, caret);
    }
    if (tab() !== shown) show(tab());
    onchange(fresh);
  };
  const tab = () => (input.value.length === 0 ? 'provinces' : input.value.length === 1 ? 'office' : 'number');
  const press = (text) => () => take(input.value + text);
  const key = (text) => el('button', { type: 'button', class: 'button key', lang: 'zh', onclick: press(text) }, text);
  const other = (name, code) => el('button', { type: 'button', class: 'button key words', onclick: () => show(name) }, t(code));
  const sets = {
    provinces: () => [[...NEAR].map(key), [...PROVINCES].map(key), [other('number', 'ui_keys_number'), other('special', 'ui_keys_special')]],
    office: () => [[...OFFICE_LETTERS].map(key), [other('number', 'ui_keys_number'), other('special', 'ui_keys_special')]],
    number: () => [[...DIGITS].map(key), [...LETTERS].map(key),
      [other('special', 'ui_keys_special'), other('provinces', 'ui_keys_provinces')]],
    special: () => [SPECIALS.map(key), [other('number', 'ui_keys_number'), other('provinces', 'ui_keys_provinces')]],
  };
  const erase = () => [
    wild && el('button', { type: 'button', class: 'button key', 'aria-label': t('ui_keys_any'), onclick: press('?') }, '?'),
    el('button', { type: 'button', class: 'button key', 'aria-label': t('ui_key_delete'), onclick: () => take(input.value.slice(0, -1)) }, '⌫'),
    el('button', { type: 'button', class: 'button key words', onclick: () => take('') }, t('ui_keys_clear'))];
  const show = (name) => {
    shown = name;
    const held = keys.contains(document.activeElement);
    const rows = sets[name]();
    fill(keys, rows.map((row, at) => el('div', { class: `keys ${name} ${at === 0 ? 'first' : ''}` }, row,
      at === rows.length - 1 && erase())));
    if (held) keys.querySelector('button').focus();
  };
  const node = el('div', { class: 'plate-input' }, el('label', { for: id }, label), input,
    el('div', { role: 'group', 'aria-label': t('ui_keys_name') }, keys));
  show('provinces');
  node.value = () => input.value;
  node.clear = () => take('');
  node.set = (text) => take(text);
  node.input = input;
  return node;
}

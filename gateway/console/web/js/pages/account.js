/* Who is signed on here; a new PIN; the end of the session. */
import { el, setText } from '../dom.js';
import { themeWords, toggleTheme } from '../theme.js';
import { act, logout } from '../api.js';
import { t, of } from '../words.js';
import { field, notice } from '../widgets.js';
import { pinField } from '../ask.js';

export const title = 'ui_page_account';
export const roles = ['officer', 'leader', 'auxiliary', 'auditor', 'technician'];

function pinForm(session) {
  const said = notice();
  const old = pinField();
  const fresh = field({ label: t('ui_account_new_pin'), type: 'password', inputmode: 'numeric', maxlength: 64 });
  const again = field({ label: t('ui_account_again'), type: 'password', inputmode: 'numeric', maxlength: 64 });
  const save = async (event) => {
    event.preventDefault();
    if (!old.input.value || !fresh.input.value) return said.say(t('ui_form_need_pin'), 'bad');
    if (fresh.input.value !== again.input.value) return said.say(t('ui_account_differ'), 'bad');
    said.say(t('ui_working'));
    try {
      await act('officer_passwd', { officer: session.officer, password: fresh.input.value, pin: old.input.value });
      said.say(t('ui_account_changed'), 'ok');
    } catch (error) {
      said.fail(error);
    }
    for (const one of [old, fresh, again]) one.input.value = '';
    return undefined;
  };
  return el('form', { class: 'panel stack', onsubmit: save }, el('h2', null, t('ui_account_pin')), old, fresh, again, said,
    el('button', { class: 'button primary wide' }, t('ui_account_save')));
}

export function render(root, params, context) {
  const { session } = context;
  /* Here besides the bar: a phone's has no room for it. */
  const look = el('button', { type: 'button', class: 'button wide', onclick: toggleTheme }, themeWords());
  root.append(el('h1', null, t(title)), el('div', { class: 'two' },
    el('section', { class: 'panel stack' },
      el('dl', { class: 'pairs' },
        el('dt', null, t('ui_officer_number')), el('dd', null, session.officer),
        el('dt', null, t('ui_account_name')), el('dd', null, session.name ?? '–'),
        el('dt', null, t('ui_account_role')), el('dd', null, of('role', session.role)),
        el('dt', null, t('ui_account_tablet')), el('dd', null, session.tablet ?? '–'),
        el('dt', null, t('ui_account_lanes')), el('dd', null, (session.lanes ?? []).join(', ') || '–')),
      look,
      el('button', { type: 'button', class: 'button danger wide', id: 'sign-off', onclick: logout }, t('ui_sign_out'))),
    pinForm(session)));
  return context.subscribe((topics) => topics.has('theme') && setText(look, themeWords()));
}

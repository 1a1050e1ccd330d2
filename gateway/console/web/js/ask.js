/* Asks for what an act needs (reason, a second person, the officer's own PIN), then for the press that does it. */
import { act } from './api.js';
import { el } from './dom.js';
import { state } from './state.js';
import { t } from './words.js';
import { choices, codeRows, dialog, field, holdButton, keptField, notice, secondPerson } from './widgets.js';

const ASKS_SECOND = new Set(['second', 'second_person']);

export function pinField() {
  return field({ label: t('ui_own_pin'), type: 'password', inputmode: 'numeric', maxlength: 64 });
}

/* The word of a code of a table that a county may change. */
export function codeWord(table, code) {
  const row = codeRows(state.codes[table]).find((one) => one.code === code);
  return row ? row.label : String(code ?? '');
}

/* A choice among a table's codes, as large buttons; nothing is chosen beforehand but what `keep` has of before. Who says
 * "other" says what: .note(). */
export function reasonChoice(table, keep = {}) {
  const note = keptField(keep, 'note', { label: t('ui_note'), maxlength: 60 });
  note.hidden = keep.reason !== 'other';
  const set = choices({
    legend: t('ui_form_reason'), rows: codeRows(state.codes[table]), value: keep.reason ?? null, cls: 'tight', onchange: (code) => {
      keep.reason = code;
      note.hidden = code !== 'other';
      if (!note.hidden) note.input.focus();
    },
  });
  set.append(note);
  set.note = () => (note.hidden ? '' : note.input.value.trim());
  set.noteMissing = () => !note.hidden && !set.note();
  return set;
}

/* what: {title, label, name, args, table?, says?, second?, pin?, danger?, done?(result)}; says: the label of the reason
 * in the officer's own words. The dialog stays until the act is
 * done or left; a second person is asked for when the box wants one. */
export function askAct(what) {
  const reason = what.table && reasonChoice(what.table);
  const words = what.says && field({ label: what.says, maxlength: 60 });
  const second = secondPerson();
  const pin = what.pin && pinField();
  const said = notice();
  second.hidden = !what.second;
  const args = () => ({
    ...what.args, ...(reason && { reason: reason.value }), ...(reason?.note() && { note: reason.note() }), ...(words && { reason: words.input.value.trim() }), ...(pin && { pin: pin.input.value }),
    ...(!second.hidden && { second: second.read() }),
  });
  const run = async () => {
    if (reason && !reason.value) return said.say(t('ui_form_need_reason'), 'bad');
    if (words && !words.input.value.trim()) return said.say(t('ui_form_need_note'), 'bad');
    if (reason?.noteMissing()) return said.say(t('ui_form_need_note'), 'bad');
    if (!second.hidden && !second.read()) return said.say(t('ui_form_need_second'), 'bad');
    said.say(t('ui_working'));
    try {
      const result = await act(what.name, args());
      close();
      what.done?.(result);
    } catch (error) {
      if (ASKS_SECOND.has(error.code)) second.hidden = false;
      if (pin) pin.input.value = '';
      second.clear();
      said.fail(error);
    }
    return undefined;
  };
  const close = dialog({
    title: what.title,
    body: el('div', { class: 'stack' }, reason, words, pin, second, said,
      holdButton({ label: what.label, run, cls: `wide ${what.danger ? 'danger' : 'primary'}` })),
  });
}

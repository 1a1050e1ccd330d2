/* Local look-outs: a leader begins one with a second person, for a day at most; they end by themselves. */
import { el, fillKeyed, setText } from '../dom.js';
import { put, state, subscribe } from '../state.js';
import { act } from '../api.js';
import { t } from '../words.js';
import { boxNow, moment, span } from '../time.js';
import { choices, holdButton, keptField, notice, secondPerson } from '../widgets.js';
import { plateInput } from '../plate-keys.js';
import { plate as drawPlate } from '../plate.js';
import { classSelect } from './check.js';
import { askAct } from '../ask.js';

export const title = 'ui_page_lookouts';
export const roles = ['officer', 'leader', 'auxiliary', 'auditor'];

const HOURS = [4, 8, 12, 24];
const TICK_MS = 1000;

const leftWords = (until) => t('ui_lookouts_left', { span: span(new Date(until).getTime() - boxNow()) });

function item(lookout, leader) {
  const until = lookout.until ?? lookout.valid_until;
  return el('li', { class: 'panel row' }, el('div', { class: 'plate-place' }, drawPlate({ text: lookout.plate, cls: lookout.class })),
    el('dl', { class: 'pairs grow' },
      el('dt', null, t('ui_lookouts_until')), el('dd', null, moment(until), ' · ', el('span', { 'data-until': until }, leftWords(until))),
      el('dt', null, t('ui_check_reason')), el('dd', null, lookout.reason ?? lookout.card?.reason ?? ''),
      el('dt', null, t('ui_check_case')), el('dd', null, lookout.case ?? lookout.card?.case_number ?? '–'),
      el('dt', null, t('ui_lookouts_by')), el('dd', null,
        [lookout.by?.officer ?? lookout.officer, lookout.by?.second ?? lookout.second].filter(Boolean).join(' + '))),
    leader && el('button', {
      type: 'button', class: 'button',
      onclick: () => askAct({
        title: t('ui_lookouts_end_head'), label: t('ui_lookouts_end'), name: 'lookout_end', args: { id: lookout.id }, danger: true,
      }),
    }, t('ui_lookouts_end')));
}

function addForm(keep) {
  const said = notice();
  const plate = plateInput({ label: t('ui_check_plate'), onchange: (text) => (keep.plate = text) });
  const classes = classSelect(keep);
  const hours = choices({
    legend: t('ui_lookouts_hours'), value: keep.hours ?? '8', cls: 'tight',
    rows: HOURS.map((n) => ({ code: String(n), label: t('ui_hours', { n }) })), onchange: (code) => (keep.hours = code),
  });
  const reason = keptField(keep, 'reason', { label: t('ui_lookouts_reason'), maxlength: 60 });
  const caseNumber = keptField(keep, 'case', { label: t('ui_history_case'), maxlength: 40 });
  const second = secondPerson();
  const missing = () => {
    if (!plate.value()) return 'ui_check_need_plate';
    if (!reason.input.value.trim()) return 'ui_form_need_reason';
    if (!caseNumber.input.value.trim()) return 'ui_history_need_case';
    return second.read() ? null : 'ui_form_need_second';
  };
  const run = async () => {
    const why = missing();
    if (why) return said.say(t(why), 'bad');
    said.say(t('ui_working'));
    try {
      await act('lookout_add', {
        plate: plate.value(), class: classes.value || 'any', hours: Number(hours.value), reason: reason.input.value.trim(),
        case: caseNumber.input.value.trim(), second: second.read(),
      });
      said.say(t('ui_lookouts_added'), 'ok');
      plate.clear();
      for (const [name, one] of [['reason', reason], ['case', caseNumber]]) one.input.value = keep[name] = ''; /* the next one's are others */
    } catch (error) {
      said.fail(error);
    }
    second.clear();
    return undefined;
  };
  if (keep.plate) plate.set(keep.plate);
  return el('section', { class: 'two left', 'aria-label': t('ui_lookouts_add') },
    el('div', { class: 'panel stack' }, el('h2', null, t('ui_lookouts_add')), plate,
      el('div', { class: 'field' }, el('span', { class: 'label' }, t('ui_check_class')), classes)),
    el('div', { class: 'panel stack' }, hours, reason, caseNumber, second, said,
      holdButton({ label: t('ui_lookouts_add'), run, cls: 'primary wide' })));
}

export function render(root, params, context) {
  const leader = context.session.role === 'leader';
  const said = notice();
  const list = el('ul', { class: 'plain-list' });
  const none = el('p', { class: 'soft' }, t('ui_lookouts_none'));
  const draw = () => {
    const open = [...state.lookouts.values()];
    none.hidden = open.length > 0;
    fillKeyed(list, open, { key: (one) => one.id, version: JSON.stringify, draw: (one) => item(one, leader) });
  };
  root.append(el('h1', null, t(title)), el('p', { class: 'soft' }, t('ui_lookouts_rule')), none, said, list);
  if (leader) root.append(addForm(context.keep));
  draw();
  act('lookouts').then((answer) => {
    put('lookouts', new Map((answer.lookouts ?? []).map((one) => [one.id, one])));
  }, (error) => said.fail(error));
  const ticking = setInterval(() => {
    for (const left of list.querySelectorAll('[data-until]')) setText(left, leftWords(left.dataset.until));
  }, TICK_MS);
  const stop = subscribe((topics) => topics.has('lookouts') && draw());
  return () => {
    clearInterval(ticking);
    stop();
  };
}

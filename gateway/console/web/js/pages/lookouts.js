/* Local look-outs: a leader begins one with a second person, for a day at most; they end by themselves. */
import { el, fillKeyed } from '../dom.js';
import { state, subscribe } from '../state.js';
import { act } from '../api.js';
import { t } from '../words.js';
import { boxNow, moment, span } from '../time.js';
import { choices, field, notice, secondPerson, holdButton } from '../widgets.js';
import { plateInput } from '../plate-keys.js';
import { plate as drawPlate } from '../plate.js';
import { classSelect } from './check.js';
import { askAct } from '../ask.js';

export const title = 'ui_page_lookouts';
export const roles = ['officer', 'leader', 'auxiliary', 'auditor'];

const HOURS = [4, 8, 12, 24];

function item(lookout, leader) {
  const until = lookout.until ?? lookout.valid_until;
  return el('li', { class: 'panel row' }, el('div', { class: 'plate-place' }, drawPlate({ text: lookout.plate, cls: lookout.class })),
    el('dl', { class: 'pairs grow' },
      el('dt', null, t('ui_lookouts_until')), el('dd', null, moment(until), ' · ',
        t('ui_lookouts_left', { span: span(new Date(until).getTime() - boxNow()) })),
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

function addForm() {
  const said = notice();
  const plate = plateInput({ label: t('ui_check_plate') });
  const classes = classSelect();
  const hours = choices({
    legend: t('ui_lookouts_hours'), value: '8', cls: 'tight',
    rows: HOURS.map((n) => ({ code: String(n), label: t('ui_hours', { n }) })),
  });
  const reason = field({ label: t('ui_lookouts_reason'), maxlength: 60 });
  const caseNumber = field({ label: t('ui_history_case'), maxlength: 40 });
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
    } catch (error) {
      said.fail(error);
    }
    second.clear();
    return undefined;
  };
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
  if (leader) root.append(addForm());
  draw();
  act('lookouts').then((answer) => {
    state.lookouts = new Map((answer.lookouts ?? []).map((one) => [one.id, one]));
    draw();
  }, (error) => said.fail(error));
  return subscribe((topics) => topics.has('lookouts') && draw());
}

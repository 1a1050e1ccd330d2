/* One plate seen now: typed, with a reason, answered within a second. Only vehicles to stop are answered. */
import { el, fill } from '../dom.js';
import { act } from '../api.js';
import { t, of, pick } from '../words.js';
import { boxNow, clock } from '../time.js';
import { badge, notice } from '../widgets.js';
import { plateInput } from '../plate-keys.js';
import { plate as drawPlate } from '../plate.js';
import { reasonChoice } from '../ask.js';

export const title = 'ui_page_check';
export const roles = ['officer', 'leader', 'auxiliary'];

const CLASSES = ['02', '01', '52', '51', '15', '16', '23', '03', '04', '26', '27', '31', '32', '22', '20', '07'];

export function classSelect(keep, onchange = () => {}) {
  const select = el('select', { 'aria-label': t('ui_check_class'), onchange: () => {
    keep.class = select.value;
    onchange();
  } },
    el('option', { value: '' }, t('ui_check_class_any')), CLASSES.map((code) => el('option', { value: code }, of('class', code))));
  select.value = keep.class ?? '';
  return select;
}

function marked(hit) {
  return drawPlate({ text: hit.plate, cls: hit.class ?? hit.card?.class, marks: (hit.differs ?? []).map((one) => one.position) });
}

function hitCard(hit) {
  const card = hit.card ?? {};
  const line = (code, value) => value && [el('dt', null, t(code)), el('dd', null, value)];
  return el('li', { class: `panel found p${hit.priority}` },
    el('div', { class: 'row' }, el('div', { class: 'plate-place' }, marked(hit)),
      badge(hit.match === 'exact' ? 'bad' : 'warn', 'info', of('match', hit.match)),
      badge('plain', null, of('priority', hit.priority))),
    el('dl', { class: 'pairs' },
      line('ui_check_category', of('category', hit.category)),
      line('ui_check_why', pick(hit, 'why_zh', 'why')),
      line('ui_check_reason', card.reason),
      line('ui_check_case', card.case_number),
      line('ui_check_authority', card.authority),
      line('ui_check_contact', card.contact)),
    hit.expired && badge('warn', 'clock', t('ui_check_expired')),
    hit.local && badge('plain', 'eye', t('ui_check_local')));
}

function answered({ answer, at }) {
  const hits = answer.hits ?? [];
  const when = el('p', { class: 'soft' }, t('ui_check_answered', { time: clock(at) }));
  if (hits.length === 0) {
    return el('section', { class: 'panel answer none' }, el('div', { class: 'plate-place' }, drawPlate({ text: answer.plate })),
      el('p', { class: 'big' }, t('ui_check_none')), el('p', { class: 'soft' }, t('ui_check_none_means')), when);
  }
  return el('section', { class: 'answer some' },
    el('p', { class: 'big bad' }, t('ui_check_found', { n: hits.length })), when, el('ul', { class: 'plain-list' }, hits.map(hitCard)));
}

export function render(root, params, context) {
  const keep = context.keep;
  const said = notice();
  const result = el('div', { class: 'result', 'aria-live': 'polite' });
  const drawAnswer = () => fill(result, keep.answered && answered(keep.answered));
  const plate = plateInput({ label: t('ui_check_plate'), onchange: (text) => {
    if (text !== keep.plate) keep.answered = null; /* was of another plate */
    keep.plate = text;
    drawAnswer();
  } });
  const classes = classSelect(keep, () => {
    keep.answered = null; /* was of another class */
    drawAnswer();
  });
  const reason = reasonChoice('search', keep);
  let asking = false;
  const ask = async (event) => {
    event.preventDefault();
    if (asking) return;
    if (!plate.value()) {
      said.say(t('ui_check_need_plate'), 'bad');
      plate.input.focus();
      return;
    }
    if (!reason.value) {
      said.say(t('ui_form_need_reason'), 'bad');
      reason.querySelector('input')?.focus();
      return;
    }
    if (reason.noteMissing()) {
      said.say(t('ui_form_need_note'), 'bad');
      return;
    }
    said.say(t('ui_check_asking'));
    keep.answered = null;
    drawAnswer();
    asking = true;
    try {
      const args = { plate: plate.value(), reason: reason.value };
      if (reason.note()) args.note = reason.note();
      if (classes.value) args.class = classes.value;
      const answer = await act('check', args);
      if (plate.value() === args.plate && classes.value === (args.class ?? '')) keep.answered = { answer, at: boxNow() };
      said.say('');
    } catch (error) {
      said.fail(error);
    } finally {
      asking = false;
    }
    drawAnswer();
    if (keep.answered) result.scrollIntoView({ block: 'nearest' });
  };
  root.append(el('h1', null, t(title)), el('div', { class: 'two left' },
    el('form', { class: 'panel stack', onsubmit: ask }, plate,
      el('div', { class: 'field' }, el('span', { class: 'label' }, t('ui_check_class')), classes)),
    el('div', { class: 'stack' },
      el('form', { class: 'panel stack', onsubmit: ask }, reason,
        el('button', { class: 'button primary wide' }, t('ui_check_ask')), said), result)));
  if (keep.plate) plate.set(keep.plate);
  drawAnswer();
  if (context.opened && !matchMedia('(pointer: coarse)').matches) plate.input.focus();
  return () => {};
}


/* The forms of a card. Nothing is filled in beforehand but what this officer began on this hit. */
import { el, setText } from './dom.js';
import { icon } from './icons.js';
import { t, of } from './words.js';
import { codeWord } from './ask.js';
import { left } from './time.js';
import { state } from './state.js';
import { choices, codeRows, field, notice, secondPerson } from './widgets.js';
import { plateInput } from './plate-keys.js';
import { classWords } from './plate.js';
import { askedWords, differingPositions, listedPlate, matchWords, person } from './hit-words.js';

function tick(draft, name, label, what, changed) {
  return el('label', { class: 'state-tick' }, el('input', {
    type: 'checkbox', checked: Boolean(draft[name]), onchange: (event) => {
      draft[name] = event.target.checked;
      changed();
    },
  }), el('span', null, el('b', null, label), what && el('small', null, what)));
}

/* Boxes for the characters in which the read differs from the listed plate; the others are shown. */
function typedBoxes(hit, draft, changed) {
  const type = hit.handling?.type;
  const positions = type?.positions ?? (hit.handling ? [] : differingPositions(hit));
  draft.typed ??= {};
  const box = (at, cls, size) => el('input', {
    type: 'text', class: cls, lang: 'zh', maxlength: size, value: draft.typed[at] ?? '', autocomplete: 'off', spellcheck: 'false',
    'aria-label': at === 'whole' ? t('ui_typed_whole') : t('ui_typed_at', { at }),
    oninput: (event) => {
      if (event.isComposing) return;
      draft.typed[at] = event.target.value.toUpperCase();
      changed();
    },
    oncompositionend: (event) => {
      draft.typed[at] = event.target.value.toUpperCase();
      changed();
    },
  });
  if (type?.whole) return el('fieldset', null, el('legend', null, t('ui_typed_whole')), el('div', { class: 'typed' }, box('whole', 'whole', 12)));
  if (!positions.length) return null;
  return el('fieldset', null, el('legend', null, t('ui_typed_why')), el('div', { class: 'typed' },
    [...listedPlate(hit)].map((char, n) => (positions.includes(n + 1) ? box(n + 1, '', 1) : el('span', { lang: 'zh', 'aria-hidden': 'true' }, char)))));
}

function typedText(hit, draft) {
  const type = hit.handling?.type;
  if (type?.whole) return draft.typed?.whole ?? '';
  const positions = type?.positions ?? differingPositions(hit);
  return positions.map((at) => draft.typed?.[at] ?? '').join('');
}

function typedDone(hit, draft) {
  const type = hit.handling?.type;
  if (type?.whole) return Boolean(draft.typed?.whole);
  return (type?.positions ?? (hit.handling ? [] : differingPositions(hit))).every((at) => draft.typed?.[at]);
}

function ends(cancel, ...buttons) {
  return el('div', { class: 'row ends' }, buttons, el('button', { type: 'button', class: 'button', onclick: cancel }, t('ui_cancel')));
}

export function confirmForm(hit, { run, draft, env, cancel }) {
  const hasTrigger = !draft.needsEye && (env.pictures ?? []).some((one) => one.evidence === 'trigger' && one.kind === 'scene');
  const second = hit.handling?.two_persons ? secondPerson(t('ui_second_here')) : null;
  const go = el('button', { type: 'submit', class: 'button primary wraps' });
  const wait = notice(); /* the button's words, for who hears the page: not each second of them */
  const ready = () => draft.plate && draft.class && draft.vehicle && (hasTrigger || draft.byEye) && typedDone(hit, draft);
  const left_ = () => (env.seen.readyAt === null ? 1000 : env.seen.readyAt - Date.now());
  const missing = () => {
    if (left_() > 0) return t('ui_look_longer', { time: left(left_()) });
    if (!draft.plate || !draft.class || !draft.vehicle) return t('ui_confirm_each');
    if (!hasTrigger && !draft.byEye) return t('ui_confirm_eye_needed');
    return typedDone(hit, draft) ? '' : t('ui_typed_why');
  };
  let words = null;
  let told = null;
  const show = () => {
    go.disabled = !ready() || left_() > 0;
    if (missing() === words) return;
    words = missing();
    const waits = left_() > 0;
    go.replaceChildren(icon(words ? 'clock' : 'yes'), el('span', null, waits ? t('ui_confirm_in', { time: left(left_()) }) : words || t('ui_confirm_now')));
    const heard = waits ? t('ui_look_on') : words || t('ui_confirm_now');
    if (heard !== told) wait.say(told = heard);
  };
  const cls = classWords(hit.entry?.class, 0) || t('class_any');
  const form = el('form', { 'aria-label': t('act_hit_confirm'), class: 'stack', onsubmit: (event) => {
    event.preventDefault();
    if (go.disabled) return;
    run('hit_confirm', {
      plate_agrees: true, class_agrees: true, vehicle_agrees: true, typed: typedText(hit, draft),
      ...(!hasTrigger && { by_eye: true }), ...(second?.read() && { second: second.read() }),
    });
  } },
  el('h2', null, t('ui_confirm_head')),
  el('div', { class: 'agree' },
    tick(draft, 'plate', t('ui_agree_plate'), el('span', { lang: 'zh' }, [...listedPlate(hit)].join(' ')), show),
    tick(draft, 'class', t('ui_agree_class'), cls, show),
    tick(draft, 'vehicle', t('ui_agree_vehicle'), hit.card?.vehicle ?? t('ui_fact_vehicle_none'), show),
    !hasTrigger && tick(draft, 'byEye', t('ui_by_eye', { name: person(state.session) }), t('ui_by_eye_why'), show)),
  typedBoxes(hit, draft, show), second, ends(cancel, go), wait);
  wait.classList.add('unseen');
  show();
  form.tick = show;
  form.focusFirst = () => form.querySelector('input')?.focus();
  return form;
}

export function rejectForm(hit, { run, say, draft, cancel }) {
  const leader = hit.entry?.priority === 1 && hit.decision?.hold;
  const second = leader ? secondPerson(t('ui_second_leader_here')) : null;
  const plate = plateInput({ label: t('ui_reject_plate'), onchange: (text) => (draft.seenPlate = text) });
  const note = field({ label: t('ui_note'), value: draft.note ?? '', maxlength: 60, oninput: (event) => (draft.note = event.target.value) });
  const reason = choices({
    legend: t('ui_reject_reason'), rows: codeRows(state.codes.reject), value: draft.reason ?? null, onchange: (code) => (draft.reason = code), cls: 'tight',
  });
  const form = el('form', { 'aria-label': t('act_hit_reject'), class: 'stack', onsubmit: async (event) => {
    event.preventDefault();
    if (!draft.reason) {
      say(t('ui_need_reason'), 'bad');
      return;
    }
    if (draft.reason === 'other' && !draft.note?.trim()) {
      say(t('ui_form_need_note'), 'bad');
      note.input.focus();
      return;
    }
    await run('hit_reject', {
      reason: draft.reason, ...(draft.note && { note: draft.note }), ...(draft.seenPlate && { plate: draft.seenPlate }),
      ...(second?.read() && { second: second.read() }),
    });
  } },
  el('h2', null, t('act_hit_reject')), reason,
  el('details', { open: Boolean(draft.seenPlate) }, el('summary', { class: 'button' }, t('ui_reject_plate')), plate),
  note, leader && el('p', { class: 'soft' }, t('ui_reject_leader')), second,
  ends(cancel, el('button', { type: 'submit', class: 'button primary' }, icon('no'), t('ui_reject_now'))));
  if (draft.seenPlate) plate.set(draft.seenPlate);
  form.focusFirst = () => form.querySelector('input')?.focus();
  return form;
}

export function feedbackForm(hit, { run, say, draft, cancel }) {
  draft.feedback ??= {};
  const f = draft.feedback;
  const put = (name) => (code) => (f[name] = code);
  const rows = [...codeRows(state.codes.outcome).map((row) => ({ ...row, caught: true })), ...codeRows(state.codes.not_intercepted)];
  const text = (name, label, size) => field({ label, value: f[name] ?? '', maxlength: size, oninput: (event) => (f[name] = event.target.value) });
  const form = el('form', { 'aria-label': t('act_hit_feedback'), class: 'stack', onsubmit: (event) => {
    event.preventDefault();
    const caught = rows.find((row) => row.code === f.outcome)?.caught;
    if (!f.outcome) say(t('ui_need_outcome'), 'bad');
    else if (caught && !f.suspect) say(t('ui_need_suspect'), 'bad');
    else if (f.outcome === 'not_other' && !f.note?.trim()) say(t('ui_form_need_note'), 'bad');
    else run('hit_feedback', {
      outcome: f.outcome, ...(f.suspect && { suspect: f.suspect === 'suspect' }), ...(f.handed_to && { handed_to: f.handed_to }),
      ...(f.document && { document: f.document }), ...(f.note && { note: f.note }),
    });
  } },
  el('h2', null, t('act_hit_feedback')),
  choices({ legend: t('ui_outcome'), rows, value: f.outcome ?? null, onchange: put('outcome'), cls: 'tight' }),
  choices({ legend: t('ui_suspect'), rows: codeRows(state.codes.suspect), value: f.suspect ?? null, onchange: put('suspect'), cls: 'tight' }),
  choices({ legend: t('ui_handed_to'), rows: codeRows(state.codes.handed_to), value: f.handed_to ?? null, onchange: put('handed_to'), cls: 'tight' }),
  el('div', { class: 'agree' }, text('document', t('ui_document'), 64), text('note', t('ui_note'), 60)),
  ends(cancel, el('button', { type: 'submit', class: 'button primary' }, icon('yes'), t('ui_feedback_now'))));
  form.focusFirst = () => form.querySelector('input')?.focus();
  return form;
}

/* An answer waits for somebody else: on this tablet by number and PIN, or on another one. */
export function secondForm(hit, { run, say, role, me }) {
  const h = hit.handling;
  const second = secondPerson(t(h.waits === 'leader' ? 'ui_second_leader_here' : 'ui_second_here'));
  const mine = h.by?.officer === me;
  const elsewhere = el('p', { class: 'soft' });
  const may = ['officer', 'leader'].includes(role) && !mine && (h.waits !== 'leader' || role === 'leader');
  const form = el('form', { 'aria-label': t('ui_second_person'), class: 'stack', onsubmit: (event) => {
    event.preventDefault();
    if (second.read()) run('hit_agree', { second: second.read() }).then(second.clear);
    else say(t('ui_form_need_second'), 'bad');
  } },
  el('h2', null, icon('clock'), ' ', t(`ui_waits_${h.waits}`, { who: person(h.by), answer: of('answer', h.answer) })),
  el('p', null, [h.answer === 'reject' && `${t('ui_reject_reason')}: ${codeWord('reject', h.reason)}`, h.note, h.typed, matchWords(hit)].filter(Boolean).join(' · ')),
  elsewhere,
  may ? el('div', { class: 'row ends' },
    el('button', { type: 'button', class: 'button primary', onclick: () => run('hit_agree') }, icon('yes'), t('ui_agree')),
    el('button', { type: 'button', class: 'button', onclick: () => run('hit_agree', { agree: false }) }, icon('no'), t('ui_disagree')))
    : ['officer', 'leader'].includes(role) && [second, el('div', { class: 'row ends' },
      el('button', { type: 'submit', class: 'button primary' }, icon('yes'), t('ui_agree_here')),
      mine && el('button', { type: 'button', class: 'button', onclick: () => run('hit_agree', { agree: false }) }, t('ui_take_back')))]);
  form.tick = () => setText(elsewhere, askedWords(hit.hit, h.answer) || t('ui_waits_elsewhere'));
  return form;
}

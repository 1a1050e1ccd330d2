/* What an officer can do with a hit at the stage it is at. First answer wins: what another officer did is drawn at
 * once, and a form begun for something that is no longer to be done closes. */
import { el, fill } from './dom.js';
import { act } from './api.js';
import { icon } from './icons.js';
import { t, of, lang, pick } from './words.js';
import { boxNow, clock, left } from './time.js';
import { state, stageOf, isUnanswered, takeEvent } from './state.js';
import { notice, whyRefused } from './widgets.js';
import { confirmForm, rejectForm, feedbackForm, secondForm } from './card-forms.js';
import { signOnBox } from './signon.js';
import { isDone, isWithdrawn, lateWords, person } from './hit-words.js';
import { firstWaiting } from './alert-list.js';

const OFFICERS = ['officer', 'leader'];
const SIGNERS = [...OFFICERS, 'auxiliary'];
const forms = { confirm: confirmForm, reject: rejectForm, feedback: feedbackForm };
/* What is filled in scrolls, the buttons at its end do not. */
function scrolling(form) {
  const ends = form.querySelector('.ends');
  form.prepend(el('div', { class: 'stack fields' }, [...form.children].filter((one) => one !== ends)));
  return form;
}

/* At which stages a form may stay open. */
const formStages = { confirm: ['signed', 'alerted'], reject: ['signed', 'alerted'], feedback: ['confirmed', 'intercepting', 'reported'] };

export function actionArea(number, env) {
  const said = notice();
  const place = el('div');
  const node = el('section', { class: 'do', tabindex: -1, 'aria-label': t('ui_actions') }, place, said);
  let drawn = '';
  let form = null;
  const hitNow = () => state.hits.get(number);
  const draft = () => {
    if (!env.drafts.has(number)) env.drafts.set(number, {});
    return env.drafts.get(number);
  };

  /* The form that is open and may be, at the stage it is at. */
  const formOf = (hit) => {
    const name = draft().form;
    const may = name && formStages[name].includes(stageOf(hit)) && OFFICERS.includes(state.session?.role);
    return may && !(name === 'confirm' && isWithdrawn(hit)) ? name : null;
  };

  async function run(name, args = {}) {
    const begun = draft().form; /* the event may be here first, and the next form open already */
    said.say(t('ui_working'));
    try {
      const result = await act(name, { hit: number, ...args });
      said.say('');
      if (draft().form === begun) draft().form = null;
      if (result.seen) draft().seen = result.seen;
      if (result.released?.done === false) said.say(t('ui_not_released', { why: pick(result.released) }), 'bad');
      takeHandling(result.handling);
      update();
      return result;
    } catch (error) {
      refused(error);
      return null;
    }
  }
  /* The event says the same; whichever comes first is drawn. */
  function takeHandling(handling) {
    if (handling) takeEvent({ event: 'handling', ...handling });
  }
  function refused(error) {
    const f = error.fields ?? {};
    if (error.code === 'by_eye') draft().needsEye = true;
    if (f.left_ms) env.seen.readyAt = Date.now() + f.left_ms; /* to be looked at anew, or longer */
    takeHandling(f.handling);
    if (error.code === 'too_soon') lookAgain();
    const who = f.by && t('ui_refused_by', { who: person(typeof f.by === 'string' ? { officer: f.by } : f.by), time: clock(f.at ?? f.time) });
    const more = error.code === 'too_soon' && f.left_ms ? t('ui_look_longer', { time: left(f.left_ms) }) : '';
    said.say([whyRefused(error), who, more].filter(Boolean).join(' · '), 'bad');
  }
  /* The box that was started anew does not know that the card stands here: the time runs from when it does. */
  async function lookAgain() {
    const answer = await act('hit_show', { hit: number }).catch(() => null);
    if (answer) env.seen.readyAt = Date.now() + answer.confirm_after_ms;
  }
  function button(label, picture, keys, onclick, cls = '') {
    return el('button', { type: 'button', class: `button ${cls}`, onclick, 'aria-keyshortcuts': keys, 'data-keys': keys },
      icon(picture), label, keys && el('kbd', { 'aria-hidden': 'true' }, keys.replace('+', ' ')));
  }
  const openForm = (name) => () => {
    draft().form = name;
    said.say('');
    drawn = '';
    update();
    form?.focusFirst?.();
    env.showPlates?.(); /* what is stated to agree stays in sight */
  };

  function dueLine(hit) {
    const h = hit.handling ?? {};
    if (!h.due && !h.overdue) return null;
    return el('p', { class: 'due', 'data-due': h.due }, lateWords(hit));
  }
  function buttons(hit) {
    const role = state.session?.role;
    const stage = stageOf(hit);
    const may = OFFICERS.includes(role);
    if (!SIGNERS.includes(role)) return [];
    if (stage === 'alerted') return [
      button(t('act_hit_sign'), 'person', 'Alt+S', () => run('hit_sign'), 'primary')];
    if (!may) return [el('p', { class: 'soft' }, t('ui_auxiliary_waits'))];
    if (stage === 'signed' && isWithdrawn(hit)) return [button(t('act_hit_reject'), 'no', 'Alt+R', openForm('reject'), 'primary')];
    if (stage === 'signed') return [
      button(t('act_hit_confirm'), 'yes', 'Alt+C', openForm('confirm'), 'primary'),
      button(t('act_hit_reject'), 'no', 'Alt+R', openForm('reject'))];
    if (stage === 'confirmed' && !isWithdrawn(hit)) return [
      button(t('act_hit_intercept'), 'lanes', 'Alt+I', () => run('hit_intercept'), 'primary'),
      button(t('act_hit_feedback'), 'report', 'Alt+B', openForm('feedback'))];
    if (stage === 'confirmed' || stage === 'intercepting') return [button(t('act_hit_feedback'), 'report', 'Alt+B', openForm('feedback'), 'primary')];
    if (stage === 'reported') return [
      button(t('act_hit_close'), 'yes', 'Alt+F', () => run('hit_close'), 'primary'),
      button(t('ui_feedback_again'), 'report', 'Alt+B', openForm('feedback'))];
    if (stage === 'rejected') return [button(t('act_hit_close'), 'yes', 'Alt+F', () => run('hit_close'), 'primary')];
    return [];
  }
  function nextOf(hit) {
    const waiting = firstWaiting();
    return (isDone(hit) || !isUnanswered(hit)) && waiting && waiting.hit !== number ? waiting.hit : null;
  }
  /* By itself: alerts come and go while somebody presses the button beside it. */
  function showNext(hit) {
    const link = place.querySelector('[data-keys="Alt+N"]');
    const next = nextOf(hit);
    if (!link) return;
    if (next === null && link === document.activeElement) node.focus({ preventScroll: true });
    link.hidden = next === null;
    link.href = `#/alerts/${next}`;
  }

  const nextLink = () => el('a', { class: 'button', hidden: true, 'aria-keyshortcuts': 'Alt+N', 'data-keys': 'Alt+N' },
    t('ui_next_waiting'), el('kbd', { 'aria-hidden': 'true' }, 'Alt N'));

  function signOn() {
    const box = signOnBox({
      head: t('ui_session_ended_for', { name: state.sessionEnded?.name ?? state.sessionEnded?.officer ?? '' }),
      officer: state.sessionEnded?.officer ?? '', pad: false, why: t('ui_session_ended'),
    });
    return box;
  }
  function content(hit) {
    if (!state.session) return signOn();
    const waits = hit.handling?.waits;
    form = null;
    if (waits) {
      form = secondForm(hit, { run, say: said.say, role: state.session.role, me: state.session.officer });
      return scrolling(form);
    }
    const name = formOf(hit);
    if (name) {
      form = forms[name](hit, { run, refused, say: said.say, draft: draft(), env, cancel: () => {
        draft().form = null;
        drawn = '';
        update();
        place.querySelector('button')?.focus();
      } });
      return scrolling(form);
    }
    const list = buttons(hit);
    const result = draft().seen;
    const record = OFFICERS.includes(state.session.role) && ['rejected', 'reported', 'closed'].includes(stageOf(hit)) &&
      el('a', { class: 'button', href: `#/record/${number}` }, icon('print'), t('ui_page_record'));
    return el('div', { class: 'row' }, dueLine(hit), list, record, nextLink(), result && seenWords(result),
      !list.length && !isDone(hit) && !SIGNERS.includes(state.session.role) && el('p', { class: 'soft' }, t('ui_reads_only')));
  }
  function seenWords(seen) {
    const found = seen.hits ?? [];
    const words = seen.error ? t('ui_seen_unknown') : found.length ? t('ui_seen_listed', { n: found.length }) : t('ui_seen_not_listed');
    return el('p', { class: found.length ? 'alike' : 'soft' }, el('span', { lang: 'zh' }, seen.plate ?? ''), ' ', words,
      seen.far_off && ` · ${t('ui_seen_far_off')}`);
  }
  function withdrawnWords(hit) {
    return el('p', { class: 'banner bad', role: 'alert' }, icon('no'), el('b', null, t('ui_withdrawn')), ' ',
      t('ui_withdrawn_at', { time: clock(hit.handling.withdrawn) }));
  }
  const controls = () => [...place.querySelectorAll('input, button, textarea, select')];
  function update() {
    const hit = hitNow();
    if (!hit) return;
    const h = hit.handling ?? {};
    const trigger = (env.pictures ?? []).some((one) => one.evidence === 'trigger' && one.kind === 'scene');
    const name = formOf(hit);
    const stamp = JSON.stringify([stageOf(hit), h.waits, h.withdrawn, h.answer, state.session?.officer, name, lang(), name === 'confirm' && trigger,
      draft().needsEye, !name && !h.waits && [h.due, Boolean(h.overdue), draft().seen]]);
    if (stamp !== drawn) {
      drawn = stamp;
      const held = place.contains(document.activeElement);
      const key = document.activeElement?.dataset.keys;
      const at = controls().indexOf(document.activeElement);
      const same = name !== null && name === place.dataset.form;
      fill(place, isWithdrawn(hit) && withdrawnWords(hit), content(hit));
      showNext(hit);
      place.dataset.form = name ?? '';
      /* The same control again, where there is one; else what was pressed is gone, and Tab goes on from here. */
      const again = same ? controls()[at] : key && place.querySelector(`[data-keys="${CSS.escape(key)}"]:not([hidden])`);
      if (held) (again || node).focus({ preventScroll: true });
      node.classList.toggle('open', Boolean(form) || !state.session);
      node.parentElement?.classList.toggle('filling', (Boolean(form) && !h.waits) || !state.session);
    }
    showNext(hit);
    tick();
  }
  function tick() {
    form?.tick?.();
    const line = place.querySelector('[data-due]');
    const due = line && new Date(line.dataset.due).getTime();
    if (!due || Number.isNaN(due)) return;
    const late = due < boxNow();
    const words = late ? '' : t('ui_due_in', { time: left(due - boxNow()) });
    line.classList.toggle('late', late);
    const hit = hitNow();
    line.textContent = late ? lateWords(hit) || t('overdue_now') : words;
  }

  function keys(event) {
    if (!event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
    const wanted = `Alt+${event.key.toUpperCase()}`;
    const target = node.querySelector(`[data-keys="${CSS.escape(wanted)}"]`);
    if (!target || target.hidden || document.querySelector('dialog[open]')) return;
    event.preventDefault();
    target.click();
  }
  addEventListener('keydown', keys);
  return { node, update, tick, say: refused, close: () => removeEventListener('keydown', keys) };
}

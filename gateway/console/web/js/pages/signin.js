/* Before the shift: who signs on. Emergency raise stands beside it, for nobody must have to sign on to
 * let a vehicle out of danger. */
import { el } from '../dom.js';
import { emergencyRaise, signsOff } from '../api.js';
import { kept } from '../kept.js';
import { t } from '../words.js';
import { choices, holdButton, notice } from '../widgets.js';
import { signOnBox } from '../signon.js';

export const title = 'ui_page_signin';
export const roles = [];

function emergency(lanes) {
  const said = notice();
  let lane = lanes[0];
  const raise = async () => {
    try {
      await emergencyRaise(lane);
      said.say(t('ui_emergency_raised', { n: lane }), 'ok');
    } catch (error) {
      said.fail(error);
    }
  };
  return el('section', { class: 'panel emergency', 'aria-label': t('ui_emergency_raise') },
    el('h2', null, t('ui_emergency_raise')), el('p', { class: 'soft' }, t('ui_emergency_raise_why')),
    lanes.length > 1 && choices({
      legend: t('ui_page_lanes'), rows: lanes.map((n) => ({ code: n, label: t('ui_lane_n', { n }) })), value: lane,
      onchange: (n) => (lane = Number(n)), cls: 'tight',
    }),
    holdButton({ label: t('ui_emergency_raise'), ms: 800, cls: 'danger wide', run: raise }), said);
}

export function render(root, params, context) {
  const ended = context.state.sessionEnded;
  const box = signOnBox({
    head: t('ui_sign_on_head'), officer: ended?.officer ?? '', why: ended && t('ui_session_ended'),
  });
  /* Those this tablet saw last; a new one offers the first few. */
  const seen = (kept('lanes') ?? '').split(' ').map(Number).filter(Boolean);
  const lanes = seen.length ? seen : [1, 2, 3, 4];
  const leaving = notice();
  const tell = () => leaving.say(signsOff() && t('ui_sign_out_waits'));
  tell();
  root.append(el('div', { class: 'signin' }, el('div', { class: 'panel stack' }, leaving, box), emergency(lanes)));
  if (context.opened) box.focusFirst();
  return context.subscribe((topics) => topics.has('signoff') && tell());
}

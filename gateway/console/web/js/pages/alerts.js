/* The alert list and the card. */
import { el } from '../dom.js';
import { t } from '../words.js';

export const title = 'ui_page_alerts';
export const roles = ['officer', 'leader', 'auxiliary', 'auditor'];

export function render(root) {
  root.append(el('h1', null, t('ui_page_alerts')));
  return () => {};
}

/* The alert list and, beside it, one card. A new alert opens by itself when no card is on screen. */
import { el, fill, painted } from '../dom.js';
import { t } from '../words.js';
import { state, subscribe } from '../state.js';
import { alertList, firstWaiting } from '../alert-list.js';
import { card } from '../card.js';
import { icon } from '../icons.js';

export const title = 'ui_page_alerts';
export const roles = ['officer', 'leader', 'auxiliary', 'auditor'];

let page = null; /* the one on screen */

const isWide = () => matchMedia('(min-width: 761px)').matches;

class AlertsPage {
  constructor(root, params, context) {
    this.keep = context.keep;
    this.list = alertList(this.keep);
    this.place = el('div', { class: 'card-place' });
    this.node = el('div', { class: 'alerts' }, this.list.node, this.place);
    this.card = null;
    root.append(this.node);
    this.stop = subscribe((topics, hits) => this.changed(topics, hits));
    this.show(Number(params[0]) || null);
  }

  show(number) {
    const waiting = number ?? (isWide() ? firstWaiting()?.hit : null);
    if (number === null && waiting) this.address(waiting);
    this.wanted = waiting ?? null;
    const hit = this.wanted && state.hits.get(this.wanted);
    if (!hit || this.card?.number !== this.wanted) {
      this.card?.close();
      this.card = hit ? card(hit, this.keep) : null;
      fill(this.place, this.card ? null : el('div', { class: 'card-body' }, el('p', { class: 'soft' }, icon('info'), ' ', t(this.wanted ? 'ui_hit_gone' : 'ui_no_card'))));
      if (this.card) this.place.replaceChildren(this.card.node);
    }
    this.node.classList.toggle('has-card', Boolean(this.wanted));
    this.list.update(this.wanted);
  }

  /* Into the address, after the card is on the screen: the browser's own part of it is slow. */
  async address(waiting) {
    await painted();
    if (page === this && this.wanted === waiting && /^(#\/(alerts\/?)?)?$/.test(location.hash)) history.replaceState(null, '', `#/alerts/${waiting}`);
  }

  changed(topics, hits) {
    if (topics.has('hits')) {
      if (!this.card) this.show(this.wanted);
      else this.list.update(this.wanted);
    }
    if (this.card && (hits.has(this.card.number) || ['lanes', 'duty', 'session', 'codes', 'board'].some((topic) => topics.has(topic)))) this.card.update();
    else if (this.card && topics.has('hits')) this.card.nextChanged();
  }

  close() {
    this.stop();
    this.card?.close();
  }
}

export function render(root, params, context) {
  page = new AlertsPage(root, params, context);
  const mine = page;
  return () => {
    mine.close();
    if (page === mine) page = null;
  };
}

/* Another card on the same page: the list stays as it is. */
export function update(params) {
  if (!page) return false;
  page.show(Number(params[0]) || null);
  return true;
}

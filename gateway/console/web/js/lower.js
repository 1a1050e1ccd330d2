/* Lowering by hand: the boom moves only while the button is pressed. Beats tell the box that it still is; the box
 * stops the boom itself when they stay away, so whatever ends the press here may fail to be told. */
import { act } from './api.js';
import { el } from './dom.js';

const BEAT_MS = 150; /* the box stops after 500 ms without one */
const BEATS_UNDER_WAY_MAX = 2;

class Press {
  constructor(lane, tell) {
    this.lane = lane;
    this.tell = tell;
    this.number = crypto.getRandomValues(new Uint32Array(1))[0] || 1;
    this.over = false;
    this.underWay = 0;
  }

  args() {
    return { lane: this.lane, press: this.number };
  }

  async begin() {
    this.tell('begun');
    this.timer = setInterval(() => this.beat(), BEAT_MS);
    try {
      await act('lower', this.args());
    } catch (error) {
      this.fail(error);
    }
  }

  async beat() {
    if (this.underWay >= BEATS_UNDER_WAY_MAX) return;
    this.underWay++;
    try {
      await act('lower_beat', this.args());
    } catch (error) {
      this.fail(error);
    } finally {
      this.underWay--;
    }
  }

  fail(error) {
    if (this.over) return;
    this.over = true;
    clearInterval(this.timer);
    this.tell('failed', error);
  }

  async end() {
    if (this.over) return;
    this.over = true;
    clearInterval(this.timer);
    this.tell('ended');
    try {
      await act('lower_end', this.args());
    } catch (error) {
      this.tell('failed', error); /* the box stops it for want of beats */
    }
  }
}

const PRESS_KEYS = new Set([' ', 'Enter']);

/* A button that lowers the boom of `lane` while it is pressed; tell('begun'|'ended'|'failed', error). `stop()` ends a
 * press, whoever asks. */
export function lowerButton(lane, label, tell) {
  let press = null;
  const begin = () => {
    if (press || node.disabled) return;
    press = new Press(lane, tell);
    node.classList.add('pressed');
    press.begin();
  };
  const stop = () => {
    press?.end();
    press = null;
    node.classList.remove('pressed');
  };
  const node = el('button', {
    type: 'button', class: 'button lower',
    onpointerdown: (event) => {
      if (event.button !== 0) return;
      node.setPointerCapture(event.pointerId);
      begin();
    },
    onpointerup: stop, onpointercancel: stop, onlostpointercapture: stop,
    onpointermove: (event) => {
      const box = node.getBoundingClientRect();
      const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top &&
        event.clientY <= box.bottom;
      if (!inside) stop();
    },
    onkeydown: (event) => {
      if (!PRESS_KEYS.has(event.key)) return;
      event.preventDefault();
      if (!event.repeat) begin();
    },
    onkeyup: stop, onblur: stop, oncontextmenu: (event) => event.preventDefault(),
  }, label);
  const hidden = () => document.hidden && stop();
  document.addEventListener('visibilitychange', hidden);
  addEventListener('blur', stop);
  addEventListener('pagehide', stop);
  const leave = () => {
    stop();
    document.removeEventListener('visibilitychange', hidden);
    removeEventListener('blur', stop);
    removeEventListener('pagehide', stop);
  };
  return { node, stop, leave };
}

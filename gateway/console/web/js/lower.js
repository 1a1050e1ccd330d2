/* Lowering by hand: the boom moves only while the button is pressed. Beats tell the box that it still is; the box
 * stops the boom itself when they stay away, so whatever ends the press here may fail to be told. */
import { act, Refused } from './api.js';
import { el } from './dom.js';
import { state, subscribe } from './state.js';

const BEAT_MS = 50; /* from one answer to the next beat; the box stops 500 ms after an answer nobody has repeated */

class Press {
  constructor(lane, tell) {
    this.lane = lane;
    this.tell = tell;
    this.number = crypto.getRandomValues(new Uint32Array(1))[0] || 1;
    this.over = false;
  }

  args() {
    return { lane: this.lane, press: this.number };
  }

  /* Each beat repeats the number of the answer before it, so there is never more than one on its way. */
  async begin() {
    this.tell('begun');
    try {
      let answer = await act('lower', this.args());
      while (!this.over) {
        answer = await act('lower_beat', { ...this.args(), beat: answer.beat });
        if (!answer.taken) throw new Refused(0, { code: 'unreachable' });
        await new Promise((done) => { setTimeout(done, BEAT_MS); });
      }
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error) {
    if (this.over) return;
    this.over = true;
    this.tell('failed', error);
  }

  async end() {
    if (this.over) return;
    this.over = true;
    this.tell('ended');
    try {
      await act('lower_end', this.args());
    } catch (error) {
      this.tell('failed', error); /* the box stops it for want of beats */
    }
  }
}

/* Heard of the whole window: a button that was switched off or taken away meanwhile hears nothing. */
const ENDS = ['pointerup', 'pointercancel', 'keyup', 'blur', 'pagehide', 'freeze'];
const PRESS_KEYS = new Set([' ', 'Enter']);

/* A button that lowers the boom of `lane` while it is pressed; tell('begun'|'ended'|'failed', error). `stop()` ends a
 * press, whoever asks. */
export function lowerButton(lane, label, tell) {
  let press = null;
  let finger = null; /* pointer that presses; null: a key */
  const begin = (pointer) => {
    if (press || node.disabled || state.link === 'lost') return;
    finger = pointer;
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
      begin(event.pointerId);
    },
    onlostpointercapture: stop,
    onpointermove: (event) => {
      const box = node.getBoundingClientRect();
      const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top &&
        event.clientY <= box.bottom;
      if (event.pointerId === finger && (!inside || event.buttons !== 1)) stop();
    },
    onkeydown: (event) => {
      if (!PRESS_KEYS.has(event.key)) return;
      event.preventDefault();
      if (!event.repeat) begin(null);
    },
    onblur: stop,
    /* A finger that rests brings it up, too: no menu comes then, and the press goes on. */
    oncontextmenu: (event) => {
      event.preventDefault();
      if (event.pointerType !== 'touch') stop();
    },
  }, label);
  /* A second finger, or a hand at the screen while a key is held: somebody wants something else. */
  const another = (event) => press && event.pointerId !== finger && stop();
  const hidden = () => document.hidden && stop();
  document.addEventListener('visibilitychange', hidden);
  for (const name of ENDS) addEventListener(name, stop);
  addEventListener('pointerdown', another, true);
  const deaf = subscribe((topics) => topics.has('link') && state.link === 'lost' && stop());
  const leave = () => {
    stop();
    document.removeEventListener('visibilitychange', hidden);
    for (const name of ENDS) removeEventListener(name, stop);
    removeEventListener('pointerdown', another, true);
    deaf();
  };
  return { node, stop, leave };
}

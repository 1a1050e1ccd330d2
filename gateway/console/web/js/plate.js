/* A plate drawn as plates look, so that eyes compare like with like: colours, two lines, red characters.
 * From the class (GA/T 16.7), else the colour read (GA/T 1400), else the text. Characters that differ
 * carry a frame and a wedge: not colour alone; their number is in the plate's name for screen readers. */
import { svg } from './dom.js';
import { t, of } from './words.js';

/* class -> [look, two lines at the rear or always] */
const looks = {
  '01': ['yellow', 'rear'], '02': ['blue'], '03': ['black'], '04': ['black'], '05': ['black'], '06': ['black'],
  '07': ['yellow', 'two'], '08': ['blue', 'two'], '13': ['yellow', 'two'], '14': ['field', 'two'], '15': ['yellow', 'two'],
  '16': ['yellow'], '17': ['yellow', 'two'], '20': ['paper'], '21': ['paper'], '22': ['paper'], '23': ['white'],
  '24': ['white', 'two'], '26': ['black'], '27': ['black'], '31': ['white'], '32': ['white'], '51': ['nevlarge'],
  '52': ['nev'],
};
const coloured = { 1: 'black', 2: 'white', 5: 'blue', 6: 'yellow', 9: 'nev' };

function byText(text) {
  if (/^WJ|^[A-Z]{2}[0-9A-Z?]{5}$/.test(text) || /警|应急/.test(text)) return 'white';
  if (/[使领港澳]/.test(text)) return 'black';
  if (/[挂学]$/.test(text)) return 'yellow';
  if (/^民航|^场内|^连港/.test(text)) return 'field';
  if (/^.[A-Z][DABCEFGHJK][0-9A-Z]\d{4}$/.test(text)) return 'nev';
  if (/^.[A-Z]\d{5}[DF]$/.test(text)) return 'nevlarge';
  return 'plain';
}

function lookOf({ text, cls, colour, place }) {
  const [name, lines] = looks[cls] ?? [coloured[colour] ?? byText(text)];
  const two = lines === 'two' || (lines === 'rear' && (place === 'rear' || place === 'trailer'));
  return { name: /应急$/.test(text) ? 'white' : name, two };
}

/* How many characters stand before the dot. */
function prefixOf(text) {
  if (/^WJ/.test(text)) return 2;
  if (/^[A-Z]{2}[0-9A-Z?]{5}$/.test(text)) return 2;
  if (/^[\u4e00-\u9fff?][A-Z?]/.test(text)) return 2;
  return 0;
}

const isRed = (look, text, at, char) => look === 'white' && (/[警应急]/.test(char) ||
  (/^WJ/.test(text) && (at < 2 || /[\u4e00-\u9fff]/.test(char))) || (/^[A-Z]{2}[0-9A-Z?]{5}$/.test(text) && at < 2));

function charOf(look, text, char, at, x, y, width, height, mark) {
  const narrow = /[1IJL]/.test(char);
  const node = svg('g', null);
  if (mark) {
    node.append(svg('rect', { class: 'mark', x: x - width / 2 - 5, y: y - height * 0.9, width: width + 10, height: height * 1.08, rx: 6 }),
      svg('path', { class: 'wedge', d: `M${x - 10} ${y + height * 0.34}h20l-10 -14z` }));
  }
  node.append(svg('text', {
    class: isRed(look, text, at, char) ? 'red' : 'ink', x, y, 'text-anchor': 'middle', 'font-size': height,
    textLength: narrow ? null : width, lengthAdjust: narrow ? null : 'spacingAndGlyphs',
  }, char === '?' ? '▢' : char));
  return node;
}

function row(look, text, from, to, box, marks) {
  const chars = [...text].slice(from, to);
  const gap = box.dot ? 24 : 0;
  const step = (box.w - 2 * box.pad - box.cw - gap) / Math.max(chars.length - 1, 1);
  return chars.map((char, n) => {
    const at = from + n;
    const x = box.pad + box.cw / 2 + n * step + (box.dot && n >= box.dot ? gap : 0);
    return charOf(look, text, char, at, x, box.y, box.cw, box.h, marks.has(at + 1));
  });
}

function oneLine(look, text, marks) {
  const count = [...text].length;
  const w = count <= 7 ? 440 : 440 + (count - 7) * 44;
  const dot = prefixOf(text);
  const cw = count <= 7 ? 45 : 42;
  const step = (w - 40 - cw - (dot ? 24 : 0)) / Math.max(count - 1, 1);
  return { w, h: 140, parts: [
    row(look, text, 0, count, { w, pad: 20, cw, dot, y: 104, h: 92 }, marks),
    dot > 0 && svg('circle', { class: 'ink', cx: 20 + cw / 2 + (dot - 0.5) * step + 12, cy: 72, r: 6 }),
  ] };
}

function twoLines(look, text, marks) {
  const count = [...text].length;
  return { w: 440, h: 220, parts: [
    row(look, text, 0, 2, { w: 440, pad: 120, cw: 72, y: 76, h: 60 }, marks),
    row(look, text, 2, count, { w: 440, pad: 24, cw: 62, y: 190, h: 108 }, marks),
  ] };
}

function nameOf(text, marks, label) {
  const differ = [...marks].sort((a, b) => a - b).map((at) => t('plate_differs_at', { at, char: [...text][at - 1] ?? '' }));
  return [label, [...text].join(' '), ...differ].filter(Boolean).join(', ');
}

/* {text, cls, colour, place, marks: positions from 1, label: what this plate is, for its name} */
export function plate({ text, cls = '', colour = 0, place = '', marks = [], label = '', small = false }) {
  const shown = text || '?'.repeat(7);
  const set = new Set(marks);
  const look = lookOf({ text: shown, cls, colour, place });
  const drawn = look.two && [...shown].length > 3 ? twoLines(look.name, shown, set) : oneLine(look.name, shown, set);
  const { w, h } = drawn;
  const split = look.name === 'nevlarge';
  return svg('svg', {
    class: `plate ${look.name} ${small ? 'small' : ''}`, viewBox: `0 0 ${w} ${h}`, role: 'img', lang: 'zh',
    'aria-label': nameOf(shown, set, label),
  },
  svg('rect', { class: 'ground', x: 2, y: 2, width: w - 4, height: h - 4, rx: 12 }),
  look.name === 'nev' && [0, 1, 2, 3, 4, 5].map((n) => svg('rect', { class: `shade s${n}`, x: 4, y: 4 + (n * (h - 8)) / 6, width: w - 8, height: (h - 8) / 6 + 0.5 })),
  split && svg('path', { class: 'front', d: `M12 4h${w * 0.27}v${h - 8}H12a8 8 0 0 1-8-8V12a8 8 0 0 1 8-8z` }),
  svg('rect', { class: 'rim', x: 8, y: 8, width: w - 16, height: h - 16, rx: 8 }),
  drawn.parts.flat());
}

/* "小型汽车号牌（蓝）", and of a colour alone "蓝". */
export function classWords(cls, colour) {
  return [of('class', cls), !cls && colour ? of('colour', colour) : ''].filter(Boolean).join(' ');
}

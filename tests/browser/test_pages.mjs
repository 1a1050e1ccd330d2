// Every page by every role: whom it shows, axe-core in both languages and themes, touch targets; and what the pages'
// buttons do at the box.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { smallTargets, violations } from './lib/axe.mjs';
import { about, box, until } from './lib/box.mjs';
import { Browser } from './lib/chromium.mjs';
import { drawPictures } from './lib/picture.mjs';
import { PAGES, goTo, holdDown, listed, makeHit, openConsole, row, setLook, signOn } from './lib/console.mjs';

const ALL_LOOKS = [['zh', 'night'], ['zh', 'day'], ['en', 'night'], ['en', 'day']];
const FULL = Boolean(process.env.CHECKPOINT_FULL);
let turn = Number(process.env.CHECKPOINT_SEED || 1);
const browser = await Browser.start();
after(() => browser.close());
let page = await openConsole(browser, 'leader');
const drawn = await drawPictures(browser.context, '鲁H12345');
await box('picture', { name: 'scene', kind: 'scene', data: drawn.scene });
await box('picture', { name: 'crop', kind: 'crop', data: drawn.crop });

async function changeTo(role) {
  await goTo(page, 'account');
  await page.locator('#sign-off').click();
  await page.waitForSelector('form.signon');
  await signOn(page, role);
}

/** What axe finds, and what is too small, on the page: in each look, or in the next in turn. */
async function look(name) {
  const found = [];
  const looks = FULL ? ALL_LOOKS : [ALL_LOOKS[turn++ % ALL_LOOKS.length]];
  for (const [language, theme] of looks) {
    await setLook(page, language, theme);
    found.push(...(await violations(page)).map((one) => `${name} ${language} ${theme}: ${one}`));
  }
  found.push(...(await smallTargets(page)).map((one) => `${name}: too small: ${one}`));
  return found;
}

test('no page has a violation in either language and theme', async () => {
  const [plate] = await listed(1, { priority: 1 });
  const { hit } = await makeHit(plate, { pictures: ['scene', 'crop'] });
  await page.waitForSelector(row(hit));
  const found = [];
  for (const name of PAGES.leader) {
    await goTo(page, name === 'alerts' ? `alerts/${hit}` : name);
    await page.waitForSelector('#page h1, #page h2');
    found.push(...await look(name));
  }
  assert.deepEqual(found, []);
});

test('the sign-on page has none either', async () => {
  await goTo(page, 'account');
  await page.locator('#sign-off').click();
  await page.waitForSelector('form.signon');
  assert.deepEqual(await look('signin'), []);
  await setLook(page, 'zh', 'night');
});

test('each role has its pages and no other', async () => {
  for (const role of ['officer', 'auxiliary', 'auditor', 'technician']) {
    await signOn(page, role);
    const shown = await page.$$eval('#nav a', (all) => all.map((one) => one.hash.slice(2)));
    assert.deepEqual(shown, PAGES[role].filter((name) => name !== 'account'), role);
    for (const name of ['check', 'report', 'alerts'].filter((one) => !PAGES[role].includes(one))) {
      await goTo(page, name);
      assert.equal(await page.locator('#page input, #page a.row-hit').count(), 0, `${role} sees ${name}`);
    }
    await goTo(page, 'account');
    await page.locator('#sign-off').click();
    await page.waitForSelector('form.signon');
  }
  await signOn(page, 'leader');
});

test('an auditor and a technician have the emergency raise, by name, and no other button that acts on a lane', async () => {
  for (const role of ['auditor', 'technician']) {
    await changeTo(role);
    await goTo(page, 'lanes');
    const first = page.locator('section.lane').first();
    const raise = first.getByRole('button', { name: /^紧急抬杆/ });
    await raise.waitFor();
    assert.equal(await first.getByRole('button').count(), 1, role);
    assert.equal(await page.getByRole('button', { name: '全部紧急抬杆' }).count(), 0, role);
    assert.deepEqual(await look(`lanes of ${role}`), []);
    await setLook(page, 'zh', 'night');
    await holdDown(page, raise);
    await until(`raised by ${role}`, async () => {
      const { ordered_by: by, ordered_who: who } = await box('lane_status', { lane: 1 });
      return by === 'emergency' && who?.officer === about.accounts[role].officer;
    });
  }
  await changeTo('leader');
});

test('a hold by the button: pressed shortly it does nothing, held it holds the lane', async () => {
  await goTo(page, 'lanes');
  const lane = page.locator('section.lane').nth(1);
  await lane.getByRole('button', { name: '拦截', exact: true }).click();
  const dialog = page.locator('dialog[open]');
  await dialog.locator('.choice').first().click();
  const press = dialog.locator('button.hold');
  await press.click(); // let go at once
  assert.deepEqual((await box('lane_status', { lane: 2 })).holds, []);
  await holdDown(page, press);
  await dialog.waitFor({ state: 'detached' });
  const [hold] = await until('a hold', async () => {
    const { holds, waiting } = await box('lane_status', { lane: 2 });
    const all = [...holds, ...waiting];
    return all.length && all;
  });
  await page.locator(`section.lane li[data-key="${hold.hold}"]`).waitFor();
});

test('an emergency raise by the keyboard alone', async () => {
  const raise = page.locator('section.lane').nth(1).getByRole('button', { name: /^紧急抬杆/ });
  await raise.focus();
  await page.keyboard.down('Enter');
  await until('the boom is open', async () => (await box('lane_status', { lane: 2 })).boom === 'open');
  await page.keyboard.up('Enter');
});

test('a plate is checked by the keypad alone', async () => {
  const [plate] = await listed(1);
  await goTo(page, 'check');
  for (const char of plate) await page.locator('.plate-keys button').getByText(char, { exact: true }).first().click();
  assert.equal(await page.locator('input.plate-text').inputValue(), plate);
  await page.locator('form .choice').first().click();
  await page.locator('button.primary').click();
  await page.waitForSelector('.answer.some');
  assert.match(await page.locator('.answer.some').textContent(), /命中/);
});

test('plates are drawn as plates look: colours, two lines, what differs marked and named', async () => {
  const rows = [ // plate, class, look, lines
    ['鲁H12345', '02', 'blue', 1], ['鲁H12345', '01', 'yellow', 1], ['鲁H1234挂', '15', 'yellow', 2], ['鲁H12345', '07', 'yellow', 2],
    ['鲁HD12345', '52', 'nev', 1], ['鲁H12345D', '51', 'nevlarge', 1], ['鲁H1234警', '23', 'white', 1], ['WJ鲁12345', '31', 'white', 1],
    ['粤Z1234港', '26', 'black', 1], ['使123456', '03', 'black', 1], ['鲁HF12345', '', 'nev', 1], ['鲁H1234学', '', 'yellow', 1]];
  const drawn = await page.evaluate(async (list) => {
    const { plate } = await import('/js/plate.js');
    return list.map(([text, cls]) => plate({ text, cls, marks: [3, 5] })).map((one) => ({
      look: one.classList[1], lines: new Set([...one.querySelectorAll('text')].map((char) => char.getAttribute('y'))).size,
      marked: one.querySelectorAll('rect.mark').length, name: one.getAttribute('aria-label'), lang: one.getAttribute('lang') }));
  }, rows);
  for (const [at, [text, , look, lines]] of rows.entries()) {
    const { name, ...rest } = drawn[at];
    assert.deepEqual(rest, { look, lines, marked: 2, lang: 'zh' }, text);
    assert.ok(name.startsWith([...text].join(' ')) && name.includes([...text][2]), name);
  }
});

test('the pages did nothing they must not', () => {
  assert.deepEqual(page.found, []);
  assert.ok(about.url.startsWith('https:'));
});

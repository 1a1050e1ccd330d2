// An answer that never came: pressed again, the act goes out under the number it had and is done once; answered, the next press
// is a new act. Nothing is sent again by the page itself.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { box, until } from './lib/box.mjs';
import { Browser } from './lib/chromium.mjs';
import { openConsole } from './lib/console.mjs';

const PLATE = '鲁H65432';
const browser = await Browser.start();
after(() => browser.close());
const page = await openConsole(browser, 'officer', 'check');
const sent = [];
page.on('request', (request) => request.url().endsWith('/api/act') && sent.push(request.postDataJSON()));
const numbers = (name) => sent.filter((one) => one.do === name).map((one) => one.once);

/** The answers of the next acts, so many, reach the browser and not the page. */
const lose = (count) => page.evaluate((left) => {
  window.wellFetch ??= window.fetch;
  let n = left;
  window.fetch = async (path, options) => {
    const answer = await window.wellFetch(path, options);
    if (path !== '/api/act' || n === 0) return answer;
    n -= 1;
    throw new TypeError('the link broke');
  };
}, count);

/** How many checks are on record by the officer. */
async function checks() {
  const day = 24 * 3600 * 1000;
  const iso = (ms) => new Date(ms).toISOString();
  const answer = await box('act_as', { role: 'leader', name: 'report', args: { from: iso(Date.now() - day), to: iso(Date.now() + 1000) } });
  assert.ok(answer.ok, JSON.stringify(answer));
  return answer.result.searches.filter((row) => row.officer === '100001' && row.kind === 'check').reduce((sum, row) => sum + row.count, 0);
}

const ask = () => page.locator('button.primary');
const failed = page.locator('.notice[data-kind="bad"]');

test('a check pressed again for want of an answer is one check', async () => {
  const before = await checks();
  await page.locator('input.plate-text').fill(PLATE);
  await page.locator('form .choice').first().click();
  await lose(2);
  for (const times of [1, 2]) {
    await ask().click();
    await until('it was sent', () => numbers('check').length === times);
    await failed.waitFor();
  }
  assert.equal(await checks(), before + 1);
  await ask().click();
  await page.locator('.answer').waitFor();
  assert.equal(new Set(numbers('check')).size, 1);
  assert.equal(await checks(), before + 1);
  await ask().click();
  await until('the fourth', () => numbers('check').length === 4);
  await page.locator('.answer').waitFor();
  assert.equal(new Set(numbers('check')).size, 2, 'it was answered: whoever presses means it anew');
  assert.equal(await checks(), before + 2);
});

test('two presses at once are one check', async () => {
  const before = await checks();
  await ask().evaluate((button) => {
    button.click();
    button.click();
  });
  await page.locator('.answer').waitFor();
  assert.equal(numbers('check').length, 5, 'the page asks once at a time');
  assert.equal(await checks(), before + 1);
});

test('an act asked for again while it is on its way has its number', async () => {
  const before = await checks();
  await page.evaluate(async (plate) => {
    const { act } = await import('/js/api.js');
    const args = { plate, reason: 'at_lane', class: '02' };
    await Promise.all([act('check', args), act('check', args)]);
  }, PLATE);
  await until('both', () => numbers('check').length === 7);
  assert.equal(new Set(numbers('check').slice(-2)).size, 1);
  assert.equal(await checks(), before + 1);
});

test('the page did nothing it must not', () => {
  assert.deepEqual(page.found, []);
});

// An alert from the card's appearance to closed, as officers do it: looking long enough, stating what agrees, typing
// what differs, a second person, two officers at once, the language switched, a session ended, no mouse.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { box } from './lib/box.mjs';
import { Browser } from './lib/chromium.mjs';
import { about, goTo, listed, makeHit, openConsole, row, setLook, signOn, until } from './lib/console.mjs';
import { drawPictures } from './lib/picture.mjs';

const booth = await Browser.start();
const other = await Browser.start('lane-2');
after(async () => {
  await booth.close();
  await other.close();
});
const page = await openConsole(booth, 'officer');
const drawn = await drawPictures(booth.context, '鲁H12345');
await box('picture', { name: 'scene', kind: 'scene', data: drawn.scene });
await box('picture', { name: 'crop', kind: 'crop', data: drawn.crop });
const PICTURES = { pictures: ['scene', 'crop'] };

async function open(hit, tab = page) {
  await tab.waitForSelector(row(hit), { state: 'attached' });
  await goTo(tab, `alerts/${hit}`);
  await tab.waitForFunction((number) => document.querySelector(`a.row-hit[aria-current][href="#/alerts/${number}"]`), hit);
}

const button = (name, tab = page) => tab.locator('.do').getByRole('button', { name });
const stage = (code, tab = page) => tab.waitForFunction((words) => document.querySelector('.card .steps .now-at b')?.textContent === words, code);
const refusal = (tab = page) => tab.locator('.do .notice[data-kind="bad"]');

/** At once, and nothing where the button is gone meanwhile. */
const press = (keys, tab = page) => tab.evaluate((at) => document.querySelector(`[data-keys="${at}"]`)?.click(), keys);

/** What of these does not stand wholly inside the window and on top. */
const outOfSight = (selectors, tab = page) => tab.evaluate((all) => all.filter((selector) => {
  const node = document.querySelector(selector);
  const at = node.getBoundingClientRect();
  const seen = (x, y) => node.contains(document.elementFromPoint(x, y));
  return !seen(at.left + at.width / 2, at.top + 4) || !seen(at.left + at.width / 2, at.bottom - 4);
}), selectors);

async function stateAll(tab = page) {
  for (const box_ of await tab.locator('.agree input[type="checkbox"]').all()) await box_.check();
}

/** Submits the form of statements; where the box knows of no trigger picture it wants 已目视核对 besides. */
async function confirmNow(tab = page) {
  const go = tab.locator('.do form button[type="submit"]');
  await tab.waitForFunction(() => !document.querySelector('.do form button[type="submit"]').disabled);
  await go.click();
  await tab.waitForFunction(() => document.querySelector('.card .steps .now-at b')?.textContent === '核对'
    || document.querySelector('.do .notice[data-kind="bad"]')?.textContent);
  if (await tab.locator('.agree input').count() !== 4) return;
  await tab.locator('.agree input').last().check();
  await go.click();
}

test('a new alert opens by itself: the plate, its pictures, why, and what to do', async () => {
  const [plate] = await listed(1, { instructions: '勿惊动车内人员', vehicle: '灰色帕萨特' });
  const event = await makeHit(plate, PICTURES);
  const card = page.locator('.card');
  await card.waitFor();
  await page.waitForFunction((hash) => location.hash === hash, `#/alerts/${event.hit}`);
  assert.match(await card.locator('svg.plate').first().getAttribute('aria-label'), new RegExp([...plate].join(' ')));
  await card.locator('.scene img').waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll('.card img')].every((one) => one.complete && one.naturalWidth > 0));
  const text = await card.innerText();
  for (const words of ['触发图片', '精确匹配', '灰色帕萨特', '勿惊动车内人员', 'A3717000001', '菏泽市公安局', '王五']) {
    if (words !== '触发图片') assert.ok(text.includes(words), `${words} is not on the card`);
  }
  assert.match(await page.locator('#call').innerText(), /新预警/);
});

test('confirming takes all three statements and the time to look', async () => {
  await button('签收').click();
  await stage('签收');
  await button('核对一致').click();
  const go = page.locator('.do form button[type="submit"]');
  await page.waitForSelector('.do form .agree');
  assert.equal(await go.isDisabled(), true);
  assert.deepEqual(await outOfSight(['.compare svg.plate', '.do form button[type="submit"]']), [], 'at 1024x600');
  await stateAll();
  await page.waitForFunction(() => !document.querySelector('.do form button[type="submit"]').disabled);
  await page.locator('.agree input').first().uncheck();
  assert.equal(await go.isDisabled(), true, 'two of three are not enough');
  await page.locator('.agree input').first().check();
  await confirmNow();
  await stage('核对');
  await button('开始拦截').click();
  await stage('拦截');
});

test('no hit closes without an outcome', async () => {
  await button('处置反馈').click();
  await button('提交反馈').click();
  await refusal().waitFor();
  for (const words of ['已拦截', '排除嫌疑', '属地派出所']) await page.locator('.do').getByLabel(words, { exact: true }).check();
  await page.getByLabel('文书编号').fill('济公(交)检字〔2026〕7号');
  await button('提交反馈').click();
  await stage('处置反馈');
  await button('办结').click();
  await stage('办结');
});

test('the record of the stop says all in words of both languages, no code', async () => {
  const hash = new URL(page.url()).hash;
  await goTo(page, hash.slice(2).replace('alerts', 'record'));
  await page.waitForSelector('.sheet tbody');
  const text = await page.locator('.sheet').innerText();
  for (const words of ['被盗抢', 'Stolen', '已拦截', 'intercepted', '车道', about.accounts.officer.officer]) assert.ok(text.includes(words), `${words} is not in: ${text}`);
  assert.doesNotMatch(text, /stolen/);
  await goTo(page, hash.slice(2));
});

test('a look-alike: the differing characters are typed as seen, nothing is filled in', async () => {
  const listedPlate = '鲁HB4170';
  await box('list_entries', { plates: [`${listedPlate}6`] });
  const event = await makeHit('鲁H841706', PICTURES);
  await open(event.hit);
  assert.equal(event.match, 'look_alike');
  assert.match(await page.locator('.card svg.plate').first().getAttribute('aria-label'), /第 3 位 B 不同/);
  await page.locator('.card .alike').waitFor();
  await button('签收').click();
  await button('核对一致').click();
  const typed = page.locator('.typed input');
  assert.equal(await typed.inputValue(), '');
  await stateAll();
  await typed.fill('8');
  await confirmNow();
  await page.waitForFunction(() => document.querySelector('.do .notice[data-kind="bad"]')?.textContent.includes('与布控号牌不符'));
  await typed.fill('b');
  await confirmNow();
  await stage('核对');
});

test('priority 1: a reject waits for a leader, who agrees on the same tablet', async () => {
  const [plate] = await listed(1, { priority: 1 });
  const event = await makeHit(plate, PICTURES);
  await open(event.hit);
  await button('签收').click();
  await button('核对不符').click();
  await button('确认不符').click();
  await refusal().waitFor();
  await page.locator('.do .choices label').first().click();
  await button('确认不符').click();
  const second = page.locator('.do fieldset.second');
  await page.getByText('等待带班领导或总部同意').waitFor();
  await second.locator('input').first().fill(about.accounts.leader.officer);
  await second.locator('input').last().fill(about.accounts.leader.pin);
  await button('在本机同意').click();
  await page.waitForFunction(() => document.querySelector('.card .steps .now-at b')?.textContent === '已排除');
});

test('two officers at once: the first answer counts, the other sees who gave it', async () => {
  const second = await openConsole(other, 'second_officer');
  const [plate] = await listed(1);
  const event = await makeHit(plate, PICTURES);
  await open(event.hit);
  await open(event.hit, second);
  await Promise.all([press('Alt+S'), press('Alt+S', second)]);
  await stage('签收');
  await stage('签收', second);
  for (const tab of [page, second]) await button('核对不符', tab).click();
  for (const tab of [page, second]) await tab.locator('.do .choices label').first().click();
  const submit = (tab) => tab.evaluate(() => document.querySelector('.do form')?.requestSubmit());
  await Promise.all([submit(page), submit(second)]);
  for (const tab of [page, second]) {
    await tab.waitForFunction(() => document.querySelector('.card .steps .now-at b')?.textContent === '已排除');
    const words = await tab.locator('.card .steps .now-at').innerText();
    assert.ok([about.accounts.officer, about.accounts.second_officer].some(({ officer }) => words.includes(officer)), words);
  }
  assert.deepEqual(second.found, []);
  await second.close();
});

test('switching the language draws again all that stands on screen, and keeps what was begun', async () => {
  const [plate] = await listed(1);
  const event = await makeHit(plate, PICTURES);
  await open(event.hit);
  await button('签收').click();
  await button('核对一致').click();
  await page.locator('.agree input').first().check();
  await setLook(page, 'en', 'night');
  await page.waitForSelector('.do form .agree');
  assert.equal(await page.locator('.agree input').first().isChecked(), true);
  const left = await page.evaluate(() => {
    const foreign = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      const from = node.parentElement.closest('[lang]')?.getAttribute('lang') ?? '';
      if (/[\u4e00-\u9fff]/.test(node.data) && !from.startsWith('zh') && node.parentElement.checkVisibility()) foreign.push(node.data);
    }
    return foreign;
  });
  const data = /^(被盗车辆|菏泽市公安局|王五|济公.*)$/; // the list's own words are in one language
  assert.deepEqual(left.filter((words) => !data.test(words.trim())), []);
  await setLook(page, 'zh', 'night');
});

test('a session that ended keeps the alert on screen, with a sign-on box over its actions', async () => {
  const hash = new URL(page.url()).hash;
  await booth.context.clearCookies();
  await button('取消').click();
  await button('核对不符').click();
  await page.locator('.do .choices label').first().click();
  await button('确认不符').click();
  await page.waitForSelector('.do form.signon');
  assert.equal(new URL(page.url()).hash, hash);
  await page.locator('.card svg.plate').first().waitFor();
  await signOn(page, 'officer');
  await page.waitForSelector('#link.ok');
  await page.waitForSelector('.do form:not(.signon), .do .row');
  assert.equal(new URL(page.url()).hash, hash);
});

const sounding = (want, tab = page) => tab.waitForFunction((name) => document.documentElement.dataset.sounding === name, want);

/** Signs for everything that waits, so that what sounds is the next hit's. */
async function signAll() {
  for (let row_ = page.locator('.queue section').first().locator('a.row-hit').first(); await row_.count();) {
    await goTo(page, (await row_.getAttribute('href')).slice(2));
    await press('Alt+S');
    await stage('签收');
  }
}

test('it sounds by severity until somebody signs, and only after one tap; priority 1 cannot be muted', async () => {
  await signAll();
  await page.reload();
  await page.waitForSelector('#link.ok');
  const [plate] = await listed(1, { priority: 1 });
  const event = await makeHit(plate, PICTURES);
  await open(event.hit);
  await page.getByText('轻触开启预警声音').waitFor();
  await sounding('');
  await page.getByText('轻触开启预警声音').click();
  await sounding('p1');
  await page.locator('#sound').click();
  await page.waitForFunction(() => document.querySelector('#sound').getAttribute('aria-label').startsWith('已静音'));
  await sounding('p1');
  await page.locator('#sound').click();
  await button('签收').click();
  await sounding('');
});

test('officer risk: no sound, the frame flashes, not to be stopped alone, a second person confirms', async () => {
  await signAll();
  const [plate] = await listed(1, { officer_risk: ['armed'] });
  const event = await makeHit(plate, PICTURES);
  await open(event.hit);
  await page.waitForSelector('.alarm-frame');
  await sounding('');
  assert.match(await page.locator('.card .risk').innerText(), /勿单独拦截[^]*可能持有武器/);
  await button('签收').click();
  await page.waitForSelector('.alarm-frame', { state: 'detached' });
  await button('核对一致').click();
  await stateAll();
  await page.waitForFunction(() => !document.querySelector('.do form button[type="submit"]').disabled);
  await page.locator('.do form button[type="submit"]').click();
  await page.waitForFunction(() => document.querySelector('.do form h2')?.textContent.includes('等待第二人确认')
    || document.querySelector('.do .notice[data-kind="bad"]')?.textContent);
  if (await page.locator('.agree input').count() === 4) {
    await page.locator('.agree input').last().check();
    await page.locator('.do form button[type="submit"]').click();
  }
  await page.getByText('等待第二人确认').waitFor();
  assert.notEqual(await page.locator('.card .steps .now-at b').innerText(), '核对', 'confirmed by one person');
  const due = () => page.locator('#banners', { hasText: '报平安' }).innerText();
  await page.locator('#well').waitFor();
  const before = await due();
  await page.locator('#well').click();
  await page.waitForFunction((words) => document.querySelector('#banners').innerText !== words, before);
});

test('everything by keyboard: sign, look, state, confirm, intercept, report, close; each by its name', async () => {
  const [plate] = await listed(1);
  const event = await makeHit(plate, PICTURES);
  await open(event.hit);
  await page.keyboard.press('Alt+s');
  await stage('签收');
  await page.keyboard.press('Alt+c');
  await page.waitForFunction(() => document.activeElement?.matches('.agree input'));
  for (let n = await page.locator('.agree input').count(); n > 0; n--) {
    const named = await page.evaluate(() => document.activeElement.closest('label')?.innerText);
    assert.equal(await page.getByRole('checkbox', { name: named.split('\n')[0] }).count(), 1, named);
    await page.keyboard.press('Space');
    await page.keyboard.press('Tab');
  }
  await page.waitForFunction(() => !document.querySelector('.do form button[type="submit"]').disabled);
  await page.locator('.do form button[type="submit"]').focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('.card .steps .now-at b')?.textContent === '核对'
    || document.querySelector('.do .notice[data-kind="bad"]')?.textContent);
  if (await page.locator('.agree input').count() === 4) {
    await page.locator('.agree input').last().focus();
    await page.keyboard.press('Space');
    await page.locator('.do form button[type="submit"]').focus();
    await page.keyboard.press('Enter');
  }
  await stage('核对');
  assert.ok(await page.evaluate(() => document.querySelector('.do').contains(document.activeElement)), 'Tab begins at the top of the page');
  await page.keyboard.press('Alt+i');
  await stage('拦截');
  await page.keyboard.press('Alt+b');
  for (const legend of ['处置结果', '嫌疑情况', '移交']) {
    await page.waitForFunction((words) => document.activeElement?.closest('fieldset')?.querySelector('legend')?.textContent === words, legend);
    await page.keyboard.press('Space');
    await page.keyboard.press('Tab');
  }
  await page.keyboard.type('20260007');
  await page.keyboard.press('Enter');
  await stage('处置反馈');
  await until('Tab reaches the button that closes', async () => {
    await page.keyboard.press('Tab');
    return page.evaluate(() => document.activeElement?.matches('.do [data-keys="Alt+F"]'));
  });
  await page.keyboard.press('Enter');
  await stage('办结');
  await page.keyboard.press('Alt+2');
  await page.waitForSelector('main.page-lanes');
  assert.deepEqual(page.found, []);
});

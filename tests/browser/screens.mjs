// Screenshots of every page in both languages, of a real box with invented vehicles and officers:
//   tests/run.sh --screens [FOLDER]      (image/screens unless told)
// One file a page and language, 1024x600: alert-zh.png, lanes-en.png …; the alert, the list and the sign-on by day, too.
import fs from 'node:fs';
import path from 'node:path';
import { box, until } from './lib/box.mjs';
import { Browser } from './lib/chromium.mjs';
import { drawPictures } from './lib/picture.mjs';
import { goTo, listed, makeHit, openConsole, row, setLook } from './lib/console.mjs';

const folder = path.resolve(process.argv[2] ?? 'image/screens');
fs.mkdirSync(folder, { recursive: true });
const browser = await Browser.start();
const page = await openConsole(browser, 'leader');

async function shoot(name) {
  await page.evaluate(() => document.fonts.ready);
  await until('every picture is drawn', () => page.evaluate(() => [...document.images].every((one) => one.complete)));
  await page.screenshot({ path: path.join(folder, `${name}.png`), animations: 'disabled' });
}

/** The page in both languages by night; `prepare` fills it in anew, for a language switch draws the page again. */
async function both(name, hash, { prepare = async () => {}, day = false } = {}) {
  for (const language of ['zh', 'en']) {
    await setLook(page, language, 'night');
    await goTo(page, 'account');
    await goTo(page, hash);
    await page.waitForSelector('#page h1, #page h2');
    await prepare();
    await shoot(`${name}-${language}`);
    if (!day) continue;
    await setLook(page, language, 'day');
    await shoot(`${name}-${language}-day`);
  }
  await setLook(page, 'zh', 'night');
}

async function pictures(name, plate, colour) {
  const drawn = await drawPictures(browser.context, plate, colour);
  await box('picture', { name: `${name}-scene`, kind: 'scene', data: drawn.scene });
  await box('picture', { name: `${name}-crop`, kind: 'crop', data: drawn.crop });
  return [`${name}-scene`, `${name}-crop`];
}

async function invent() {
  const card = { vehicle: '灰色大众帕萨特轿车', instructions: '勿惊动车内人员，先控制车钥匙' };
  await box('list_entries', { plates: ['鲁H8B345'], category: 'fugitive', priority: 1, class: '02', reason: '在逃人员驾乘', ...card });
  await box('list_entries', { plates: ['鲁R66218', '豫N7K206'], category: 'stolen', class: '02', ...card });
  const [first] = await listed(1, { category: 'case', class: '02' });
  await makeHit('豫N7K206', { pictures: await pictures('b', '豫N7K206') });
  await makeHit(first, { camera: 12 });
  return (await makeHit('鲁H8B345', { camera: 12, confidence: 96, pictures: await pictures('a', '鲁H8B345') })).hit;
}

const click = (selector) => page.locator(selector).first().click();
const hit = await invent();
await page.waitForSelector(row(hit), { state: 'attached' });
await page.locator('#sound').click();
await both('alert', `alerts/${hit}`, { day: true, prepare: () => page.waitForSelector('.card img').catch(() => {}) });
await both('lanes', 'lanes', { prepare: () => page.waitForSelector('section.lane') });
await both('check', 'check', {
  prepare: async () => {
    await page.locator('input.plate-text').fill('鲁R66218');
    await click('form .choice');
    await click('button.primary');
    await page.waitForSelector('.answer');
  },
});
await both('history', 'history');
await both('lookouts', 'lookouts');
await both('handover', 'handover');
await both('report', 'report', {
  prepare: async () => {
    await click('.stack .button.primary');
    await page.waitForSelector('.report section, .notice[data-kind="bad"]');
  },
});
await both('health', 'health', { prepare: () => page.waitForSelector('.tiles') });
await both('account', 'account');
await click('#sign-off');
for (const language of ['zh', 'en']) {
  await setLook(page, language, 'night');
  await page.waitForSelector('form.signon');
  await shoot(`signin-${language}`);
}
console.log(`${fs.readdirSync(folder).length} pictures in ${folder}`);
await browser.close();
process.exit(0);

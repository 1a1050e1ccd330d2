// Screenshots of every page in both languages, of a real box with invented vehicles and officers:
//   tests/run.sh --screens [FOLDER]      (image/screens unless told; with CHECKPOINT_SCREEN=390x844 of a phone)
// One file a page and language, 1024x600 by night: alert-zh.png, lanes-en.png …; the alert by day, too. With CHECKPOINT_FULL
// every one of them by night and day before axe-core, and what it finds is an error.
import fs from 'node:fs';
import path from 'node:path';
import { smallTargets, violations } from './lib/axe.mjs';
import { about, box } from './lib/box.mjs';
import { Browser, KIOSK } from './lib/chromium.mjs';
import { goTo, live, openConsole, row, setLook, signOn } from './lib/console.mjs';
import { invent, later, makeHandled, makeRisk } from './lib/scenes.mjs';

const folder = path.resolve(process.argv[2] ?? 'image/screens');
const [width, height] = (process.env.CHECKPOINT_SCREEN ?? `${KIOSK.width}x${KIOSK.height}`).split('x').map(Number);
const FAR_LANE = 3; // may be lowered by hand, and is run through
fs.mkdirSync(folder, { recursive: true });
const FULL = Boolean(process.env.CHECKPOINT_FULL);
const found = [];
const browser = await Browser.start('booth', { viewport: { width, height } });
let page = await browser.context.newPage();

async function shoot(name, tab = page) {
  await tab.evaluate(() => document.fonts.ready);
  await tab.evaluate(() => Promise.all([...document.images].map((one) => one.decode().catch(() => {})))); // broken: shown as that
  if (FULL) found.push(...[...await violations(tab), ...await smallTargets(tab)].map((one) => `${name}: ${one}`));
  await tab.screenshot({ path: path.join(folder, `${name}.png`), animations: 'disabled' });
}

/** What stands on screen, in each language by night and where asked for by day; left as an officer finds it. */
async function looks(name, prepare, day) {
  for (const language of ['zh', 'en']) {
    await setLook(page, language, 'night');
    await prepare();
    await shoot(`${name}-${language}`);
    if (!day && !FULL) continue;
    await setLook(page, language, 'day');
    await shoot(`${name}-${language}-day`);
  }
  await setLook(page, 'zh', 'night');
}

/** The page of that hash; `prepare` fills it in anew, for a language switch draws the page again. */
const both = (name, hash, { prepare = async () => {}, day = false } = {}) => looks(name, async () => {
  await goTo(page, 'account');
  await goTo(page, hash);
  await page.waitForSelector('#page h1, #page h2', { state: 'attached' });
  await prepare();
}, day);

const click = (selector) => page.locator(selector).first().click();
const press = (keys) => page.locator(`[data-keys="${keys}"]`).click();
const pictured = () => page.waitForSelector('.card img');

/** The card with a form open: `keys` opens it, unless it has stayed open. */
const withForm = (keys, fill = async () => {}) => async () => {
  await page.waitForSelector('.do form, .do .row');
  if (!await page.locator('.do form').count()) await press(keys);
  await page.waitForSelector('.do form');
  await fill();
};

async function act(role, name, args) {
  const answer = await box('act_as', { role, name, args });
  if (!answer.ok) throw new Error(`${name}: ${JSON.stringify(answer.error)}`);
  return answer.result;
}

// ---- before the shift ----

await page.goto(about.url);
await page.waitForSelector('form.signon');
await looks('signin', () => page.waitForSelector('form.signon'));
const stranger = await Browser.start(null, { viewport: { width, height } });
const pairing = await stranger.context.newPage();
await pairing.goto(about.pair_url);
await pairing.waitForSelector('#code');
await shoot('pairing', pairing);
await stranger.close();

// ---- alerts ----

const hits = await invent(browser.context);
await signOn(page, 'leader');
await live(page);
await page.waitForSelector(row(hits.first), { state: 'attached' });
await page.locator('#sound').click();
await both('alert', `alerts/${hits.first}`, { day: true, prepare: pictured });
await act('officer', 'hit_show', { hit: hits.alike });
await act('officer', 'hit_sign', { hit: hits.alike });
await both('alike', `alerts/${hits.alike}`, { prepare: withForm('Alt+C') });
await later(hits);
await both('later', `alerts/${hits.snapshot}`, { prepare: async () => {
  await page.locator('figure.later img').waitFor();
  await page.locator('figure.later').scrollIntoViewIfNeeded();
} });
await act('officer', 'hit_sign', { hit: hits.first });
await both('confirm', `alerts/${hits.first}`, { prepare: withForm('Alt+C') });
await click('.do .ends .button:not(.primary)');
await both('reject', `alerts/${hits.first}`, { prepare: withForm('Alt+R') });
await click('.do .ends .button:not(.primary)');
await act('officer', 'hit_reject', { hit: hits.first, reason: 'vehicle_differs' });
await both('second', `alerts/${hits.first}`, { prepare: () => page.waitForSelector('.do form') });
await makeHandled(hits.caught, act);
await both('feedback', `alerts/${hits.caught}`, { prepare: withForm('Alt+B') });
await click('.do .ends .button:not(.primary)');
await act('officer', 'hit_feedback', { hit: hits.caught, outcome: 'intercepted_detained', suspect: true, handed_to: 'criminal', document: '济公(交)检字〔2026〕7号' });
await both('record', `record/${hits.caught}`, { prepare: () => page.waitForSelector('.sheet tbody') });

const risk = await makeRisk(browser.context);
await page.waitForSelector('.banner.strip');
await both('risk', `alerts/${risk}`, { prepare: pictured });
await act('officer', 'hit_sign', { hit: risk });

// ---- the other pages ----

await act('second_leader', 'hold', { lane: FAR_LANE, reason: 'suspicious' });
await act('second_leader', 'service_out', { lane: 2, reason: 'maintenance' });
await both('lanes', 'lanes', { prepare: () => page.waitForSelector('section.lane') });
await both('check', 'check', { prepare: async () => {
  await page.locator('input.plate-text').fill(hits.plate);
  await click('form .choice');
  await click('button.primary');
  await page.waitForSelector('.answer');
  await page.locator('.answer').scrollIntoViewIfNeeded();
} });
await both('history', 'history');
await both('found', 'history', { prepare: async () => {
  await page.locator('.field input[maxlength="40"]').fill('A3717000001');
  await page.locator('#page form fieldset').last().locator('.choice').first().click();
  await page.locator('input[type="password"]').fill(about.accounts.leader.pin);
  await click('#page form button.primary');
  await page.waitForSelector('section.result tbody tr');
  await page.locator('section.result').scrollIntoViewIfNeeded();
} });
await act('second_leader', 'lookout_add', {
  plate: '鲁R90417', class: 'any', hours: 8, reason: '走失老人', case: 'A3717000002',
  second: { officer: about.accounts.officer.officer, password: about.accounts.officer.pin } });
await both('lookouts', 'lookouts', { prepare: () => page.waitForSelector('#page ul.plain-list > li') });
await both('handover', 'handover', { prepare: () => page.waitForSelector('#page .two section') });
await both('report', 'report', { prepare: async () => {
  await click('.stack .button.primary');
  await page.waitForSelector('.report section');
  await page.locator('.report').evaluate((one) => one.scrollIntoView());
} });
await both('health', 'health', { prepare: () => page.waitForSelector('.tiles') });
await both('account', 'account');

// ---- what stands above every page ----

await act('auxiliary', 'help', {});
await both('help', 'lanes', { prepare: () => page.waitForSelector('#banners .banner.bad') });
await box('lane_do', { lane: FAR_LANE, what: 'boom_off', off: true });
for (const language of ['zh', 'en']) { // it covers the buttons: the language is what the tablet has kept
  await page.evaluate((to) => localStorage.setItem('checkpoint.language', to), language);
  await page.reload();
  await page.waitForSelector('dialog.run[open]');
  await shoot(`run-${language}`);
}
await click('dialog.run button.seen');
await box('cut');
await page.waitForSelector('#banners .banner.bad:not(:has(button))');
await looks('lost', () => page.waitForSelector('#link.bad'));
await box('mend');
await live(page);

// ---- a session that ends under an alert ----

await goTo(page, `alerts/${hits.snapshot}`);
await pictured();
await browser.context.clearCookies();
await press('Alt+S');
await looks('ended', () => page.waitForSelector('.do form.signon'));
console.log(`${fs.readdirSync(folder).length} pictures in ${folder}`);
await browser.close();
found.forEach((one) => console.error(one));
process.exit(found.length ? 1 : 0);

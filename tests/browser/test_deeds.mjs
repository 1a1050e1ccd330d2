// What an officer's hand does beside the alert: lowers while it presses, releases and raises all with the PIN, takes a lane out,
// searches with the PIN, begins a look-out with a second person, accepts a shift, prints a stop, calls for help, sees a
// run-through, changes the PIN. Each is pressed on the page and looked for at the box.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { about, box, until } from './lib/box.mjs';
import { Browser } from './lib/chromium.mjs';
import { goTo, listed, live, makeHit, openConsole, row, signOn } from './lib/console.mjs';

const HAND_LANE = 3; // may be lowered by hand
const browser = await Browser.start();
after(() => browser.close());
const page = await openConsole(browser, 'leader');
const { pin } = about.accounts.leader;

const lane = (number) => page.locator(`section.lane[aria-labelledby="lane-${number}"]`);
const button = (number, name) => lane(number).getByRole('button', { name, exact: true });
const dialog = page.locator('dialog[open].dialog');
const bad = (inside) => inside.locator('.notice[data-kind="bad"]');
const status = (number) => box('lane_status', { lane: number });
const boomState = () => box('lane_do', { lane: HAND_LANE, what: 'state' });

async function down(locator) {
  await locator.scrollIntoViewIfNeeded();
  const at = await locator.boundingBox();
  await page.mouse.move(at.x + at.width / 2, at.y + at.height / 2);
  await page.mouse.down();
}

/** Holds the button until `done` gives something true, and lets go; what it gave. */
async function hold(locator, done) {
  await down(locator);
  try {
    return await done();
  } finally {
    await page.mouse.up();
  }
}

/** Fills the dialog of an act in: the first reason, the PIN; and holds its button until the dialog goes or says why not. */
async function ask({ own = null, reason = true } = {}) {
  if (reason) await dialog.locator('.choice').first().click();
  if (own !== null) await dialog.getByLabel('本人口令').fill(own);
  await dialog.locator('.notice').evaluate((said) => delete said.dataset.kind); // of the try before
  await hold(dialog.locator('button.hold'), () => page.waitForFunction(() => !document.querySelector('dialog[open].dialog')
    || document.querySelector('dialog[open].dialog .notice[data-kind="bad"]')));
}

async function raise() {
  const answer = await box('act_as', { role: 'second_leader', name: 'raise', args: { lane: HAND_LANE, reason: 'test' } });
  assert.ok(answer.ok, JSON.stringify(answer));
}

await raise(); // and comes up meanwhile
const up = () => until('the boom is open', async () => (await status(HAND_LANE)).boom === 'open');

test('one touch calls for help, whatever is drawn anew meanwhile; a short one asks', async () => {
  const help = page.locator('#help');
  const banner = page.locator('#banners .banner.bad', { hasText: '求助' });
  await help.click();
  await dialog.locator('button.hold').waitFor();
  await page.keyboard.press('Escape');
  await hold(help, async () => {
    await page.evaluate(async () => (await import('/js/state.js')).touch('link'));
    await banner.waitFor();
  });
  assert.equal(await dialog.count(), 0, 'the end of that touch opened something');
  await banner.getByRole('button', { name: '求助解除' }).click();
  await dialog.getByRole('button', { name: '误触' }).click();
  await banner.waitFor({ state: 'detached' });
});

test('a call for help stands on screen until it is ended', async () => {
  await page.locator('#help').click();
  await hold(dialog.locator('button.hold'), () => dialog.waitFor({ state: 'detached' }));
  const banner = page.locator('#banners .banner.bad', { hasText: '求助' });
  await banner.getByRole('button', { name: '求助解除' }).click();
  await dialog.getByRole('button', { name: '已安全' }).click();
  await banner.waitFor({ state: 'detached' });
});

test('a reject with the true plate: looked up and answered, and the stop is printed', async () => {
  const [plate, seen] = await listed(2);
  const { hit } = await makeHit(plate);
  await page.waitForSelector(row(hit), { state: 'attached' });
  await goTo(page, `alerts/${hit}`);
  const acts = page.locator('.do');
  await acts.getByRole('button', { name: '签收' }).click();
  await acts.getByRole('button', { name: '核对不符' }).click();
  await acts.locator('.choices label').first().click();
  await acts.locator('summary').click();
  await acts.locator('input.plate-text').fill(seen);
  await acts.getByRole('button', { name: '确认不符' }).click();
  await acts.getByText('实际号牌在名单中（1 条）').waitFor();
  await acts.getByRole('link', { name: '检查记录单' }).click();
  const sheet = page.locator('article.sheet');
  await sheet.waitFor();
  for (const words of [String(hit), about.accounts.leader.officer]) assert.ok((await sheet.innerText()).includes(words), words);
  await page.emulateMedia({ media: 'print' });
  for (const [selector, shown] of [['article.sheet', true], ['#bar', false], ['#nav', false], ['.no-print', false]]) {
    assert.equal(await page.locator(selector).first().isVisible(), shown, `${selector} in print`);
  }
  await page.emulateMedia({ media: null });
});

test('an entry withdrawn under the open form: the form goes, the card says so, and nobody confirms', async () => {
  const [plate] = await listed(1);
  const { hit, entry } = await makeHit(plate);
  await goTo(page, 'alerts');
  await page.waitForSelector(row(hit), { state: 'attached' });
  await goTo(page, `alerts/${hit}`);
  const acts = page.locator('.do');
  await acts.getByRole('button', { name: '签收' }).click();
  await acts.getByRole('button', { name: '核对一致' }).click();
  await acts.locator('.agree').waitFor();
  await box('withdraw_entries', { ids: [entry.id] });
  await acts.getByText('已撤控：不得据此拦截').waitFor();
  assert.equal(await acts.locator('.agree').count(), 0);
  assert.equal(await acts.getByRole('button', { name: '核对一致' }).count(), 0);
  await acts.getByRole('button', { name: '核对不符' }).click();
  await acts.locator('.choices label', { hasText: '总部告知已撤控' }).click();
  await acts.getByRole('button', { name: '确认不符' }).click();
  await acts.getByRole('button', { name: '办结' }).waitFor();
});

test('help by keyboard: let go early or another window in front does nothing; held on, it calls once', async () => {
  const calls = async () => (await box('act_as', { role: 'second_leader', name: 'duty' })).result.help;
  await page.locator('#help').focus();
  await page.keyboard.press('Enter');
  const press = dialog.locator('button.hold');
  await page.waitForFunction(() => document.activeElement?.matches('dialog[open] button.hold'));
  await page.keyboard.down('Space');
  await page.waitForSelector('dialog[open] button.held');
  await page.keyboard.up('Space');
  await page.keyboard.down('Space');
  await page.evaluate(() => window.dispatchEvent(new Event('blur')));
  await page.waitForSelector('dialog[open] button.hold:not(.held)');
  await page.keyboard.down('Space'); // repeats: the key has not been let go
  assert.equal(await press.evaluate((one) => one.classList.contains('held')), false);
  await page.keyboard.up('Space');
  await page.keyboard.down('Enter');
  await page.waitForSelector('dialog[open] button.held');
  await dialog.waitFor({ state: 'detached' });
  await page.keyboard.down('Enter'); // repeats where the dialog was, on the button that opened it
  assert.equal(await dialog.count(), 0, 'a key that is still held opened it again');
  await page.keyboard.up('Enter');
  assert.equal((await calls()).length, 1);
  await page.locator('#banners').getByRole('button', { name: '求助解除' }).click();
  await dialog.getByRole('button', { name: '误触' }).click();
  await page.locator('#banners .banner.bad').waitFor({ state: 'detached' });
});

test('history asks for the PIN each time', async () => {
  await goTo(page, 'history');
  await page.getByLabel('案件编号').fill('A3717');
  const form = page.locator('#page form');
  await form.locator('fieldset').last().locator('.choice').first().click();
  const own = page.getByLabel('本人口令');
  await own.fill('000001');
  await form.locator('button.primary').click();
  await bad(form).waitFor();
  assert.equal(await page.locator('section.result').isVisible(), false, 'found without a PIN');
  await own.fill(pin);
  await form.locator('button.primary').click();
  await page.waitForSelector('section.result .notice[data-kind="ok"]');
  assert.ok(await page.locator('section.result tbody tr').count() >= 1);
  assert.equal(await own.inputValue(), '');
});

test('history comes page by page: every passage once', async () => {
  const plates = Array.from({ length: 55 }, (_, n) => `皖K${String(20000 + n * 17)}`);
  for (const plate of plates) await box('pass_by', { plate, plate_class: '02' });
  await makeHit((await listed(1))[0]); // through the same lane, behind them
  const form = page.locator('#page form');
  await form.locator('.plate-text').fill('皖K2????');
  await page.getByLabel('本人口令').fill(pin);
  await form.locator('button.primary').click();
  const more = page.locator('section.result button.wide');
  const shown = () => page.$$eval('section.result tbody tr svg.plate', (all) => all.map((one) => one.getAttribute('aria-label').replaceAll(' ', '')));
  await more.waitFor();
  assert.equal((await shown()).length, 50);
  await more.click();
  await page.waitForSelector('section.result .notice[data-kind="ok"]');
  assert.equal(await more.isVisible(), false);
  assert.deepEqual((await shown()).sort(), plates.sort());
});

test('the report says how long it took to sign and to answer', async () => {
  const { hits } = (await box('act_as', { role: 'second_leader', name: 'board' })).result;
  const longest = (when) => Math.max(...hits.map((one) => one.handling).filter(Boolean)
    .map((one) => Date.parse(when(one) ?? one.opened) - Date.parse(one.opened)));
  await goTo(page, 'report');
  await page.locator('#page button.primary').click();
  for (const [name, when] of [['签收用时', (one) => one.signed?.time], ['核对用时', (one) => one.answered]]) {
    const table = page.locator('section.panel', { has: page.getByRole('heading', { name }) }).locator('table');
    await table.waitFor();
    const [heads, values] = [await table.locator('th').allInnerTexts(), await table.locator('td').allInnerTexts()];
    const value = (head) => values[heads.indexOf(head)];
    assert.ok(Number(value('次数')) >= 1, `${name}: ${values}`);
    const s = Math.round(longest(when) / 1000);
    assert.equal(value('最长'), s < 60 ? `${s} 秒` : `${Math.floor(s / 60)} 分钟`, name);
    for (const head of ['中位数', '九成以内']) assert.match(value(head), /^\d+ (秒|分钟)$/);
  }
});

test('a look-out takes a second person', async () => {
  await goTo(page, 'lookouts');
  const form = page.locator('#page section.two');
  await form.locator('input.plate-text').fill('鲁R90417');
  await form.getByLabel('临控原因').fill('走失老人');
  await form.getByLabel('案件编号').fill('A3717');
  const go = form.locator('button.hold');
  await hold(go, () => bad(form).waitFor());
  assert.deepEqual((await box('act_as', { role: 'second_leader', name: 'lookouts' })).result.lookouts, []);
  await form.getByLabel('第二人警号').fill(about.accounts.second_leader.officer);
  await form.getByLabel('第二人口令').fill(about.accounts.second_leader.pin);
  await form.locator('.notice').evaluate((said) => delete said.dataset.kind);
  await hold(go, () => form.locator('.notice[data-kind="ok"], .notice[data-kind="bad"]').waitFor());
  assert.equal(await form.locator('.notice').getAttribute('data-kind'), 'ok', await form.innerText());
  await page.locator('#page ul.plain-list > li').first().waitFor();
  const { lookouts } = (await box('act_as', { role: 'second_leader', name: 'lookouts' })).result;
  assert.deepEqual(lookouts.map((one) => [one.plate, one.second]), [['鲁R90417', about.accounts.second_leader.officer]]);
});

test('a shift is accepted by name, with the PIN', async () => {
  await goTo(page, 'handover');
  const accept = page.locator('#page section', { has: page.locator('button.hold') }).last();
  await accept.getByLabel('本人口令').fill(pin);
  await hold(accept.locator('button.hold'), () => page.waitForFunction(() => document.querySelector('#page .notice[data-kind="ok"], #page .notice[data-kind="bad"]')));
  const { from } = (await box('act_as', { role: 'second_leader', name: 'handover' })).result;
  assert.equal(from?.officer, about.accounts.leader.officer, await accept.innerText());
});

test('the boom comes down while the button is pressed, and stops with the press, the focus or the LAN', async () => {
  await goTo(page, 'lanes');
  await up();
  const press = lane(HAND_LANE).locator('button.lower');
  const ends = {
    'the hand lets go': () => page.mouse.up(),
    'the page loses the focus': () => page.evaluate(() => window.dispatchEvent(new Event('blur'))),
    'the LAN is cut': () => box('cut'),
  };
  for (const [how, end] of Object.entries(ends)) {
    let before = 1;
    let said = '';
    await until(`it comes down until ${how}`, async () => { // refused while the way is not known to be clear: pressed again
      before = (await boomState()).position;
      await down(press);
      const answered = await until('the press is answered', async () => {
        if ((await boomState()).motion < 0) return 'moves';
        said = await lane(HAND_LANE).locator('.notice').innerText();
        return await bad(lane(HAND_LANE)).count() && 'refused';
      });
      if (answered !== 'moves') await page.mouse.up();
      if (said.includes('请先抬杆')) await raise().then(up); // a scan too late on a busy machine: the lane lost the boom's position
      return answered === 'moves';
    }).catch((error) => assert.fail(`${error.message}: ${said}`));
    await end();
    const stopped = await until(`the boom stops when ${how}`, async () => {
      const { motion, position } = await boomState();
      return motion === 0 && { position };
    });
    assert.ok(stopped.position > 0 && stopped.position < before, `${how}: ${before}, then ${stopped.position}`);
    await page.mouse.up();
  }
  await box('mend');
  await live(page);
  assert.equal((await status(HAND_LANE)).ordered_who.officer, about.accounts.leader.officer);
});

/** Real touches: [[x, y], …] are the fingers on the screen from then on. */
async function touch(session, type, fingers) {
  if (fingers.length || session.fingers) await session.send('Input.dispatchTouchEvent', { type, touchPoints: fingers.map(([x, y], id) => ({ x, y, id })) });
  session.fingers = fingers.length;
}

test('whatever ends the press ends the lowering: key, finger, second finger, menu, tab, page', async () => {
  const session = await page.context().newCDPSession(page);
  const press = lane(HAND_LANE).locator('button.lower');
  const fire = (type, where = 'window') => () => page.evaluate(([name, at]) => (at === 'window' ? window : document).dispatchEvent(new Event(name)), [type, where]);
  const key = async () => {
    await press.focus();
    await page.keyboard.down('Space');
  };
  const at = async () => {
    const { x, y, width, height } = await press.boundingBox();
    return [x + width / 2, y + height / 2];
  };
  const finger = async () => touch(session, 'touchStart', [await at()]);
  const ways = {
    'the key is let go': [key, () => page.keyboard.up('Space')],
    'the button loses the focus': [key, () => press.evaluate((one) => one.blur())],
    'the mouse presses meanwhile': [key, () => page.mouse.click(540, 28)],
    'the tab is hidden': [key, () => page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { value: true, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
      delete document.hidden;
    })],
    'the page is frozen': [key, fire('freeze')],
    'the finger is lifted, which rested long': [finger, async () => {
      const before = beats();
      await press.evaluate((one) => one.dispatchEvent(new PointerEvent('contextmenu', { pointerType: 'touch', bubbles: true, cancelable: true })));
      await until('beats go on', () => beats() > before + 1);
      await touch(session, 'touchEnd', []);
    }],
    'the touch is cancelled': [finger, () => touch(session, 'touchCancel', [])],
    'a second finger comes': [finger, async () => touch(session, 'touchStart', [await at(), [540, 28]])],
    'the mouse leaves the button': [() => down(press), () => page.mouse.move(540, 28)],
    'the menu is called': [key, () => press.dispatchEvent('contextmenu')],
  };
  const sent = [];
  const beats = () => sent.filter((name) => name === 'lower_beat').length;
  const note = (request) => request.url().endsWith('/api/act') && sent.push(request.postDataJSON().do);
  page.on('request', note);
  await goTo(page, 'lanes');
  await press.scrollIntoViewIfNeeded();
  for (const [how, [begin, end]] of Object.entries(ways)) {
    let said = '';
    if ((await boomState()).position < 0.3) await raise().then(up);
    await until(`beats before ${how}`, async () => {
      sent.length = 0;
      await begin();
      const answered = await until('the press is answered', async () => (beats() > 1 ? 'beats' : await bad(lane(HAND_LANE)).count() && 'refused'));
      if (answered === 'beats') return true;
      said = await lane(HAND_LANE).locator('.notice').innerText();
      await touch(session, 'touchEnd', []);
      await page.mouse.up();
      await page.keyboard.up('Space');
      if (/请先抬杆|抬杆解除/.test(said)) await raise().then(up);
      return false;
    }).catch((error) => assert.fail(`${error.message}: ${said}`));
    await end();
    await until(`told when ${how}`, () => sent.includes('lower_end'));
    await until(`the boom stands when ${how}`, async () => (await boomState()).motion === 0);
    const told = sent.lastIndexOf('lower_beat');
    assert.ok(told < sent.indexOf('lower_end') && sent.filter((name) => name === 'lower').length === 1, `${how}: ${sent}`);
    await touch(session, 'touchEnd', []);
    await page.mouse.up();
    await page.keyboard.up('Space');
  }
  page.off('request', note);
  await key();
  await page.reload(); // the box stops by itself, whether or not it was told
  await until('the boom stands when the page is left', async () => (await boomState()).motion === 0);
  await page.keyboard.up('Space');
  await live(page);
});

test('a release takes the PIN', async () => {
  assert.ok((await box('act_as', { role: 'second_leader', name: 'hold', args: { lane: HAND_LANE, reason: 'test' } })).ok);
  const release = lane(HAND_LANE).locator('.hold-row button');
  await release.click();
  await ask({ own: '000001' });
  await bad(dialog).waitFor();
  assert.equal((await status(HAND_LANE)).holds.length, 1);
  await ask({ own: pin, reason: false });
  await lane(HAND_LANE).locator('.hold-row').waitFor({ state: 'detached' });
  assert.deepEqual((await status(HAND_LANE)).holds, []);
});

test('a lane goes out of service and comes back', async () => {
  for (const [name, out] of [['停用车道', true], ['恢复使用', false]]) {
    await button(1, name).click();
    await ask();
    await dialog.waitFor({ state: 'detached' });
    await until(name, async () => Boolean((await status(1)).out_of_service) === out);
  }
});

test('every boom goes up at once, with the PIN', async () => {
  await page.getByRole('button', { name: '全部紧急抬杆' }).click();
  await ask({ own: pin });
  await dialog.waitFor({ state: 'detached' });
  await until('lane 2 is open', async () => (await status(2)).boom === 'open');
  await until('lane 3 is ordered up', async () => (await status(HAND_LANE)).ordered_by === 'emergency');
});

test('a run-through: red, whole screen, with the number of headquarters, until seen', async () => {
  await box('lane_do', { lane: HAND_LANE, what: 'boom_off', off: true });
  const red = page.locator('dialog.run[open]');
  await red.waitFor();
  assert.ok((await red.innerText()).includes(about.phone), await red.innerText());
  const shown = await red.boundingBox();
  assert.deepEqual([shown.width, shown.height], [1024, 600]);
  const calls = async () => (await box('act_as', { role: 'second_leader', name: 'duty' })).result.help;
  await hold(red.getByRole('button', { name: '求助' }), () => until('help is called', async () => (await calls()).length === 1));
  await red.getByRole('button', { name: '已知悉' }).click();
  await red.waitFor({ state: 'detached' });
  await page.locator('#banners').getByRole('button', { name: '求助解除' }).click();
  await dialog.getByRole('button', { name: '已安全' }).click();
  assert.ok((await status(HAND_LANE)).run_through);
  await box('lane_do', { lane: HAND_LANE, what: 'boom_off', off: false });
  await until('the boom is back on', async () => !(await status(HAND_LANE)).inputs.includes('boom_off'));
  await button(HAND_LANE, '现场已确认').click();
  await dialog.getByLabel('现场所见').fill('栏杆被撞开，已复位');
  await ask({ reason: false });
  await dialog.waitFor({ state: 'detached' });
  await until('it was looked at', async () => !(await status(HAND_LANE)).run_through);
  assert.equal(await red.count(), 0, 'seen, it comes back with the next status');
});

test('the PIN is changed, and counts at the next sign-on', async () => {
  const fresh = '739164';
  await goTo(page, 'account');
  const form = page.locator('#page form');
  const change = async (old) => {
    await form.getByLabel('本人口令').fill(old);
    await form.getByLabel('新口令', { exact: true }).fill(fresh);
    await form.getByLabel('再次输入新口令').fill(fresh);
    await form.locator('button.primary').click();
  };
  await change('000001');
  await bad(form).waitFor();
  await change(pin);
  await page.waitForSelector('form.signon'); // every session of the officer ends with the old PIN
  about.accounts.leader.pin = fresh;
  await signOn(page, 'leader');
  assert.deepEqual(page.found, []);
});

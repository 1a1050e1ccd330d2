// What the browser itself is told and holds to: cookies, headers, no script from elsewhere or in the markup, and no
// way in without a paired tablet.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { about } from './lib/box.mjs';
import { Browser } from './lib/chromium.mjs';
import { openConsole } from './lib/console.mjs';

const browser = await Browser.start();
after(() => browser.close());
const page = await openConsole(browser, 'officer');

test('the session is one cookie no script can read', async () => {
  const cookies = await browser.context.cookies();
  assert.deepEqual(cookies.map(({ name, secure, httpOnly, sameSite, path }) => ({ name, secure, httpOnly, sameSite, path })),
    [{ name: '__Host-token', secure: true, httpOnly: true, sameSite: 'Strict', path: '/' }]);
  assert.equal(await page.evaluate(() => document.cookie), '');
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  assert.ok(!kept.includes(cookies[0].value), 'the token lies in the storage');
});

test('headers of the page and of an answer', async () => {
  const answer = await page.goto(`${about.url}/`);
  const headers = answer.headers();
  assert.match(headers['content-security-policy'], /default-src 'none'/);
  assert.match(headers['content-security-policy'], /require-trusted-types-for 'script'/);
  assert.match(headers['content-security-policy'], /frame-ancestors 'none'/);
  assert.doesNotMatch(headers['content-security-policy'], /unsafe-(inline|eval)|https?:|\*/);
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.equal(headers['referrer-policy'], 'no-referrer');
  assert.match(headers['strict-transport-security'], /max-age=\d+/);
  assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
  const session = await page.evaluate(async () => {
    const response = await fetch('/api/session');
    return [response.headers.get('cache-control'), response.headers.get('content-type')];
  });
  assert.match(session[0], /no-store/);
  assert.match(session[1], /^application\/json/);
});

test('inline script, eval and markup in strings are refused by the browser', async () => {
  const done = await page.evaluate(() => {
    const tried = {};
    const attempt = (name, run) => {
      try {
        run();
        tried[name] = 'done';
      } catch (error) {
        tried[name] = error.name;
      }
    };
    attempt('innerHTML', () => (document.body.innerHTML = '<b>x</b>'));
    attempt('script text', () => document.body.append(Object.assign(document.createElement('script'), { text: 'window.ran = 1' })));
    attempt('script source', () => (document.createElement('script').src = 'https://example.org/x.js'));
    attempt('worker', () => new Worker('/js/other.js'));
    attempt('another policy', () => trustedTypes.createPolicy('mine', { createHTML: (text) => text }));
    attempt('handler in an attribute', () => document.createElement('a').setAttribute('onclick', 'window.ran = 2'));
    return { tried, ran: window.ran ?? null };
  });
  assert.equal(done.ran, null);
  for (const [name, result] of Object.entries(done.tried)) assert.equal(result, 'TypeError', name);
});

test('nothing is fetched in the clear or from elsewhere, and a fetch there fails', async () => {
  const failed = await page.evaluate((url) => fetch(url.replace('https', 'http')).then(() => 'done', (error) => error.name), about.url);
  assert.equal(failed, 'TypeError');
  const entries = await page.evaluate(() => performance.getEntriesByType('resource').map((one) => new URL(one.name).origin));
  assert.ok(entries.length > 10);
  assert.deepEqual([...new Set(entries)], [new URL(about.url).origin]);
});

test('a browser without a tablet certificate gets nothing', async () => {
  const stranger = await Browser.start(null);
  try {
    const tab = await stranger.context.newPage();
    const outcome = await tab.goto(`${about.url}/`, { timeout: 10000 }).then((answer) => `status ${answer?.status()}`, (error) => error.message);
    assert.match(outcome, /ERR_|Timeout|status 403/);
    assert.equal(await tab.locator('form.signon').count(), 0);
  } finally {
    await stranger.close();
  }
});

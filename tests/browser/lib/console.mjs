// What tests do at the console: sign on, walk its pages, watch for what a page must never do.
import { about, box, until } from './box.mjs';

export const PAGES = {
  officer: ['alerts', 'lanes', 'check', 'history', 'lookouts', 'handover', 'health', 'account'],
  leader: ['alerts', 'lanes', 'check', 'history', 'lookouts', 'handover', 'report', 'health', 'account'],
  auxiliary: ['alerts', 'lanes', 'check', 'history', 'lookouts', 'handover', 'health', 'account'],
  auditor: ['alerts', 'lanes', 'history', 'lookouts', 'handover', 'report', 'health', 'account'],
  technician: ['lanes', 'health', 'account'],
};

/** What a page must never do, gathered while it runs: errors, violations of its own policy, anything from elsewhere. */
export function watch(page) {
  const found = [];
  page.on('pageerror', (error) => found.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (/Content Security Policy|TrustedScript|Mixed Content|Refused to/i.test(message.text())) found.push(message.text());
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'data:' && url.protocol !== 'blob:' && url.origin !== new URL(about.url).origin) found.push(`from elsewhere: ${url}`);
  });
  return found;
}

export async function signOn(page, role) {
  const { officer, pin } = about.accounts[role];
  await page.locator('input[name="officer"]').fill(officer);
  await page.locator('input[name="pin"]').fill(pin);
  await page.locator('input[name="pin"]').press('Enter');
  await page.waitForSelector('#nav a');
}

/** A tab with somebody signed on, on the page of that name; `page.found` is what `watch` gathers. */
export async function openConsole(browser, role, name = 'alerts', { init = null } = {}) {
  const page = await browser.context.newPage();
  page.found = watch(page);
  if (init) await page.addInitScript(init);
  await page.goto(`${about.url}/#/${name}`);
  await page.waitForSelector('form.signon, #nav a');
  if (await page.locator('form.signon').count()) await signOn(page, role);
  await live(page);
  return page;
}

/** Until the tab says that it hears the box. */
export const live = (page) => page.waitForSelector('#link.ok');

export async function goTo(page, name) {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#/${name}`);
  await page.waitForSelector(`main.page-${name.split('/')[0]}`);
}

/** Language ('zh', 'en') and theme ('night', 'day') by the buttons an officer has. */
export async function setLook(page, language, theme) {
  const has = await page.evaluate(() => [document.documentElement.lang.slice(0, 2), document.documentElement.dataset.theme]);
  if (has[0] !== language) await page.locator('#language').click();
  if (has[1] !== theme) await page.locator('#theme').evaluate((one) => one.click()); // a phone has it on a page, not in its bar
  await page.waitForFunction(([l, t]) => document.documentElement.lang.startsWith(l) && document.documentElement.dataset.theme === t,
    [language, theme]);
}

export const row = (hit) => `a.row-hit[href="#/alerts/${hit}"]`;

/** Numbers of the hits on screen, as often as they stand there. */
export const rowsOf = (page) => page.$$eval('a.row-hit', (rows) => rows.map((one) => Number(one.hash.split('/')[2])));

/** Presses a hold-to-confirm button as long as it takes. */
export async function holdDown(page, locator) {
  const at = await locator.boundingBox();
  await page.mouse.move(at.x + at.width / 2, at.y + at.height / 2);
  await page.mouse.down();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await page.mouse.up();
}

// Programs that share a box begin far from each other.
let plates = [...process.argv[1].split('/').at(-1)].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 97, 7) * 1000;

/** Plates nobody else in this run has, listed and in force; the letters keep them from looking alike. */
export async function listed(count, fields = {}) {
  const letters = 'ACEFHJKLMNPQRTUVWXY';
  const fresh = Array.from({ length: count }, () => {
    plates += 1;
    const scattered = (plates * 7919) % 100000;
    return `鲁${letters[plates % letters.length]}${String(scattered).padStart(5, '0')}`;
  });
  await box('list_entries', { plates: fresh, ...fields });
  return fresh;
}

/** The event of a hit made now. */
export const makeHit = async (plate, options = {}) => (await box('make_hit', { plate, plate_class: '02', ...options })).event;

export { about, box, until };

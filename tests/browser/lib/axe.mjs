// axe-core over what is on screen; every violation is a sentence.
import { AXE } from './chromium.mjs';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** Violations on the page as it stands, [] when there is none. */
export async function violations(page) {
  // Not the page's own script: its policy would refuse one. It stays while the console moves from page to page.
  if (!await page.evaluate(() => Boolean(globalThis.axe))) await page.evaluate(AXE);
  const result = await page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags, resultTypes: ['violations'] }), TAGS);
  if (result.passes.length < 5) throw new Error('axe looked at nothing');
  return result.violations.flatMap((rule) => rule.nodes.map((node) =>
    `${rule.id}: ${node.html.slice(0, 160)} (${[...node.any, ...node.all, ...node.none].map((check) => check.message).join('; ').slice(0, 200)})`));
}

/** Targets an officer in gloves can hit: what can be pressed and is smaller than 56 px either way, by its words. */
export const smallTargets = (page) => page.$$eval('button, a.button, a.bar-button, a.row-hit, #nav a, .choice, .tick, .state-tick, select, summary.button', (all) => all
  .filter((one) => one.offsetParent !== null && !one.disabled).map((one) => [one, one.getBoundingClientRect()])
  .filter(([, { width, height }]) => width < 55.5 || height < 55.5)
  .map(([one, { width, height }]) => `${(one.textContent.trim() || one.id || one.className).slice(0, 30)} ${Math.round(width)} x ${Math.round(height)} px`));

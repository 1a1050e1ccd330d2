// Debian's Chromium as a tablet has it: the box's CA among its own, one client certificate chosen without asking,
// nothing of either ignored. Each browser has a home of its own that goes with it.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { about, PATIENCE_MS } from './box.mjs';

const modules = createRequire(path.join(process.env.CHECKPOINT_NODE_MODULES, 'of-the-tests.js'));
const { chromium } = modules('playwright-core');
export const AXE = fs.readFileSync(modules.resolve('axe-core/axe.min.js'), 'utf8');

// Nothing is fetched from elsewhere, and one user (root, in a container) needs no second sandbox.
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=user-gesture-required',
  '--js-flags=--expose-gc'];
export const KIOSK = { width: 1024, height: 600 };

function makeDatabase(home, tablet) {
  const database = path.join(home, '.pki', 'nssdb');
  const bundle = path.join(home, 'tablet.p12');
  const run = (program, ...args) => execFileSync(program, args, { stdio: 'pipe' });
  fs.mkdirSync(database, { recursive: true });
  run('certutil', '-d', `sql:${database}`, '-N', '--empty-password');
  run('certutil', '-d', `sql:${database}`, '-A', '-t', 'C,,', '-n', 'box', '-i', about.ca);
  if (!tablet) return;
  run('openssl', 'pkcs12', '-export', '-in', tablet.certificate, '-inkey', tablet.key, '-out', bundle,
    '-passout', 'pass:tablet', '-name', 'tablet');
  run('pk12util', '-d', `sql:${database}`, '-i', bundle, '-W', 'tablet', '-K', '');
}

/** The preference behind the policy AutoSelectCertificateForUrls. */
function choosePreference(profile) {
  const folder = path.join(profile, 'Default');
  const chosen = JSON.stringify({ pattern: new URL(about.url).origin, filter: {} });
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'Preferences'),
    JSON.stringify({ profile: { managed_auto_select_certificate_for_urls: [chosen] } }));
}

/** One browser of one tablet (null: without a certificate); `close()` ends it and removes its home. */
export class Browser {
  static async start(tablet = 'booth', options = {}) {
    const self = new Browser();
    self.home = fs.mkdtempSync(path.join(os.tmpdir(), 'cpb.'));
    self.profile = path.join(self.home, 'profile');
    self.options = options;
    makeDatabase(self.home, tablet && about.tablets[tablet]);
    choosePreference(self.profile);
    await self.open();
    return self;
  }

  async open() {
    this.context = await chromium.launchPersistentContext(this.profile, {
      executablePath: '/usr/bin/chromium', headless: true, env: { ...process.env, HOME: this.home }, args: FLAGS,
      viewport: KIOSK, locale: 'zh-CN', timezoneId: 'Asia/Shanghai', ...this.options });
    this.context.setDefaultTimeout(PATIENCE_MS);
    return this.context;
  }

  /** As after a power cut of the tablet: the same profile, a new process. */
  async restart() {
    await this.context.close();
    return this.open();
  }

  async close() {
    await this.context.close();
    fs.rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}

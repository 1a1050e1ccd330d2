// The consoles of streams.mjs: node streams-child.mjs URL ROLE …, forked; a question at a time, {open}, {stall}, {heard}.
import fs from 'node:fs';
import https from 'node:https';
import { about } from './box.mjs';

const [url, ...roles] = process.argv.slice(2);
const tablet = about.tablets.booth;
const base = { ca: fs.readFileSync(about.ca), cert: fs.readFileSync(tablet.certificate), key: fs.readFileSync(tablet.key) };
const consoles = [];

function login(agent, role) {
  const { officer, pin } = about.accounts[role];
  return new Promise((resolve, reject) => {
    const request = https.request(`${url}/api/login`, {
      ...base, agent, method: 'POST', headers: { 'Content-Type': 'application/json', Origin: new URL(url).origin } }, (response) => {
      response.resume().on('end', () => (response.statusCode === 200 ? resolve(response.headers['set-cookie'][0].split(';')[0])
        : reject(new Error(`login of ${role}: ${response.statusCode}`))));
    });
    request.on('error', reject);
    request.end(JSON.stringify({ officer, pin }));
  });
}

/* One that reads, and how often it heard of each hit. */
async function open(role) {
  const agent = new https.Agent({ ...base, keepAlive: true, maxSockets: 1 });
  const cookie = await login(agent, role);
  agent.destroy();
  const heard = new Map();
  return new Promise((resolve, reject) => {
    const request = https.get(`${url}/api/stream`, { ...base, agent: false, headers: { Cookie: cookie } }, (response) => {
      if (response.statusCode !== 200) {
        reject(new Error(`stream of ${role}: ${response.statusCode}`));
        return;
      }
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const data = /^data: (\{.*)$/m.exec(text.slice(0, end));
          text = text.slice(end + 2);
          const { event, hit } = data ? JSON.parse(data[1]) : {};
          if (event === 'hit') heard.set(hit, (heard.get(hit) ?? 0) + 1);
        }
      });
      response.on('error', () => {}); // ended with this process, or by the box
      resolve({ heard, stall: () => response.socket.pause() });
    });
    request.on('error', reject);
  });
}

const answers = {
  open: async () => {
    for (const role of roles) consoles.push(await open(role));
    return {};
  },
  stall: (count) => {
    consoles.slice(0, count).forEach((one) => one.stall());
    return {};
  },
  heard: (hit) => {
    const times = consoles.map((one) => one.heard.get(hit) ?? 0);
    return { consoles: times.filter(Boolean).length, most: Math.max(...times) };
  },
};

process.on('message', async (question) => {
  const [[name, value]] = Object.entries(question);
  process.send(await Promise.resolve(answers[name](value)).catch((error) => ({ error: error.message })));
});
process.on('disconnect', () => process.exit(0));

// Consoles without a browser: each signs on by itself and holds its own stream of events.
import fs from 'node:fs';
import https from 'node:https';
import { about } from './box.mjs';

const tablet = about.tablets.booth;
const base = { ca: fs.readFileSync(about.ca), cert: fs.readFileSync(tablet.certificate), key: fs.readFileSync(tablet.key) };

function login(agent, role) {
  const { officer, pin } = about.accounts[role];
  return new Promise((resolve, reject) => {
    const request = https.request(`${about.url}/api/login`, {
      ...base, agent, method: 'POST', headers: { 'Content-Type': 'application/json', Origin: new URL(about.url).origin } }, (response) => {
      response.resume().on('end', () => (response.statusCode === 200 ? resolve(response.headers['set-cookie'][0].split(';')[0])
        : reject(new Error(`login of ${role}: ${response.statusCode}`))));
    });
    request.on('error', reject);
    request.end(JSON.stringify({ officer, pin }));
  });
}

/** A console that reads; `stall` it and it stops reading, as a tablet out of reach does. */
export async function openStream(role, take = () => {}) {
  const agent = new https.Agent({ ...base, keepAlive: true, maxSockets: 1 });
  const cookie = await login(agent, role);
  agent.destroy();
  return new Promise((resolve, reject) => {
    const request = https.get(`${about.url}/api/stream`, { ...base, agent: false, headers: { Cookie: cookie } }, (response) => {
      if (response.statusCode !== 200) {
        reject(new Error(`stream of ${role}: ${response.statusCode}`));
        return;
      }
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const data = /^data: (.*)$/m.exec(text.slice(0, end));
          text = text.slice(end + 2);
          if (data && data[1].startsWith('{')) take(JSON.parse(data[1]));
        }
      });
      response.on('error', () => {}); // ended by close(), or by the box
      resolve({ stall: () => response.socket.pause(), close: () => request.destroy() });
    });
    request.on('error', reject);
  });
}

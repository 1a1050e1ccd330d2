// The box under test, as tests/browser/run.py started it: where it listens, who may sign on, and a line to make hits,
// cut the LAN, stop and start programs (tests/harness/console.py: Commands).
import fs from 'node:fs';
import net from 'node:net';

export const about = JSON.parse(fs.readFileSync(process.env.CHECKPOINT_BOX, 'utf8'));
export const slowness = Number(process.env.CHECKPOINT_SLOWNESS || 1);
// Of every wait: a deadline for what happens in milliseconds on an idle machine.
export const PATIENCE_MS = 40000 * slowness;

let socket = null;
let received = '';
const waiting = [];

function connect() {
  socket = net.connect(about.commands);
  socket.setEncoding('utf8');
  socket.on('data', (text) => {
    received += text;
    for (let end = received.indexOf('\n'); end >= 0; end = received.indexOf('\n')) {
      const answer = JSON.parse(received.slice(0, end));
      received = received.slice(end + 1);
      const { resolve, reject } = waiting.shift();
      if (answer.ok) resolve(answer.result);
      else reject(new Error(answer.error));
    }
  });
  socket.on('error', (error) => waiting.splice(0).forEach(({ reject }) => reject(error)));
}

/** One command to the box; its result. */
export function box(name, args = {}) {
  if (!socket) connect();
  socket.ref();
  return new Promise((resolve, reject) => {
    waiting.push({ resolve, reject });
    socket.write(`${JSON.stringify({ do: name, ...args })}\n`);
  }).finally(() => waiting.length === 0 && socket.unref());
}

/** Polls `check` until it gives something true and gives that; an error that names `what` at the deadline. */
export async function until(what, check, timeoutMs = PATIENCE_MS) {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// Consoles without a browser, each signed on by itself with its own stream of events. They read in a process of its own that
// runs when nothing else would: the tablets they stand for have processors of their own, and must not take the box's.
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** Consoles that read; `stall(n)`: the first n stop reading, as tablets out of reach do; `heard(hit)`: how many heard of it, and
 * how often the most told was told. */
export async function openStreams(url, roles) {
  const child = fork(new URL('./streams-child.mjs', import.meta.url), [url, ...roles],
    { execPath: 'chrt', execArgv: ['--idle', '0', process.execPath] });
  const answer = async (question) => {
    child.send(question);
    const [said] = await once(child, 'message');
    if (said.error) throw new Error(said.error);
    return said;
  };
  await answer({ open: true });
  return {
    stall: (count) => answer({ stall: count }),
    heard: (hit) => answer({ heard: hit }),
    close: async () => {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

/* Shared by all tabs of a browser: holds the one stream and hands on what comes. A tab that closes
 * says so; one that dies unsaid is dropped when its port is collected. */
import { StreamLink } from './stream-link.js';

const ports = new Set();

const link = new StreamLink((message) => {
  for (const port of ports) port.postMessage(message);
});

function take(port, order) {
  if (order === 'open') {
    if (!link.source) link.open();
    else if (link.live) port.postMessage({ kind: 'open' });
  } else if (order === 'again') {
    link.open();
  } else if (order === 'stop') {
    link.close();
  } else if (order === 'bye') {
    ports.delete(port);
    if (ports.size === 0) link.close();
  }
}

self.onconnect = (event) => {
  const port = event.ports[0];
  ports.add(port);
  port.onmessage = (message) => take(port, message.data);
};

/* The one event stream of a browser: HTTP/1.1 gives a browser six connections, so a stream a tab
 * would leave the seventh tab without answers. Runs in the shared worker, or in the tab that leads
 * where a browser has no shared workers. */

const AGAIN_MS = 2000;

export class StreamLink {
  constructor(tell) {
    this.tell = tell;
    this.source = null;
    this.timer = 0;
    this.live = false;
  }

  open() {
    this.close();
    const source = new EventSource('/api/stream');
    this.source = source;
    let fresh = true; /* began at "now": who hears it fetches the board; a reconnect is replayed */
    source.onopen = () => {
      this.#say({ kind: fresh ? 'fresh' : 'open' });
      fresh = false;
    };
    source.addEventListener('m', (event) => this.#say({ kind: 'm', id: event.lastEventId, data: event.data }));
    for (const kind of ['hb', 'reset', 'gone', 'back'])
      source.addEventListener(kind, (event) => this.#say({ kind, id: event.lastEventId }));
    source.onerror = () => {
      this.live = false;
      this.tell({ kind: 'error', closed: source.readyState === EventSource.CLOSED });
      /* Closed for good (refused, such as without a session): the browser does not try again. */
      if (source.readyState === EventSource.CLOSED) this.timer = setTimeout(() => this.open(), AGAIN_MS);
    };
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    this.live = false;
  }

  #say(message) {
    this.live = true;
    this.tell(message);
  }
}

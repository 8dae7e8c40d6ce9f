// The unit's state as it changes: one event stream. A browser reconnects by itself; where it gives up, this begins anew.

const SILENT_MS = 6000; // the unit speaks at least once a second
const RETRY_MS = 3000;

export function follow({ heard, lost }) {
  let source = null;
  let last = Date.now();
  let since = 0;

  const begin = () => {
    source?.close();
    source = new EventSource("/v1/live");
    source.addEventListener("now", (e) => {
      last = Date.now();
      since = 0;
      let message;
      try {
        message = JSON.parse(e.data);
      } catch {
        return; // cut off on its way; the next one is whole
      }
      heard(message);
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(begin, RETRY_MS);
    });
  };

  setInterval(() => {
    if (Date.now() - last < SILENT_MS) return;
    since ||= last;
    lost(since);
    if (Date.now() - last > 5 * SILENT_MS && source.readyState === EventSource.OPEN) {
      last = Date.now() - SILENT_MS; // open, but dead: a proxy that went away
      begin();
    }
  }, 1000);
  begin();
}

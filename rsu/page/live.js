// The unit's state as it changes.

import * as api from "./api.js";

const EVERY_MS = 1000;

export function follow({ heard, lost }) {
  let since = 0;
  const look = async () => {
    try {
      heard({ status: await api.json("/v1/status") });
      since = 0;
    } catch {
      since ||= Date.now();
      lost(since);
    }
    setTimeout(look, EVERY_MS);
  };
  look();
}

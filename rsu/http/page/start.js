// The first frame is words and lines. The map is asked for meanwhile, and what draws it is read after that frame, so that nobody
// waits before an empty window.

const map = fetch("/v1/map", { cache: "no-store", credentials: "omit" });
map.catch(() => {}); // whoever reads the map hears of it

let begun = false;
async function begin() {
  if (begun) return;
  begun = true;
  const app = await import("/page/app.js");
  app.begin(map);
}
requestAnimationFrame(() => setTimeout(begin, 0));
setTimeout(begin, 400); // a window that nobody looks at has no frames

// What a browser on this machine needs for a page with one line of text and one rule of style: the baseline of the first paint.

import { createServer } from "node:http";

export async function bare() {
  const server = createServer((question, answer) => {
    const css = question.url.endsWith(".css");
    answer.writeHead(200, { "content-type": css ? "text/css" : "text/html; charset=utf-8" });
    answer.end(css ? "p { color: red; }" : "<!doctype html><title>bare</title><link rel=stylesheet href=/a.css><p>bare</p>");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => server.close() };
}

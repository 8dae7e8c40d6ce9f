// What stands between a unit and its readers in tests: a reverse proxy, with TLS and client certificates where CERT is given,
// and with the faults that FAULTS names (read for each request). Says "ready PORT".
// usage: node front.mjs PORT|unix:PATH UPSTREAM-SOCKET FAULTS [CERT KEY [CLIENT-CA]]
//   {"behind": V}  a unit whose newest version is V       {"memory": N}  no map more than N versions back
//   {"page": N}    N versions in an answer                 {"down": true}  502, as a proxy whose unit does not answer
//   {"broken": true}  500, as a unit whose disk fails
//   {"oldest": V}  nothing before version V is kept        {"other": "HEX"}  a unit of another cell
import { existsSync, readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";

const [listen, upstream, faultsFile, cert, key, clientCa] = process.argv.slice(2);
const read = (file) => (file ? readFileSync(file) : undefined);
const faults = () => (existsSync(faultsFile) ? JSON.parse(readFileSync(faultsFile, "utf8")) : {});

const ask = (path, headers = {}) =>
  new Promise((done, failed) => {
    http
      .get({ socketPath: upstream, path, headers: { ...headers, host: "unit" } }, (answer) => {
        const parts = [];
        answer.on("data", (part) => parts.push(part));
        answer.on("end", () => done({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
      })
      .on("error", failed);
  });

const say = (reply, status, body) => {
  reply.writeHead(status, { "content-type": "application/json" });
  reply.end(JSON.stringify(body));
};

async function serve(request, reply) {
  const fault = faults();
  const url = new URL(request.url, "http://unit");
  if (fault.broken) return say(reply, 500, { error: "the disk" });
  if (fault.down) return say(reply, 502, "the unit does not answer");
  const list = JSON.parse((await ask("/v1/map/versions")).body);
  const current = Math.min(fault.behind ?? list.current, list.current);
  const from = Number(url.searchParams.get("from"));
  const to = Number(url.searchParams.get("to") ?? current);
  const diffs = url.pathname === "/v1/map/diffs";
  const format = url.searchParams.get("format");
  if (diffs && Math.max(from, to) > current)
    return say(reply, 404, { error: `no map version ${from > current ? from : to} yet; the current one is ${current}` });
  if (diffs && from + 1 < (fault.oldest ?? 0))
    return say(reply, 410, { error: `changes after version ${from} are not kept here any more`, current });
  const wholeMap = (diffs && (format === "osc" || format === "adiff")) || url.pathname === "/v1/map/snapshot";
  const of = diffs ? to : Number(url.searchParams.get("version") ?? current);
  if (wholeMap && of + (fault.memory ?? Infinity) < current)
    return say(reply, 410, { error: `the map of version ${of} is too far back; the current version is ${current}`, current });
  if (diffs) url.searchParams.set("to", String(format ? to : Math.min(to, from + (fault.page ?? Infinity))));
  if (url.pathname === "/v1/map/snapshot") url.searchParams.set("version", String(of));
  const { status, headers, body } = await ask(url.pathname + url.search, request.headers);
  delete headers["content-length"];
  delete headers["transfer-encoding"];
  let text = body;
  if (status === 200 && (url.pathname === "/v1/map/versions" || (diffs && !format))) {
    const answer = JSON.parse(body);
    answer.current = current;
    if (fault.other) answer.cell_id = fault.other;
    if (diffs) answer.more = answer.to < current;
    answer.versions = answer.versions.filter((v) => v.version <= current);
    text = JSON.stringify(answer);
  }
  reply.writeHead(status, headers);
  reply.end(text);
}

const handler = (request, reply) =>
  serve(request, reply).catch((error) => (reply.headersSent ? reply.destroy() : say(reply, 502, String(error))));
const server = cert
  ? https.createServer({ cert: read(cert), key: read(key), ca: read(clientCa), requestCert: !!clientCa, rejectUnauthorized: !!clientCa }, handler)
  : http.createServer(handler);
const ready = () => console.log("ready", server.address().port ?? "");
if (listen.startsWith("unix:")) server.listen(listen.slice(5), ready);
else server.listen(Number(listen), "127.0.0.1", ready);

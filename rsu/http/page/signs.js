// Plates drawn as what they are. (x, y) is the middle, r half the size, all in pixels.

import { isSpeed, plain, plate } from "./format.js";

const RED = "#c1121c";

function polygon(g, x, y, r, corners, turn) {
  g.beginPath();
  for (let i = 0; i < corners; i++) {
    const a = turn + (i * 2 * Math.PI) / corners;
    g.lineTo(x + r * Math.cos(a), y + r * Math.sin(a));
  }
  g.closePath();
}

function disc(g, x, y, r, fill, rim, width) {
  g.beginPath();
  g.arc(x, y, r, 0, 2 * Math.PI);
  g.fillStyle = fill;
  g.fill();
  if (!rim) return;
  g.lineWidth = width;
  g.strokeStyle = rim;
  g.beginPath();
  g.arc(x, y, r - width / 2, 0, 2 * Math.PI);
  g.stroke();
}

function words(g, text, x, y, size, colour) {
  g.fillStyle = colour;
  g.font = `700 ${size}px Inter, system-ui, sans-serif`;
  g.textAlign = "center";
  g.textBaseline = "middle";
  g.fillText(text, x, y + size * 0.05);
}

function speed(g, x, y, r, value, zone) {
  if (zone) {
    g.fillStyle = "#fff";
    g.strokeStyle = "#555";
    g.lineWidth = 1;
    g.beginPath();
    g.rect(x - r, y - r, 2 * r, 2 * r);
    g.fill();
    g.stroke();
    r *= 0.86;
  }
  disc(g, x, y, r, "#fff", RED, r * 0.26);
  const text = value === undefined || value === null ? "?" : String(value);
  if (r > 6) words(g, text, x, y, r * (text.length > 2 ? 0.78 : 1.02), "#111");
}

const DRAW = {
  205(g, x, y, r) {
    polygon(g, x, y - r * 0.1, r * 1.1, 3, Math.PI / 2);
    g.fillStyle = "#fff";
    g.fill();
    g.lineWidth = r * 0.3;
    g.strokeStyle = RED;
    g.lineJoin = "round";
    g.stroke();
  },
  206(g, x, y, r) {
    polygon(g, x, y, r * 1.08, 8, Math.PI / 8);
    g.fillStyle = RED;
    g.fill();
    if (r > 7) words(g, "STOP", x, y, r * 0.62, "#fff");
  },
  267(g, x, y, r) {
    disc(g, x, y, r, RED);
    g.fillStyle = "#fff";
    g.fillRect(x - r * 0.66, y - r * 0.2, r * 1.32, r * 0.4);
  },
  301(g, x, y, r) {
    polygon(g, x, y + r * 0.1, r * 1.1, 3, -Math.PI / 2);
    g.fillStyle = "#fff";
    g.fill();
    g.lineWidth = r * 0.25;
    g.strokeStyle = RED;
    g.lineJoin = "round";
    g.stroke();
    g.fillStyle = "#111";
    g.fillRect(x - r * 0.08, y - r * 0.35, r * 0.16, r * 0.8);
    g.fillRect(x - r * 0.35, y + r * 0.1, r * 0.7, r * 0.12);
  },
  306(g, x, y, r) {
    polygon(g, x, y, r * 1.1, 4, 0);
    g.fillStyle = "#fff";
    g.fill();
    g.lineWidth = 1;
    g.strokeStyle = "#555";
    g.stroke();
    polygon(g, x, y, r * 0.72, 4, 0);
    g.fillStyle = "#f6c500";
    g.fill();
  },
};

function unknown(g, x, y, r, text) {
  g.fillStyle = "#fff";
  g.strokeStyle = "#555";
  g.lineWidth = 1;
  g.beginPath();
  g.rect(x - r, y - r * 0.75, 2 * r, 1.5 * r);
  g.fill();
  g.stroke();
  if (r > 8) words(g, plain(text, 6), x, y, r * 0.6, "#222");
}

function light(g, x, y, r) {
  g.fillStyle = "#23272b";
  g.fillRect(x - r * 0.45, y - r * 1.1, r * 0.9, r * 2.2);
  g.strokeStyle = "#8a9199";
  g.lineWidth = 1;
  g.strokeRect(x - r * 0.45, y - r * 1.1, r * 0.9, r * 2.2);
  for (const [i, colour] of ["#e05a4f", "#d9a93a", "#5fae6b"].entries()) disc(g, x, y + (i - 1) * r * 0.68, r * 0.27, colour);
}

function hazard(g, x, y, r) {
  DRAW[301](g, x, y, r);
  g.fillStyle = "#fff";
  g.fillRect(x - r * 0.4, y - r * 0.4, r * 0.8, r * 0.7);
  words(g, "!", x, y + r * 0.1, r, "#111");
}

export function drawSymbol(g, element, x, y, r) {
  if (element.kind === "light") return light(g, x, y, r);
  if (element.kind === "hazard") return hazard(g, x, y, r);
  const p = plate(element);
  if (isSpeed(element)) return speed(g, x, y, r, element.value ?? valueOf(element), p?.zone);
  if (p && DRAW[p.number]) return DRAW[p.number](g, x, y, r);
  return unknown(g, x, y, r, element.attributes.code || element.attributes.type || "?");
}

function valueOf(element) {
  const m = /-(\d{1,3})$/.exec(element.attributes.code || "");
  return m ? Number(m[1]) : undefined;
}

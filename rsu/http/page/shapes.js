// Lines and rings in metres.

export function boxOf(line) {
  const b = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of line) {
    b[0] = Math.min(b[0], x);
    b[1] = Math.min(b[1], y);
    b[2] = Math.max(b[2], x);
    b[3] = Math.max(b[3], y);
  }
  return b;
}

export function grow(b, c) {
  b[0] = Math.min(b[0], c[0]);
  b[1] = Math.min(b[1], c[1]);
  b[2] = Math.max(b[2], c[2]);
  b[3] = Math.max(b[3], c[3]);
}

export function meets(a, b) {
  return a[0] <= b[2] && a[2] >= b[0] && a[1] <= b[3] && a[3] >= b[1];
}

export function far2(p, q) {
  return (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2;
}

export function trace(path, line, close) {
  path.moveTo(line[0][0], line[0][1]);
  for (let i = 1; i < line.length; i++) path.lineTo(line[i][0], line[i][1]);
  if (close) path.closePath();
}

// Neighbours of one path must wind the same way, or they would cut holes into each other.
export function windLeft(ring) {
  let area = 0;
  for (let i = 0; i < ring.length; i++) {
    const p = ring[i];
    const q = ring[(i + 1) % ring.length];
    area += p[0] * q[1] - q[0] * p[1];
  }
  return area < 0 ? ring.slice().reverse() : ring;
}

// The lane between its bounds, which may run either way.
export function between(centre, left, right) {
  const start = centre[0];
  const l = far2(left[0], start) <= far2(left[left.length - 1], start) ? left : left.slice().reverse();
  const r = far2(right[0], start) <= far2(right[right.length - 1], start) ? right : right.slice().reverse();
  return windLeft([...l, ...r.slice().reverse()]);
}

// Every so many metres is enough from afar.
export function thin(line, metres) {
  const kept = [line[0]];
  for (let i = 1; i + 1 < line.length; i++)
    if (far2(line[i], kept[kept.length - 1]) > metres * metres) kept.push(line[i]);
  if (line.length > 1) kept.push(line[line.length - 1]);
  return kept;
}

export function axis(ring) {
  // Of an outline: the line between the middles of its two shortest sides that are not neighbours, and how wide it is.
  const n = ring.length - 1;
  if (n < 4) return null;
  const sides = [];
  for (let i = 0; i < n; i++) sides.push([far2(ring[i], ring[i + 1]), i]);
  sides.sort((a, b) => a[0] - b[0]);
  const first = sides[0][1];
  const other = sides.find(([, i]) => i !== first && (i - first + n) % n !== 1 && (first - i + n) % n !== 1);
  if (!other) return null;
  const mid = (i) => [(ring[i][0] + ring[i + 1][0]) / 2, (ring[i][1] + ring[i + 1][1]) / 2];
  return { a: mid(first), b: mid(other[1]), width: Math.sqrt(Math.min(sides[0][0], other[0])) };
}

export function toSegment(x, y, [ax, ay], [bx, by]) {
  const dx = bx - ax;
  const dy = by - ay;
  const n = dx * dx + dy * dy;
  const t = n === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / n));
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}

// What is shown, as the address bar says it: #v=17&from=12&see=c:HEX&at=48.76,11.42,1.5

const SEE = /^(c|e|k|n):[0-9a-f]{32,64}$/;

export function read(hash) {
  const found = {};
  for (const part of hash.replace(/^#/, "").split("&")) {
    const [key, value = ""] = part.split("=");
    if ((key === "v" || key === "from") && /^\d{1,15}$/.test(value)) found[key] = Number(value);
    else if (key === "see" && SEE.test(value)) found.see = value;
    else if (key === "at") {
      const [lat, lon, scale] = value.split(",").map(Number);
      if (Math.abs(lat) <= 90 && Math.abs(lon) <= 180 && scale > 0 && scale < 1000) found.at = { lat, lon, scale };
    }
  }
  return found;
}

export function write(state) {
  const parts = [];
  if (state.v) parts.push(`v=${state.v}`);
  if (state.from) parts.push(`from=${state.from}`);
  if (state.see) parts.push(`see=${state.see}`);
  parts.push(`at=${state.at.lat.toFixed(6)},${state.at.lon.toFixed(6)},${state.at.scale.toPrecision(4)}`);
  return `#${parts.join("&")}`;
}

// Numbers as people read them.
const TONES = ["plain", "good", "bad", "warn"];
const grouped = new Intl.NumberFormat("en-US");

function number(value) { return grouped.format(value); }

function bytes(value) {
  if (value < 1024) return value + " B";
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB"];
  let at = -1;
  do { value /= 1024; ++at; } while (value >= 1024 && at < units.length - 1);
  return value.toFixed(value < 10 ? 1 : 0) + " " + units[at];
}

function duration(us) {
  if (us < 1000) return Math.round(us) + " \u00b5s";
  if (us < 1e6) return (us / 1e3).toFixed(us < 1e4 ? 1 : 0) + " ms";
  if (us < 6e7) return (us / 1e6).toFixed(us < 1e7 ? 2 : 1) + " s";
  const seconds = Math.floor(us / 1e6);
  const hours = Math.floor(seconds / 3600);
  const rest = Math.floor(seconds / 60) % 60 + " min " + seconds % 60 + " s";
  return hours > 0 ? hours + " h " + rest : rest;
}

function offset(us) { return "+" + (us / 1e6).toFixed(3) + " s"; }

// By its name: "memory" is bytes, "time_ms" milliseconds.
function quantity(name, value) {
  if (typeof value !== "number") return String(value);
  const last = name.split(".").pop();
  if (last.endsWith("_ms")) return value === 0 && name === "idle_ms" ? "none" : duration(value * 1000);
  if (["memory", "disk", "output", "scratch", "memory_peak"].includes(last)) return bytes(value);
  if (last === "micro_usd") return "$" + (value / 1e6).toFixed(value < 1e6 ? 4 : 2);
  return number(value);
}

function short(digest) { return digest.length > 20 ? digest.slice(0, 16) + "\u2026" : digest; }

function statusTone(status) { return status === "success" ? "good" : status === "" ? "warn" : "bad"; }

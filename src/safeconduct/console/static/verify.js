// Verifies the log of this gateway from its bytes: C2SP signed-note, tlog-checkpoint and tlog-tiles,
// RFC 6962 and RFC 9162. The server is asked for bytes alone, and is taken for a liar.

const WIDTH = 256;
const HEIGHT = 8;
const MEMORY = "safeconduct-log";
const AT_ONCE = 6;
const text = new TextEncoder();

class Alarm extends Error {}

// --- bytes -------------------------------------------------------------------------------------

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of parts) {
    whole.set(one, at);
    at += one.length;
  }
  return whole;
}

const same = (one, other) =>
  one.length === other.length && one.every((byte, at) => byte === other[at]);
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const base64 = (bytes) => btoa(String.fromCharCode(...bytes));

function unbase64(said) {
  let raw;
  try {
    raw = Uint8Array.from(atob(said), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
  return base64(raw) === said ? raw : null; // in its one proper form
}

const sha256 = async (...parts) =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
const leafHash = (data) => sha256(Uint8Array.of(0), data);
const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

async function fetched(path) {
  for (let tries = 0; ; tries++) {
    const answer = await fetch(path, { headers: { accept: "application/json" }, cache: "no-store" });
    if (answer.ok) return new Uint8Array(await answer.arrayBuffer());
    if (answer.status !== 429 || tries > 60) {
      const told = await answer.json().catch(() => ({}));
      throw new Error(told.wrong || `The console answers ${answer.status} to ${path}.`);
    }
    await new Promise((again) => setTimeout(again, 2000));
  }
}

// --- the key and the checkpoint ----------------------------------------------------------------

async function parsedKey(said) {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(said) || [];
  const raw = encoded ? unbase64(encoded) : null;
  if (!raw || raw.length !== 33 || raw[0] !== 1) throw new Alarm("What stands here as the log's key is none.");
  const found = (await sha256(text.encode(`${name}\n`), raw)).slice(0, 4);
  if (hex(found) !== id) throw new Alarm("The key has another fingerprint than it says.");
  return { name, id: found, raw: raw.slice(1), said };
}

async function opened(bytes, key) {
  // The checkpoint in a signed note, if this key signed it.
  const none = new Alarm("What the console sent as the checkpoint is none.");
  let whole;
  try {
    whole = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw none;
  }
  const cut = whole.lastIndexOf("\n\n");
  if (cut < 0 || !whole.endsWith("\n")) throw none;
  const said = whole.slice(0, cut + 1);
  const lines = whole.slice(cut + 2, -1).split("\n").map((line) => /^\u2014 (\S+) (\S+)$/.exec(line));
  if (lines.includes(null)) throw none;
  const [origin, size, root] = said.split("\n");
  const hash = unbase64(root || "");
  if (!/^(0|[1-9][0-9]{0,14})$/.test(size) || !hash || hash.length !== 32) throw none;
  if (origin !== key.name) throw new Alarm(`The checkpoint is of a log named ${origin}, and the key is of ${key.name}.`);
  const unsigned = new Alarm("The checkpoint is not signed with the log's key.");
  const signatures = lines
    .filter(([, name]) => name === key.name)
    .map(([, , encoded]) => unbase64(encoded) || new Uint8Array())
    .filter((raw) => raw.length === 68 && same(raw.slice(0, 4), key.id));
  if (!signatures.length) throw unsigned;
  const verifier = await crypto.subtle.importKey("raw", key.raw, { name: "Ed25519" }, false, ["verify"]);
  const good = await crypto.subtle.verify("Ed25519", verifier, signatures[0].slice(4), text.encode(said));
  if (!good) throw unsigned;
  return { size: Number(size), root: hash };
}

// --- the tree ----------------------------------------------------------------------------------

const power = (level) => 2 ** level;

function below(count) {
  // The largest power of two that is smaller.
  let found = 1;
  while (found * 2 < count) found *= 2;
  return found;
}

class Tiles {
  constructor(size) {
    this.size = size;
    this.kept = new Map();
  }

  width(level, index) {
    return Math.min(WIDTH, Math.floor(this.size / power(HEIGHT * level)) - index * WIDTH);
  }

  name(level, index) {
    const groups = [String(index % 1000).padStart(3, "0")];
    for (let rest = Math.floor(index / 1000); rest; rest = Math.floor(rest / 1000))
      groups.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
    return `${level}/${groups.join("/")}`;
  }

  rows(level, index) {
    const name = this.name(level, index);
    if (!this.kept.has(name)) this.kept.set(name, this.read(level, index, name));
    return this.kept.get(name);
  }

  async read(level, index, name) {
    // A row of hashes, and the rows over their whole pairs.
    const width = this.width(level, index);
    const data = await fetched(`/log/tile/${name}${width < WIDTH ? `.p/${width}` : ""}`);
    if (data.length !== width * 32) throw new Alarm(`Tile ${name} has another length than the log's size makes it.`);
    const rows = [Array.from({ length: width }, (_, at) => data.slice(at * 32, at * 32 + 32))];
    while (rows.at(-1).length > 1) {
      const row = rows.at(-1);
      const pairs = Array.from({ length: Math.floor(row.length / 2) }, (_, at) => nodeHash(row[2 * at], row[2 * at + 1]));
      rows.push(await Promise.all(pairs));
    }
    return rows;
  }

  async hash(level, index) {
    // Of a perfect subtree: of 2^level leaves, the index-th of that size.
    const height = level % HEIGHT;
    const first = index * power(height);
    const tile = Math.floor(first / WIDTH);
    const rows = await this.rows(Math.floor(level / HEIGHT), tile);
    return rows[height][(first - tile * WIDTH) / power(height)];
  }

  async over(start, end) {
    const parts = [];
    while (start < end) {
      let level = 0;
      while (power(level + 1) <= end - start) level++;
      parts.push(await this.hash(level, start / power(level)));
      start += power(level);
    }
    let found = parts.pop();
    while (parts.length) found = await nodeHash(parts.pop(), found);
    return found;
  }

  async inclusion(index) {
    // The hashes beside the way from a leaf up, each with the leaves that it stands for.
    const proof = [];
    let [start, end] = [0, this.size];
    while (end - start > 1) {
      const middle = start + below(end - start);
      const [from, to] = index < middle ? [middle, end] : [start, middle];
      proof.unshift({ hash: await this.over(from, to), from, to });
      [start, end] = index < middle ? [start, middle] : [middle, end];
    }
    return proof;
  }

  async consistency(old) {
    const proof = [];
    let [start, end] = [0, this.size];
    while (end !== old) {
      const middle = start + below(end - start);
      const [from, to] = old <= middle ? [middle, end] : [start, middle];
      proof.unshift(await this.over(from, to));
      [start, end] = old <= middle ? [start, middle] : [middle, end];
    }
    if (start) proof.unshift(await this.over(start, end));
    return proof;
  }

  async fits(index) {
    // Whether a whole tile of leaves is under the root, tile by tile, up to where `over` began.
    for (let level = 0; this.width(level, index) === WIDTH; level++) {
      const [root] = (await this.rows(level, index))[HEIGHT];
      const above = await this.rows(level + 1, Math.floor(index / WIDTH));
      if (!same(root, above[0][index % WIDTH])) throw new Alarm(`Tile ${this.name(level, index)} does not fit what stands above it: a record in it, or a hash, was changed.`);
      index = Math.floor(index / WIDTH);
    }
  }
}

async function climbed(leaf, index, size, proof) {
  // The hashes on the way up (RFC 9162, 2.1.3.2), the last one is what it leads to.
  const way = [leaf];
  let [node, last] = [index, size - 1];
  for (const beside of proof) {
    const left = node % 2 === 1 || node === last;
    way.push(await (left ? nodeHash(beside.hash, way.at(-1)) : nodeHash(way.at(-1), beside.hash)));
    beside.left = left;
    if (left) while (node && node % 2 === 0) [node, last] = [node / 2, Math.floor(last / 2)];
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return way;
}

async function goesOn(old, oldRoot, size, root, proof) {
  // RFC 9162, 2.1.4.2.
  if (old === size) return same(oldRoot, root);
  const path = below(old + 1) === old ? [oldRoot, ...proof] : [...proof]; // a power of two
  let [node, last] = [old - 1, size - 1];
  while (node % 2) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  let before = path[0];
  let now = path[0];
  for (const beside of path.slice(1)) {
    if (!last) return false;
    if (node % 2 || node === last) {
      before = await nodeHash(beside, before);
      now = await nodeHash(beside, now);
      while (node && node % 2 === 0) [node, last] = [node / 2, Math.floor(last / 2)];
    } else now = await nodeHash(now, beside);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return !last && same(before, oldRoot) && same(now, root);
}

// --- what this browser remembers ---------------------------------------------------------------

function remembered() {
  const kept = localStorage.getItem(MEMORY);
  try {
    return kept === null ? null : JSON.parse(kept);
  } catch {
    throw new Alarm("What this browser remembers of the log was damaged.");
  }
}

const remember = (what) => localStorage.setItem(MEMORY, JSON.stringify(what));
const records = (count) => `${count.toLocaleString("en")} record${count === 1 ? "" : "s"}`;
const moment = (ms) => `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;

// --- the steps ---------------------------------------------------------------------------------

async function verify(said, n, how, tell) {
  if (!crypto.subtle) throw new Error("Browsers do such sums only over https, or on the machine itself: open the console there.");
  const memory = remembered();
  if (memory && memory.key !== said) throw new Alarm(`The console shows another key than the one that this browser remembers since ${moment(memory.since)}. Who changed it?`);
  const key = await parsedKey(said);
  tell("key", memory ? `The key is the one that this browser remembers since ${moment(memory.since)}.` : "This is the first visit: the key that the console shows is believed, and remembered.");

  const tree = await opened(await fetched("/log/checkpoint"), key);
  tell("signature", `The checkpoint is signed with it: ${records(tree.size)}.`);
  if (memory?.size > tree.size) throw new Alarm(`The log was cut: this browser saw ${records(memory.size)} on ${moment(memory.at)}, and now it has ${tree.size.toLocaleString("en")}.`);
  if (!tree.size) throw new Error("The log is empty.");

  const tiles = new Tiles(tree.size);
  if (!same(await tiles.over(0, tree.size), tree.root)) throw new Alarm("The tiles do not make the root that was signed.");
  tell("root", `The tiles make the root that was signed: ${hex(tree.root).slice(0, 16)}…`);

  if (memory?.size) {
    const proof = await tiles.consistency(memory.size);
    const old = unbase64(memory.root) || new Uint8Array();
    if (!(await goesOn(memory.size, old, tree.size, tree.root, proof))) throw new Alarm(`The log was rewritten: it does not begin with the ${records(memory.size)} that this browser saw on ${moment(memory.at)}.`);
    tell("history", `It goes on from the ${records(memory.size)} that this browser saw on ${moment(memory.at)}.`);
  } else tell("history", "There is nothing from an earlier visit to hold it to.");

  let shown = null;
  if (n !== null) {
    if (n >= tree.size) throw new Error(`No checkpoint covers a record ${n} yet. Try again in some seconds.`);
    const data = await fetched(`/log/entry/${n}`);
    const leaf = await leafHash(data);
    if (!same(leaf, await tiles.hash(0, n))) throw new Alarm(`What the console sent as record ${n} is not what the log has there.`);
    const proof = await tiles.inclusion(n);
    const way = await climbed(leaf, n, tree.size, proof);
    if (!same(way.at(-1), tree.root)) throw new Alarm(`Record ${n} does not stand under the root that was signed.`);
    shown = { n, data, proof, way };
    tell("record", `Record ${n}, ${data.length.toLocaleString("en")} bytes, stands under the root that was signed.`);
  }

  const whole = Math.floor(tree.size / WIDTH);
  const chosen = how === "all" ? Array.from({ length: whole }, (_, at) => at) : drawn(whole, Number(how));
  for (let at = 0; at < chosen.length; at += AT_ONCE) {
    await Promise.all(chosen.slice(at, at + AT_ONCE).map((index) => tiles.fits(index)));
    if (how === "all") for (const index of chosen.slice(at, at + AT_ONCE)) tiles.kept.delete(tiles.name(0, index));
    tell("tiles", `${Math.min(at + AT_ONCE, chosen.length).toLocaleString("en")} of ${whole.toLocaleString("en")} whole tiles looked at: all fit.`, (at + AT_ONCE) / chosen.length);
  }
  if (!chosen.length) tell("tiles", "There is no whole tile yet: the root was made of all hashes.");
  const now = Date.now();
  remember({ key: said, size: tree.size, root: base64(tree.root), at: now, since: memory ? memory.since : now });
  return { tree, shown };
}

function drawn(whole, count) {
  // Some of them, by chance that no server foresees.
  if (count >= whole) return Array.from({ length: whole }, (_, at) => at);
  const found = new Set();
  while (found.size < count) found.add(Math.floor((crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32) * whole));
  return [...found];
}

// --- the page ----------------------------------------------------------------------------------

const form = document.getElementById("verify");
const by = (id) => document.getElementById(id);

function element(name, said, kind) {
  const made = document.createElement(name);
  made.textContent = said;
  if (kind) made.className = kind;
  return made;
}

function drawing(name, parts, said) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(parts)) made.setAttribute(key, value);
  if (said !== undefined) made.textContent = said;
  return made;
}

const MIDDLE = 230;
const ASIDE = 155;
const BOX = { width: 140, height: 40 };
const STEP = 62;

function box(x, y, hash, below, kind) {
  const group = drawing("g", { class: kind });
  group.append(
    drawing("rect", { x: x - BOX.width / 2, y, ...BOX, rx: 6 }),
    drawing("text", { x, y: y + 17, class: "hash" }, `${hex(hash).slice(0, 12)}…`),
    drawing("text", { x, y: y + 33, class: "under" }, below),
  );
  return group;
}

const range = (from, to) => (to - from === 1 ? `record ${from}` : `records ${from} to ${to - 1}`);
const short = (from, to) => (to - from === 1 ? `record ${from}` : `${from} to ${to - 1}`);

function picture({ n, proof, way }) {
  const height = way.length * STEP;
  const y = (level) => height - (level + 1) * STEP + (STEP - BOX.height) / 2;
  const svg = drawing("svg", { viewBox: `0 0 ${2 * MIDDLE} ${height}`, role: "img", "aria-labelledby": "path-title", class: "path" });
  svg.append(drawing("title", { id: "path-title" }, `The ${proof.length} hashes that lead from record ${n} to the signed root; the table has them, too.`));
  const boxes = [];
  way.forEach((hash, level) => {
    const top = level === way.length - 1;
    const below = top ? "the signed root" : "of the two below";
    boxes.push(box(MIDDLE, y(level), hash, level || top ? below : `record ${n}`, top ? "top" : "own"));
    if (top) return;
    const { hash: other, from, to, left } = proof[level];
    const side = left ? -1 : 1;
    const inner = MIDDLE + side * (ASIDE - BOX.width / 2);
    const gap = y(level) - (STEP - BOX.height) / 2;
    svg.append(
      drawing("path", { d: `M${MIDDLE} ${y(level)}V${y(level + 1) + BOX.height}` }),
      drawing("path", { d: `M${inner} ${y(level) + BOX.height / 2}h${-side * 7}V${gap}H${MIDDLE + side * 20}V${y(level + 1) + BOX.height}` }),
    );
    boxes.push(box(MIDDLE + side * ASIDE, y(level), other, short(from, to), "beside"));
  });
  svg.append(...boxes);
  by("picture").replaceChildren(svg);
  by("rows").replaceChildren(
    ...way.map((hash, level) => {
      const row = document.createElement("tr");
      const beside = proof[level];
      row.append(
        element("td", hex(hash), "tool"),
        element("td", beside ? `${beside.left ? "left" : "right"}: ${hex(beside.hash)}` : "nothing: it is the root that was signed", "tool"),
        element("td", beside ? range(beside.from, beside.to) : ""),
      );
      return row;
    }),
  );
}

function visible(data) {
  // What steers, hides or reorders is written as its code point.
  const said = new TextDecoder().decode(data);
  return said.replace(/[^\P{C}\n]|[\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, (letter) => `\\u{${letter.codePointAt(0).toString(16)}}`);
}

function memorised() {
  let memory = null;
  try {
    memory = remembered();
  } catch (error) {
    by("memory").textContent = error.message;
    return;
  }
  by("memory").textContent = memory
    ? `This browser remembers the key ${memory.key} since ${moment(memory.since)}${memory.size ? `, and ${records(memory.size)} on ${moment(memory.at)}` : ""}.`
    : "This browser remembers nothing of this log.";
}

async function run() {
  const asked = form.elements.n.value.trim();
  const n = /^(0|[1-9][0-9]{0,14})$/.test(asked) ? Number(asked) : null;
  const button = form.querySelector("button");
  const lines = new Map();
  button.disabled = true;
  by("outcome").hidden = false;
  by("path").hidden = true;
  by("outcome").dataset.state = "";
  by("verdict").className = "outcome";
  by("verdict").textContent = "Verifying…";
  by("steps").replaceChildren();
  by("progress").hidden = false;
  by("progress").value = 0;

  function tell(step, said, part = 0) {
    if (!lines.has(step)) {
      lines.set(step, element("li", "", "good"));
      by("steps").append(lines.get(step));
    }
    lines.get(step).textContent = said;
    by("progress").value = (Math.min(lines.size, 5) + part) / 6;
  }

  let state = "good";
  try {
    const { tree, shown } = await verify(form.dataset.key, n, form.elements.how.value, tell);
    by("verdict").textContent = `Verified: ${records(tree.size)}`;
    if (shown) {
      picture(shown);
      by("bytes").textContent = visible(shown.data);
      by("path").hidden = false;
    }
  } catch (error) {
    state = error instanceof Alarm ? "alarm" : "open";
    by("verdict").textContent = error instanceof Alarm ? "Alarm: do not believe this log" : "Not verified";
    by("steps").append(element("li", error.message, state));
    if (error instanceof Alarm)
      by("steps").append(element("li", "Change nothing, tell whoever runs the gateway, and keep what you have: the runbook of the documentation says what to do. What this browser remembers stays as it was.", "advice"));
  }
  by("verdict").classList.add(state);
  by("progress").hidden = true;
  by("outcome").dataset.state = state;
  button.disabled = false;
  memorised();
}

if (form) {
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  by("pin").addEventListener("submit", (event) => {
    event.preventDefault();
    const now = Date.now();
    remember({ key: by("key").value.trim(), size: 0, root: "", at: now, since: now });
    run();
  });
  by("forget").addEventListener("click", () => {
    localStorage.removeItem(MEMORY);
    memorised();
  });
  memorised();
  run();
}

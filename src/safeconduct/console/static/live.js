// Decisions as they come. What others wrote is text and nothing else.

const live = document.querySelector("[data-live]");
const part = (name) => live.querySelector(`[data-${name}]`);
const state = part("state");
const rows = part("rows").querySelector("tbody");
const groups = part("groups").querySelector("tbody");
const more = part("more");
const pause = part("pause");
const group = part("group");

const TONES = new Map([["permit", "good"], ["elevate", "ask"], ["deny", "bad"]]);
const KEPT = 100; // rows
const MINUTE_MS = 60000;
const AGAIN_MS = 3000;
const counts = new Map();
let since = Number(live.dataset.since);
let source = null;
let again = 0;

function cell(text, of, name) {
  const made = document.createElement("td");
  made.textContent = text;
  if (of) made.dataset.of = of;
  if (name) made.className = name;
  return made;
}

function verdict(text) {
  const made = document.createElement("td");
  const word = document.createElement("span");
  word.textContent = text;
  word.className = `verdict ${TONES.get(text) || "plain"}`;
  made.append(word);
  return made;
}

function row(one) {
  const made = document.createElement("tr");
  const link = document.createElement("a");
  link.href = `/calls/${encodeURIComponent(one.decision)}`;
  link.textContent = one.at;
  const when = cell("", "When");
  when.append(link);
  const tool = cell("", "Tool");
  const name = document.createElement("span");
  name.className = "tool";
  name.textContent = one.tool;
  tool.append(name);
  const agent = cell(one.agent.replace(/^spiffe:\/\//, ""), "Agent");
  agent.title = one.agent;
  made.append(when, verdict(one.verdict), tool, agent, cell(one.user, "For"));
  made.append(cell(one.reason, "Reason"));
  made.className = "new";
  return made;
}

function number(many) {
  return many.toLocaleString("en");
}

function count(found) {
  const now = performance.now();
  for (const [tool, said, reason, many] of found) {
    const key = JSON.stringify([said, tool, reason]);
    const one = counts.get(key) || { said, tool, reason, all: 0, lately: [] };
    one.all += many;
    one.lately.push([now, many]);
    counts.set(key, one);
  }
}

function drawGroups() {
  const now = performance.now();
  const found = [...counts.values()].map((one) => {
    one.lately = one.lately.filter(([at]) => now - at < MINUTE_MS);
    return { ...one, minute: one.lately.reduce((sum, [, many]) => sum + many, 0) };
  });
  found.sort((a, b) => b.minute - a.minute || b.all - a.all);
  const drawn = found.slice(0, KEPT).map((one) => {
    const made = document.createElement("tr");
    made.append(verdict(one.said), cell(one.tool || "others", "Tool", "tool"));
    made.append(cell(one.reason, "Reason"), cell(number(one.minute), "Last minute", "many"));
    made.append(cell(number(one.all), "All", "many"));
    return made;
  });
  groups.replaceChildren(...drawn);
}

function told(news) {
  since = Math.max(since, news.until_ms);
  count(news.groups);
  if (group.getAttribute("aria-pressed") === "true") drawGroups();
  const none = rows.querySelector("[data-none]");
  if (none) none.remove();
  rows.prepend(...news.rows.map(row).reverse());
  while (rows.rows.length > KEPT) rows.lastElementChild.remove();
  const hidden = news.matched - news.rows.length;
  const words = [];
  if (hidden) words.push(`${number(hidden)} more came with the newest ones.`);
  if (news.missed) words.push(`${number(news.missed)} records were too many to look at.`);
  more.textContent = words.join(" ");
}

function meanwhile(found) {
  const all = Object.values(found).reduce((sum, many) => sum + many, 0);
  state.textContent = all ? "Live. " : "Live.";
  if (!all) return;
  const words = Object.entries(found).map(([said, many]) => `${number(many)} ${said}`);
  const link = document.createElement("a");
  const address = new URL(live.dataset.search, location.href);
  address.searchParams.set("since", new Date(since + 1).toISOString());
  link.href = address;
  link.textContent = `${number(all)} before it began`;
  state.append(link, `: ${words.join(", ")}.`);
}

function stop(words) {
  clearTimeout(again);
  if (source) source.close();
  source = null;
  state.textContent = words;
}

function connect() {
  const address = new URL(live.dataset.live, location.href);
  address.searchParams.set("since", String(since + 1));
  source = new EventSource(address);
  let began = false;
  source.addEventListener("meanwhile", (event) => {
    began = true;
    meanwhile(JSON.parse(event.data));
  });
  source.addEventListener("decisions", (event) => told(JSON.parse(event.data)));
  source.addEventListener("over", (event) => stop(JSON.parse(event.data).why));
  source.addEventListener("error", () => {
    if (!began) {
      stop("No stream: too many are open, or you are not signed in any more. Load the page again.");
    } else {
      stop("The stream broke off. It begins again …");
      again = setTimeout(connect, AGAIN_MS);
    }
  });
}

pause.addEventListener("click", () => {
  const paused = pause.textContent === "Pause";
  pause.textContent = paused ? "Resume" : "Pause";
  if (paused) {
    stop("Paused.");
  } else {
    connect();
  }
});

group.addEventListener("click", () => {
  const grouped = group.getAttribute("aria-pressed") !== "true";
  group.setAttribute("aria-pressed", String(grouped));
  part("groups").hidden = !grouped;
  part("rows").hidden = grouped;
  if (grouped) drawGroups();
});

part("controls").hidden = false;
connect();

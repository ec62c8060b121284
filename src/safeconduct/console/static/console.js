// The passkey ceremony (WebAuthn), and time that passes. Everything else works without a script.

async function ask(form, submitter) {
  const answer = await fetch(form.dataset.options, {
    method: "POST",
    headers: { accept: "application/json" },
    body: new URLSearchParams(new FormData(form, submitter)),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.wrong);
  return told;
}

async function ceremony(form, submitter) {
  const told = await ask(form, submitter);
  const made =
    form.dataset.ceremony === "create"
      ? await navigator.credentials.create({
          publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(told.publicKey),
        })
      : await navigator.credentials.get({
          publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(told.publicKey),
        });
  if (told.ceremony) form.elements.ceremony.value = told.ceremony;
  form.elements.response.value = JSON.stringify(made.toJSON());
  if (submitter.name) {
    const means = document.createElement("input");
    means.type = "hidden";
    means.name = submitter.name;
    means.value = submitter.value;
    form.append(means);
  }
  form.submit();
}

function say(form, error) {
  const said = form.querySelector(".said");
  said.textContent =
    error.name === "NotAllowedError" ? "The passkey was not used. Try again." : error.message;
  said.hidden = false;
}

for (const form of document.querySelectorAll("form[data-ceremony]")) {
  form.addEventListener("submit", (event) => {
    const submitter = event.submitter || form.querySelector("button");
    if (submitter.value === "sign-in") return;
    event.preventDefault();
    form.querySelector(".said").hidden = true;
    submitter.disabled = true;
    ceremony(form, submitter)
      .catch((error) => say(form, error))
      .finally(() => {
        submitter.disabled = false;
      });
  });
}

// How much time is left, by this page's own clock: that of the computer may be wrong.
const since = performance.now();
const clocks = [...document.querySelectorAll("[data-left]")].map((node) => ({
  node,
  left: Number(node.dataset.left),
}));

function tick() {
  for (const { node, left } of clocks) {
    const s = Math.max(0, Math.ceil((left - (performance.now() - since)) / 1000));
    const words = s >= 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s} s`;
    node.textContent = s ? `${words} left` : "too late";
    node.classList.toggle("short", s < 60);
  }
}

if (clocks.length) setInterval(tick, 1000);

async function look() {
  if (document.hidden) return;
  const answer = await fetch("/waiting", { headers: { accept: "application/json" } });
  const told = await answer.json();
  const changed = String(told.waiting) !== document.body.dataset.waiting;
  document.querySelector("[data-news]").hidden = !changed;
  if (changed && told.waiting) document.title = `(${told.waiting}) Inbox · Safeconduct`;
}

if (document.body.dataset.waiting !== undefined) {
  setInterval(() => look().catch(() => {}), 10000);
}

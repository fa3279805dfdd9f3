"use strict";

// Addresses are relative to the page, so that it also works below a gateway's stage.
const TIMEOUT_MS = 10000;
const LEAST_WAIT_S = 1;
const byId = (id) => document.getElementById(id);
const cards = byId("cards");
const status = byId("status");

let base = ""; // where the API is, when not where the page is
let key = ""; // or a token
let again = null; // what "Try again" does
let shown = new Map(); // product id → rank in the list before
let turn = 0; // only the answer to the newest question is shown

// What a deployed page is told (infra/webapp.py): where the API is, and what it asks for. A page that
// its own server serves names no such file.
async function configure() {
  const named = document.querySelector('meta[name="endcap-config"]');
  if (!named) return;
  const told = await fetch(named.content).then((answer) => answer.json()).catch(() => ({}));
  base = told.api || "";
  document.querySelector('nav a[href="docs"]').href = `${base}docs`;
  document.querySelector('nav a[href="metrics"]').remove(); // behind gateways CloudWatch has them
  if (!told.credential) return;
  const word = told.credential === "token" ? "token" : "key";
  byId("access-title").textContent = word === "token" ? "Token" : "API key";
  document.querySelector('label[for="key"]').textContent = `This API asks for a ${word}`;
  document.querySelector("#access button").textContent = `Use this ${word}`;
  byId("access").hidden = false;
}

const configured = configure();

// A token has three parts with dots between; no key does.
function credential() {
  if (!key) return {};
  return /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/.test(key)
    ? { Authorization: `Bearer ${key}` } : { "X-Api-Key": key };
}

class Refused extends Error {
  constructor(text, field, code, wait) {
    super(text);
    Object.assign(this, { field, code, wait });
  }
}

async function call(method, path, body) {
  await configured;
  const headers = credential();
  if (body) headers["Content-Type"] = "application/json";
  const began = performance.now();
  let answer;
  try {
    answer = await fetch(base + path, {
      method, headers, body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new Refused(error.name === "TimeoutError"
      ? "The server took too long to answer." : "The server cannot be reached.");
  }
  const took = performance.now() - began;
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return { told, headers: answer.headers, took };
  if (answer.status === 401 || answer.status === 403) byId("access").hidden = false;
  throw new Refused(
    told.error || told.message || `The server answered ${answer.status}.`,
    answer.headers.get("Endcap-Error-Field"), answer.status,
    Number(answer.headers.get("Retry-After")) || 0,
  );
}

function complain(input, text) {
  byId(`${input.id}-error`).textContent = text;
  if (text) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

function problemOf(input) {
  const value = input.value.trim();
  const name = input.labels[0].textContent;
  if (input.validity.badInput) return `${name} must be a whole number.`;
  if (!value) return `${name} is missing.`;
  if (/[\u0000-\u001f\u007f-\u009f]/.test(value)) return `${name} must not hold control characters.`;
  if (input.type === "number") {
    const number = Number(value);
    if (!Number.isInteger(number) || number < 1 || number > 100) {
      return `${name} must be a whole number from 1 to 100.`;
    }
  }
  return "";
}

// The values of valid inputs; null after the first wrong one has got the focus.
function read(...inputs) {
  const problems = inputs.map((input) => {
    const problem = problemOf(input);
    complain(input, problem);
    return problem;
  });
  const wrong = problems.findIndex(Boolean);
  if (wrong >= 0) {
    inputs[wrong].focus();
    return null;
  }
  return inputs.map((input) => input.value.trim());
}

function fact(name, value) {
  const row = document.createElement("div");
  const term = document.createElement("dt");
  const detail = document.createElement("dd");
  term.textContent = name;
  detail.textContent = value;
  row.append(term, detail);
  return row;
}

function age(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms ago`;
  if (seconds < 120) return `${seconds.toFixed(1)} s ago`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

function showFacts(headers, took) {
  const newest = headers.get("Endcap-Newest-Event-Age");
  const rows = [
    fact("Strategy", headers.get("Endcap-Strategy") || "–"),
    fact("Model", headers.get("Endcap-Model-Version") || "–"),
    fact("Newest event used", newest === null ? "none" : age(Number(newest))),
    fact("Answered in", `${took.toFixed(0)} ms`),
  ];
  byId("facts").replaceChildren(...rows);
  byId("facts").hidden = false;
}

function markOf(id, rank, compare) {
  if (!compare || !shown.size) return "";
  const before = shown.get(id);
  if (before === undefined) return "New";
  return before > rank ? `Up ${before - rank}` : "";
}

function card(product, rank, compare) {
  const item = byId("card").content.firstElementChild.cloneNode(true);
  const part = (name) => item.querySelector(name);
  part("h3").textContent = product.name;
  part(".place").textContent = product.place;
  part(".why").textContent = product.why;
  const mark = markOf(product.id, rank, compare);
  part(".mark").textContent = mark;
  part(".mark").hidden = !mark;
  for (const button of item.querySelectorAll("button")) {
    button.setAttribute("aria-label", `${button.textContent} ${product.name}`);
    button.addEventListener("click", () => act(button.dataset.event, product));
  }
  addDetails(product, item);
  return item;
}

// Price and place come from the catalogue; without them the card is still useful.
async function addDetails(product, item) {
  const { told } = await call("GET", `v1/items/${encodeURIComponent(product.id)}`)
    .catch(() => ({ told: {} }));
  const known = told.attributes || {};
  if (typeof known.price === "number") {
    const currency = /^[A-Z]{3}$/.test(known.currency || "") ? known.currency : "";
    const style = currency ? { style: "currency", currency } : { minimumFractionDigits: 2 };
    item.querySelector(".price").textContent = known.price.toLocaleString(undefined, style);
  }
  if (!product.place) {
    const place = [known.department, known.aisle].filter((text) => typeof text === "string");
    item.querySelector(".place").textContent = place.join(" · ");
  }
}

function show(products, compare) {
  cards.replaceChildren(...products.map((product, rank) => card(product, rank, compare)));
  shown = new Map(products.map((product, rank) => [product.id, rank]));
}

function wait(text) {
  status.textContent = text;
  byId("failure").hidden = true;
  cards.setAttribute("aria-busy", "true");
  if (!cards.childElementCount) {
    cards.replaceChildren(...Array.from({ length: 3 }, () => {
      const ghost = document.createElement("li");
      ghost.className = "card ghost";
      ghost.setAttribute("aria-hidden", "true");
      return ghost;
    }));
  }
}

function settle() {
  cards.removeAttribute("aria-busy");
  for (const ghost of cards.querySelectorAll(".ghost")) ghost.remove();
}

// Run one question: loading, then the answer, an error at its input, or a retry.
async function ask(text, question, repeat) {
  const mine = ++turn;
  wait(text);
  try {
    const say = await question();
    if (mine !== turn) return;
    status.textContent = say;
    // On a phone the list is below the forms.
    const results = byId("results");
    if (results.getBoundingClientRect().top > innerHeight * 0.6) results.scrollIntoView();
  } catch (error) {
    if (mine !== turn) return;
    if (!(error instanceof Refused)) throw error;
    status.textContent = "";
    const input = error.code === 400 && byId(error.field === "customer_id" ? "user_id" : error.field);
    if (input) {
      complain(input, error.message);
      input.focus();
      return;
    }
    again = repeat;
    const pause = error.wait ? ` Wait ${Math.max(error.wait, LEAST_WAIT_S)} s.` : "";
    byId("failure-text").textContent = error.message + pause;
    byId("failure").hidden = false;
  } finally {
    if (mine === turn) settle();
  }
}

const percent = (share) => share >= 0.001
  ? `${(share * 100).toPrecision(2)} %` : "below 0.1 %";

const MEANING = {
  ranker: "likely to be bought",
  held_out: "of held-out shoppers chose the product at this place",
  popularity: "of the shop's demand",
};

async function fetchRecommendations(user, k, compare) {
  const body = { user_id: user, event: "get_recommendations", k };
  const { told, headers, took } = await call("POST", "submit", body);
  const meaning = MEANING[headers.get("Endcap-Probability")] || "probability";
  byId("results-title").textContent = "Recommendations";
  showFacts(headers, took);
  show(told.recommendations.map((product) => ({
    id: product.product_id,
    name: product.product_name,
    place: [product.department, product.aisle].filter(Boolean).join(" · "),
    why: `${percent(product.probability)} ${meaning}`,
  })), compare);
  const count = told.recommendations.length;
  return count ? `${count} products for ${user}.` : "Nothing to recommend yet: add items or events.";
}

function recommend(compare = false, before = "") {
  const values = read(byId("user_id"), byId("event"), byId("k"));
  if (!values) return;
  const [user, , k] = values;
  ask("Looking for products…", async () =>
    before + await fetchRecommendations(user, Number(k), compare), () => recommend(compare));
}

function prefer() {
  const values = read(byId("user_id"), byId("k"), byId("interest"), byId("location"));
  if (!values) return;
  const [user, k, interest, location] = values;
  ask("Recording the preference…", async () => {
    const body = { customer_id: user, interest, location };
    // Recording may be a function's that reads nothing: offers are a question of their own.
    const { told: { message } } = await call("POST", "recommend", body);
    const asked = new URLSearchParams({ customer_id: user, k });
    const { told, headers, took } = await call("GET", `v1/offers?${asked}`);
    byId("results-title").textContent = "Offers";
    showFacts(headers, took);
    const found = told.offers.map((offer) => (
      { id: offer.id, name: offer.name, place: "", why: offer.reason }));
    show(found, false);
    return message;
  }, prefer);
}

const DONE = { view: "Viewed", add_to_cart: "Added", purchase: "Bought" };

function act(event, product) {
  const values = read(byId("user_id"), byId("k"));
  if (!values) return;
  const [user, k] = values;
  // One key for all tries: a repeated try counts once.
  const body = { userId: user, itemId: product.id, event_type: event, event_id: newId() };
  const run = () => ask(`${DONE[event]} ${product.name}…`, async () => {
    await call("POST", "events", body);
    const text = await fetchRecommendations(user, Number(k), true);
    byId("results").focus({ preventScroll: true });
    return `${DONE[event]} ${product.name}. ${text}`;
  }, run);
  run();
}

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function onSubmit(form, run) {
  byId(form).addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
}

onSubmit("submit", () => recommend(false));
onSubmit("recommend", prefer);
onSubmit("access", () => {
  const values = read(byId("key"));
  if (!values) return;
  [key] = values;
  byId("access").hidden = true;
  if (again) again();
});
byId("retry").addEventListener("click", () => again && again());
for (const input of document.querySelectorAll("input, select")) {
  input.addEventListener("input", () => complain(input, ""));
}

// A link such as /?user=U1 asks at once.
const linked = new URLSearchParams(location.search).get("user");
if (linked) {
  byId("user_id").value = linked;
  recommend();
}

"use strict";
// Names of files and classes come from strangers: they are only ever text (textContent, title, aria-label), never HTML.

const setting = (name) => document.querySelector(`meta[name="${name}"]`).content;
const byId = (id) => document.getElementById(id);
const NEAR = "1200px 0px"; // how far from what is seen a card is filled
const NONE = -1;

let state; // as the server gives it
let observer;
let current = null; // the card that the keys are about
let waiting = Promise.resolve(); // changes are sent one after the other, in the order in which they were made
const decisions = new Map(); // by the number of the picture
const cards = new Map(); // the cards of each picture: it may be odd in several ways
const facts = new WeakMap(); // of each card: its item, place and section
let classMenu; // is copied into each card

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function say(text, isProblem = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("problem", isProblem);
}

function className(number) {
  return number === NONE ? "no class" : state.classes[number];
}

function describeDecision(decision) {
  if (!decision) return "";
  return { keep: "✓ stays", move: `→ moves to ${className(decision.label)}`, "leave out": "✕ left out" }[decision.choice];
}

// Cards

function makeCard(section, item, place) {
  const card = make("li", { className: "card", tabIndex: NONE });
  facts.set(card, { section, item, place });
  if (!cards.has(item.picture)) cards.set(item.picture, []);
  cards.get(item.picture).push(card);
  card.addEventListener("focusin", () => setCurrent(card));
  card.addEventListener("mousedown", () => setCurrent(card));
  observer.observe(card);
  mark(card);
  return card;
}

function fill(card) {
  if (card.firstChild) return;
  const { item } = facts.get(card);
  const photos = make("div", { className: "photos" }, photo(item.picture, ""));
  if (item.other !== NONE) photos.append(photo(item.other, state.pictures[item.other].name));
  const { name, label } = state.pictures[item.picture];
  card.append(
    photos,
    make("p", { className: "note" }, `in ${className(label)}: ${item.note}`),
    make("p", { className: "name", title: name }, name),
    make("p", { className: "decision" }),
    makeButtons(card, item, label),
  );
  mark(card);
}

function photo(number, caption) {
  const name = state.pictures[number].name;
  const image = make("img", { src: `/${setting("picture-key")}/picture/${number}`, alt: name, decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(make("span", { className: "unseen" }, "This file cannot be shown.")));
  const figure = make("figure", {}, image);
  if (caption) figure.append(make("figcaption", { title: caption }, caption));
  return figure;
}

function makeButtons(card, item, label) {
  const menu = classMenu.cloneNode(true);
  menu.querySelector(`option[value="${label}"]`)?.remove(); // where it is already
  menu.value = String(item.proposed);
  if (menu.selectedIndex < 0) menu.value = String(NONE);
  const button = (text, kind, choice) => {
    const made = make("button", { type: "button", className: kind }, text);
    made.addEventListener("click", () => decide(card, choice));
    return made;
  };
  const buttons = [button("Keep", "keep", "keep"), button("Leave out", "leave-out", "leave out")];
  buttons.push(button("Move to", "move", "move"), menu);
  for (const one of buttons) one.tabIndex = card === current ? 0 : NONE;
  return make("div", { className: "buttons" }, ...buttons);
}

function mark(card) {
  const { item, place, section } = facts.get(card);
  const decision = decisions.get(item.picture);
  const text = describeDecision(decision);
  if (decision) card.dataset.choice = decision.choice;
  else delete card.dataset.choice;
  const { name, label } = state.pictures[item.picture];
  const about = [name, `in ${className(label)}`, item.note, text || "undecided", `${place + 1} of ${section.items.length}`];
  card.setAttribute("aria-label", about.join(", "));
  if (!card.firstChild) return;
  card.querySelector(".decision").textContent = text;
  const menu = card.querySelector("select");
  if (decision?.choice === "move") menu.value = String(decision.label);
}

// Where one is

function setCurrent(card) {
  if (card === current) return;
  setTabStops(current, NONE);
  current = card;
  setTabStops(current, 0);
}

function setTabStops(card, index) {
  if (!card) return;
  card.tabIndex = index;
  for (const one of card.querySelectorAll("button, select")) one.tabIndex = index;
}

function goTo(card) {
  if (!card) return;
  const { section } = facts.get(card);
  if (section.element.hidden) show(section);
  fill(card);
  setCurrent(card);
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}

function neighbour(card, steps) {
  const all = facts.get(card).section.list.children;
  return all[Math.min(Math.max(facts.get(card).place + steps, 0), all.length - 1)];
}

function columns() {
  return getComputedStyle(facts.get(current).section.list).gridTemplateColumns.split(" ").length;
}

function show(section) {
  for (const one of state.sections) {
    one.element.hidden = one !== section;
    one.button.setAttribute("aria-pressed", String(one === section));
  }
}

function visit(section) {
  show(section);
  const all = [...section.list.children];
  goTo(all.find((card) => !decisions.has(facts.get(card).item.picture)) ?? all[0]);
}

function visitNext() {
  const shown = state.sections.findIndex((one) => !one.element.hidden);
  visit(state.sections[(shown + 1) % state.sections.length]);
}

// Decisions

function decide(card, choice) {
  fill(card);
  const { picture } = facts.get(card).item;
  const label = choice === "move" ? Number(card.querySelector("select").value) : NONE;
  if (choice === "move" && label === NONE) {
    say("Choose a class first: press c and type its name, or click on the menu.", true);
    card.querySelector("select").focus();
    return;
  }
  goTo(neighbour(card, 1));
  send("decide", { picture, choice, label }, (found) => `${found.name}: ${describeDecision(found.decision)}. u takes it back.`);
}

function undo() {
  send("undo", {}, (found) => {
    if (!found.name) return "There is nothing to take back.";
    const places = cards.get(found.picture) ?? [];
    goTo(places.find((card) => !facts.get(card).section.element.hidden) ?? places[0]);
    return `${found.name}: taken back.`;
  });
}

function send(what, content, describe) {
  waiting = waiting.then(async () => {
    try {
      const headers = { "Content-Type": "application/json", "X-Token": setting("change-token") };
      const response = await fetch(`/change/${what}`, { method: "POST", headers, body: JSON.stringify(content) });
      if (!response.ok) return say(await problemIn(response), true);
      const found = await response.json();
      accept(found);
      say(describe(found));
    } catch {
      say("The server does not answer any more. Start imgclass clean again, then load this page again.", true);
    }
  });
}

async function problemIn(response) {
  const text = await response.text();
  try {
    return JSON.parse(text).problem;
  } catch {
    return text;
  }
}

function accept(found) {
  if (found.decision) decisions.set(found.picture, found.decision);
  else decisions.delete(found.picture);
  for (const card of cards.get(found.picture) ?? []) mark(card);
  countDecided();
}

function countDecided() {
  for (const { title, items, button } of state.sections) {
    const decided = items.filter((item) => decisions.has(item.picture)).length;
    button.textContent = `${title} ${decided}/${items.length}`;
    button.setAttribute("aria-label", `${title}: ${decided} of ${items.length} decided`);
  }
}

// Keys

const ACTIONS = {
  ArrowRight: () => goTo(neighbour(current, 1)),
  ArrowLeft: () => goTo(neighbour(current, -1)),
  ArrowDown: () => goTo(neighbour(current, columns())),
  ArrowUp: () => goTo(neighbour(current, -columns())),
  Home: () => goTo(neighbour(current, -Infinity)),
  End: () => goTo(neighbour(current, Infinity)),
  k: () => decide(current, "keep"),
  m: () => decide(current, "move"),
  x: () => decide(current, "leave out"),
  c: () => current.querySelector("select").focus(),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const inMenu = event.target instanceof HTMLSelectElement;
  const menuActions = { Enter: () => decide(current, "move"), Escape: () => goTo(current) };
  const general = { u: undo, s: visitNext };
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key; // also where capitals are locked
  const action = inMenu ? menuActions[key] : (general[key] ?? (current ? ACTIONS[key] : undefined));
  if (!action) return;
  event.preventDefault();
  action();
}

// The page

function makeClassMenu() {
  classMenu = make("select", {}, make("option", { value: String(NONE) }, "a class …"));
  classMenu.setAttribute("aria-label", "Class to move to");
  state.classes.forEach((name, number) => classMenu.append(make("option", { value: String(number) }, name)));
}

function makeSection(section) {
  section.button = make("button", { type: "button" });
  section.button.addEventListener("click", () => visit(section));
  section.list = make("ul", { className: "cards" });
  section.list.setAttribute("role", "list"); // Safari forgets it where no bullets are drawn
  section.list.append(...section.items.map((item, place) => makeCard(section, item, place)));
  const about = section.items.length ? section.about : "Nothing was found here.";
  const heading = make("h2", {}, section.title);
  section.element = make("section", { hidden: true }, heading, make("p", { className: "about" }, about), section.list);
  byId("sections").append(section.button);
  byId("main").append(section.element);
}

function fillWhatIsNear(entries) {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    observer.unobserve(target);
    fill(target);
  }
}

async function start() {
  const response = await fetch(`/${setting("picture-key")}/state`);
  if (!response.ok) return say(await problemIn(response), true);
  state = await response.json();
  for (const [number, decision] of Object.entries(state.decisions)) decisions.set(Number(number), decision);
  byId("folder").textContent = state.folder;
  observer = new IntersectionObserver(fillWhatIsNear, { rootMargin: NEAR });
  makeClassMenu();
  state.sections.forEach(makeSection);
  countDecided();
  byId("undo").addEventListener("click", undo);
  document.addEventListener("keydown", onKey);
  say("");
  visit(state.sections.find((section) => section.items.length) ?? state.sections[0]);
}

start().catch(() => say("The server does not answer. Start imgclass clean again, then load this page again.", true));

// Shows a Space inside the page; without this file every card is a link to its Space.
"use strict";
const root = document.documentElement;
const owners = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,94}[A-Za-z0-9])?$/;
const part = (id) => document.getElementById(id);
const cards = [...document.querySelectorAll(".card")];

const asked = new URLSearchParams(location.search).get("owner");
if (asked && owners.test(asked)) {
  for (const card of cards) {
    const name = card.dataset.space;
    card.href = `https://huggingface.co/spaces/${asked}/${name}`;
    card.dataset.src = `https://${`${asked}-${name}`.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.hf.space`;
  }
}

function dark() {
  return root.dataset.shade ? root.dataset.shade === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function close() {
  document.body.classList.remove("open");
  part("stage").hidden = true;
  part("frame").replaceChildren();
  for (const card of cards) card.removeAttribute("aria-current");
}

function open(card) {
  close();
  const title = card.querySelector("b").firstChild.textContent.trim();
  const frame = document.createElement("iframe");
  frame.title = title;
  frame.allow = "microphone; camera; clipboard-read; clipboard-write; autoplay; fullscreen";
  frame.src = `${card.dataset.src}/?__theme=${dark() ? "dark" : "light"}`;
  part("state").textContent = "is opening";
  frame.addEventListener("load", () => { part("state").textContent = ""; });
  part("shown").textContent = title;
  part("apart").href = card.href;
  part("frame").replaceChildren(frame);
  card.setAttribute("aria-current", "true");
  document.body.classList.add("open");
  part("stage").hidden = false;
  part("shown").focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// The address after # says what is open, so that Back closes it and a link opens it.
function follow() {
  const card = cards.find((each) => `#${each.dataset.space}` === location.hash);
  if (card) open(card);
  else close();
}

for (const card of cards) {
  card.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    location.hash = card.dataset.space;
  });
}
part("close").addEventListener("click", () => {
  const last = cards.find((card) => card.hasAttribute("aria-current"));
  location.hash = "";
  last?.focus();
});
part("shade").addEventListener("click", () => { root.dataset.shade = dark() ? "light" : "dark"; });
addEventListener("hashchange", follow);
follow();

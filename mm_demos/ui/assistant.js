// One listener for all that can be pressed in a conversation; the turns below `element` change with every piece of an answer.
const MEMORY = "mm-demos-assistant";
const NEAR_PX = 90; // a reader who scrolled up further than this is left where they are
const SETTLING_MS = 700; // after a hand's last move the list may still glide
let follows = true, top = 0, moved = 0;
const box = () => element.querySelector(".mm-as-turns");
const settle = () => { const list = box(); if (list) list.scrollTop = follows ? list.scrollHeight : top; };
for (const name of ["wheel", "touchmove", "keydown", "pointerdown"]) element.addEventListener(name, () => { moved = performance.now(); }, { passive: true });
// Drawing anew scrolls too: only a hand decides whether the page follows the answer.
element.addEventListener("scroll", (event) => {
  const list = event.target;
  if (list !== box() || performance.now() - moved > SETTLING_MS) return;
  top = list.scrollTop;
  follows = list.scrollHeight - top - list.clientHeight < NEAR_PX;
}, true);

element.addEventListener("click", (event) => {
  const mark = event.target.closest("[data-source]"), button = event.target.closest("[data-act]");
  const turn = Number(event.target.closest("[data-turn]")?.dataset.turn ?? -1);
  if (mark) { trigger("select", { turn, source: Number(mark.dataset.source) }); return; }
  if (!button) return;
  const act = button.dataset.act;
  if (act === "copy") {
    navigator.clipboard?.writeText(button.closest(".mm-as-answer").querySelector(".mm-as-text").innerText);
    button.classList.add("mm-as-done");
    setTimeout(() => button.classList.remove("mm-as-done"), 1200);
  } else if (element.closest(".mm-columns")?.querySelector('.mm-status[data-state="running"]')) {
    // one thing at a time: an answer under way would not know of it
  } else if (act === "like" || act === "dislike" || act === "reason") {
    trigger("like", { turn, act, reason: button.dataset.reason || "", pressed: button.getAttribute("aria-pressed") === "true" });
  } else {
    if (act === "say" || act === "again") follows = true;
    trigger(act === "say" || act === "again" ? "submit" : "edit", { turn, act, text: button.dataset.text || "" });
  }
});
// A new piece of the answer draws every turn anew: what the reader folded open stays open.
const open = new Set();
const folds = () => [...element.querySelectorAll(".mm-as-turn")].flatMap((turn) => [...turn.querySelectorAll("details")].map((fold, i) => [`${turn.dataset.turn}-${i}`, fold]));
element.addEventListener("toggle", (event) => {
  const found = folds().find(([, fold]) => fold === event.target);
  if (found) open[event.target.open ? "add" : "delete"](found[0]);
}, true);
let count = 0;
// The browser remembers which conversation it shows, so that a reload shows it again; it is read when the page loads.
const remember = (talk) => {
  try { if (talk) localStorage.setItem(MEMORY, talk); else if (count) localStorage.removeItem(MEMORY); } catch { /* a browser that keeps nothing */ }
};
const renew = () => {
  const list = folds(), turns = element.querySelectorAll(".mm-as-turn").length;
  if (turns !== count) follows = true;
  if (!turns) open.clear();
  remember(element.querySelector("[data-talk]")?.dataset.talk);
  count = turns;
  for (const [name, fold] of list) fold.open = open.has(name);
  settle();
  requestAnimationFrame(settle);
};
watch("value", renew);
renew();

// Editing captions: what was typed is sent as a whole, so that the last message says it all, whatever came before.
const WAIT_MS = 300;
const runs = new WeakMap();
let timer = 0;
const boxes = () => [...element.querySelectorAll("textarea")];
const isEdited = (box) => box.value !== box.defaultValue;

const send = () => {
  clearTimeout(timer);
  const all = boxes();
  if (!all.length) return;
  trigger("edit", { run: all[0].dataset.run, texts: Object.fromEntries(all.filter(isEdited).map((box) => [box.dataset.row, box.value])) });
};
const mark = (box) => box.closest("li").classList.toggle("mm-changed", isEdited(box));

// The page keeps a text box and what was typed into it when the next run puts another caption there.
const renew = () => boxes().forEach((box) => {
  if (runs.get(box) !== box.dataset.run) box.value = box.defaultValue;
  runs.set(box, box.dataset.run);
  mark(box);
});

element.addEventListener("input", (event) => {
  if (event.target.tagName !== "TEXTAREA") return;
  mark(event.target);
  clearTimeout(timer);
  timer = setTimeout(send, WAIT_MS);
});
element.addEventListener("change", (event) => { if (event.target.tagName === "TEXTAREA") send(); });
element.addEventListener("click", (event) => {
  const other = event.target.closest(".mm-other");
  if (!other) return;
  const box = other.closest("li").querySelector("textarea");
  box.value = other.firstChild.textContent;
  mark(box);
  send();
});
watch("value", renew);
renew();

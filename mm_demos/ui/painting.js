// One listener for the grid, whose pictures change below `element`; and the large view of one picture, which lies above the page.
const columns = () => element.closest(".mm-columns");
const busy = () => Boolean(columns()?.querySelector('.mm-status[data-state="running"]'));
const all = () => [...element.querySelectorAll(".mm-pt-card[data-seed]")];
let large = null, shown = -1, chosen = "";

const save = (card) => {
  const link = document.createElement("a");
  link.href = card.querySelector("img").src;
  link.download = card.querySelector("[data-name]").dataset.name;
  link.click();
};
// What "Send the picture to" takes: the one looked at last, at first the best.
const choose = (card) => {
  for (const other of all()) other.classList.toggle("mm-pt-chosen", other === card);
  chosen = card?.dataset.seed ?? "";
};
const act = (card, name) => {
  choose(card);
  if (name === "save") save(card);
  else if (!busy()) trigger(name === "settings" ? "submit" : "edit", { seed: Number(card.dataset.seed) });
};

const close = () => { large?.close(); };
const look = (number) => {
  const cards = all(), card = cards[(number + cards.length) % cards.length];
  if (!card) return;
  shown = cards.indexOf(card);
  choose(card);
  const picture = card.querySelector("img"), image = large.querySelector("img");
  image.src = picture.src;
  image.alt = picture.alt;
  image.style.aspectRatio = `${picture.getAttribute("width")} / ${picture.getAttribute("height")}`;
  large.querySelector("p").textContent = picture.alt;
  large.querySelector(".mm-pt-where").textContent = `${card.dataset.told}${cards.length > 1 ? ` · ${shown + 1} of ${cards.length}` : ""}`;
  for (const button of large.querySelectorAll("[data-step]")) button.hidden = cards.length < 2;
};
const open = (card) => {
  if (!large) {
    large = document.createElement("dialog");
    large.className = "mm-pt-large";
    large.innerHTML = `<button type="button" class="mm-pt-close" aria-label="Close">×</button><div><button type="button" data-step="-1" aria-label="Picture before">‹</button><img alt=""><button type="button" data-step="1" aria-label="Next picture">›</button></div><p translate="no"></p><span class="mm-pt-where"></span><footer></footer>`;
    large.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button?.dataset.step) look(shown + Number(button.dataset.step));
      else if (button?.dataset.act) { const card = all()[shown]; if (button.dataset.act !== "save") close(); if (card) act(card, button.dataset.act); }
      else if (button || event.target === large) close();
    });
    large.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (way) { event.preventDefault(); look(shown + way); }
    });
    large.addEventListener("close", () => { all()[shown]?.querySelector(".mm-pt-open").focus(); });
  }
  (element.closest(".gradio-container") ?? document.body).append(large);
  large.querySelector("footer").innerHTML = card.querySelector(".mm-pt-tools").innerHTML;
  large.setAttribute("aria-label", card.querySelector("img").alt);
  look(all().indexOf(card));
  large.showModal();
};

element.addEventListener("click", (event) => {
  const card = event.target.closest(".mm-pt-card[data-seed]"), button = event.target.closest("button");
  if (!card || !button) return;
  if (button.matches(".mm-pt-open")) open(card);
  else if (button.dataset.act) act(card, button.dataset.act);
});
// A step of the next picture draws the grid anew: what was chosen stays so, while it is there.
const renew = () => {
  const cards = all();
  choose(cards.find((card) => card.dataset.seed === chosen) ?? null);
  if (large?.open && !cards.length) close();
};
watch("value", renew);
renew();

// Playing clips: one at a time, from the moment that was found. Runs once; the page below `element` is replaced by every run.
const rowOf = (node) => node.closest(".mm-hit, .mm-spot")?.querySelector(".mm-player-row");
const clock = (seconds) => {
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60), rest = String(whole % 60).padStart(2, "0");
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
};

const show = (row, time) => {
  const slider = row.querySelector("input"), text = clock(Number(row.dataset.start) + time);
  slider.value = time;
  slider.setAttribute("aria-valuetext", text);
  row.style.setProperty("--at", `${(100 * time) / slider.max}%`);
  row.querySelector(".mm-clock").textContent = text;
};

const play = (row, time) => {
  const audio = row.querySelector("audio");
  document.querySelectorAll("audio").forEach((other) => { if (other !== audio) other.pause(); });
  if (time !== undefined) { audio.currentTime = time; audio.dataset.begun = "yes"; }
  else if (!audio.dataset.begun || audio.ended) { audio.currentTime = Number(audio.dataset.at); audio.dataset.begun = "yes"; }
  audio.play().catch(() => {}); // a browser may refuse sound before the first click; the button stays
};

element.addEventListener("click", (event) => {
  const button = event.target.closest(".mm-hear"), word = event.target.closest("[data-word-at]"), spot = event.target.closest("[data-spot]");
  if (button) {
    const row = button.parentElement, audio = row.querySelector("audio");
    if (audio.paused) play(row); else audio.pause();
  } else if (word) play(rowOf(word), Number(word.dataset.wordAt));
  else if (spot) trigger("click", { spot: Number(spot.dataset.spot) });
});
element.addEventListener("input", (event) => {
  const row = event.target.closest(".mm-player-row");
  if (!row) return;
  const audio = row.querySelector("audio"), time = Number(event.target.value);
  audio.dataset.begun = "yes";
  audio.currentTime = time;
  show(row, time);
});
const told = (event) => { const row = event.target.closest?.(".mm-player-row"); if (row) row.classList.toggle("mm-playing", !event.target.paused && !event.target.ended); };
for (const name of ["play", "pause", "ended"]) element.addEventListener(name, told, true); // these do not bubble
element.addEventListener("timeupdate", (event) => { const row = event.target.closest(".mm-player-row"); if (row) show(row, event.target.currentTime); }, true);
const renew = () => { const row = element.querySelector("audio[data-autoplay]")?.parentElement; if (row) play(row); };
watch("value", renew);

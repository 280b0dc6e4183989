// Choosing a caption, copying it, and drawing where its words looked. Runs once; the page below `element` is replaced by every run.
const GRID = 9;
const STEP_MS = 900;
const CLOSE = 2.5; // times the average from which a look counts as directed
const PLACES = ["top left", "top", "top right", "left", "middle", "right", "bottom left", "bottom", "bottom right"];
const SMALL = /^(an?|the|is|are|of|on|in|at|to|by|with|and|its?|his|her|their|up|into|from|for|that|some)$/i;
const sum = (values) => values.reduce((total, value) => total + value, 0);
const find = (selector) => element.querySelector(selector);
let captions = [], chosen = null, step = 0, playing = 0;

// Cubic B-spline over one axis: for every fine pixel the four cells around it and their weights; cells beyond the edge repeat it.
const axis = (fine) => Array.from({ length: fine }, (_, i) => {
  const place = ((i + 0.5) / fine) * GRID - 0.5, first = Math.floor(place), t = place - first;
  const weights = [(1 - t) ** 3, 3 * t ** 3 - 6 * t ** 2 + 4, -3 * t ** 3 + 3 * t ** 2 + 3 * t + 1, t ** 3];
  return weights.map((weight, k) => [Math.min(GRID - 1, Math.max(0, first - 1 + k)), weight / 6]);
});

const smooth = (look, fine) => {
  const taps = axis(fine), rows = new Float32Array(GRID * fine), map = new Float32Array(fine * fine);
  for (let y = 0; y < GRID; y++)
    for (let x = 0; x < fine; x++) for (const [cell, weight] of taps[x]) rows[y * fine + x] += weight * look[y * GRID + cell];
  for (let y = 0; y < fine; y++)
    for (let x = 0; x < fine; x++) for (const [cell, weight] of taps[y]) map[y * fine + x] += weight * rows[cell * fine + x];
  return map;
};

// Dark where it did not look, a warm light where it did: told by brightness, so that no colour needs to be told apart.
const draw = (canvas, look) => {
  const pen = canvas.getContext("2d"), fine = canvas.width;
  pen.clearRect(0, 0, fine, fine);
  if (!look) return;
  const map = smooth(look, fine), image = pen.createImageData(fine, fine), even = sum(look) / look.length;
  const low = Math.min(...map, 0.3 * even), high = Math.max(...map, CLOSE * even); // a look all over gives an even, thin veil
  map.forEach((value, i) => {
    const lit = (value - low) / (high - low), light = Math.max(0, (lit - 0.45) / 0.55), dark = Math.max(0, 1 - lit / 0.45);
    image.data.set([12 + 243 * light, 20 + 150 * light, 26 + 14 * light, 255 * (0.1 + 0.28 * light + 0.56 * dark)], 4 * i);
  });
  pen.putImageData(image, 0, 0);
};

const placeOf = (look) => {
  const peak = Math.max(...look), cell = look.indexOf(peak), times = (peak * look.length) / sum(look);
  if (times < CLOSE) return "all over the picture";
  return `most closely at the ${PLACES[3 * Math.floor(cell / GRID / 3) + Math.floor((cell % GRID) / 3)]} (${times.toFixed(1)} times the average)`;
};

const bare = (word) => word.replace(/[.,;:!?]+$/, "");

const go = (next, focus = false) => {
  if (!find(".mm-heat") || !chosen) return;
  step = Math.min(chosen.words.length, Math.max(0, next));
  const look = step ? chosen.looks[step - 1] : null, slider = find(".mm-steps input");
  const told = step
    ? `“${bare(chosen.words[step - 1])}” looked ${placeOf(look)}.`
    : "The picture alone. Move the slider or choose a word to see where it looked.";
  draw(find("canvas"), look);
  slider.value = step;
  slider.setAttribute("aria-valuetext", step ? `${step} of ${chosen.words.length}: ${told}` : told);
  find(".mm-told").textContent = told;
  element.querySelectorAll(".mm-words button").forEach((button, i) => {
    button.setAttribute("aria-pressed", i + 1 === step);
    if (focus && i + 1 === step) button.focus();
  });
};

const stop = () => { clearInterval(playing); playing = 0; if (find(".mm-play")) find(".mm-play").textContent = "Play"; };

const play = () => {
  if (playing) return stop();
  find(".mm-play").textContent = "Pause";
  go(step >= chosen.words.length ? 1 : step + 1);
  playing = setInterval(() => { if (!find(".mm-play") || step >= chosen.words.length) stop(); else go(step + 1); }, STEP_MS);
};

const choose = (number) => {
  chosen = captions[number];
  find(".mm-lead").textContent = chosen.text;
  const heat = find(".mm-heat");
  if (!heat) return;
  heat.querySelector("img").alt = `“${chosen.text}”; what the chosen word looked at is lit`;
  const told = chosen.words.length > 0, slider = find(".mm-steps input");
  find(".mm-heat-tools").hidden = !told;
  find(".mm-worded").hidden = told;
  find(".mm-words").replaceChildren(...chosen.words.map((word, i) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: word, translate: false });
    button.dataset.word = i + 1;
    return button;
  }));
  slider.max = chosen.words.length;
  if (!told) return draw(find("canvas"), null);
  const peaks = chosen.looks.map((look, i) => Math.max(...look) * (SMALL.test(bare(chosen.words[i])) ? 0.01 : 1));
  go(1 + peaks.indexOf(Math.max(...peaks))); // the word that looked most closely says most about the map
};

const copy = async (button) => {
  try {
    await navigator.clipboard.writeText(chosen.text);
  } catch { // pages that are not on https or this machine may not use the clipboard directly
    const box = Object.assign(document.createElement("textarea"), { value: chosen.text });
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
};

const read = () => {
  stop();
  const page = find(".mm-captions");
  captions = page ? JSON.parse(page.dataset.captions) : [];
  if (!page) return;
  find(".mm-rank input").checked = true;
  choose(0);
};

element.addEventListener("change", (event) => { if (event.target.type === "radio") { stop(); choose(Number(event.target.value)); } });
element.addEventListener("input", (event) => { if (event.target.type === "range") { stop(); go(Number(event.target.value)); } });
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.word) { stop(); go(Number(button.dataset.word)); }
  else if (button.matches(".mm-play")) play();
  else if (button.matches(".mm-copy")) copy(button);
});
element.addEventListener("keydown", (event) => {
  const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!way || !event.target.dataset.word) return;
  event.preventDefault();
  stop();
  go(Math.max(1, step + way), true);
});
watch("value", read);
read();

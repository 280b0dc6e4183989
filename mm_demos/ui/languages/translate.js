// Puts another language in the place of the page's English, now and as things appear. How a dictionary is written: __init__.py.
(() => {
  const KEPT = "mm-demos-language";
  const TAGS = { en: "en", zh: "zh-Hans" };
  const ATTRIBUTES = ["placeholder", "title", "aria-label", "aria-valuetext", "alt", "data-told"];
  // Gradio's own elements that hold what visitors or models wrote; ours say translate="no".
  const FOREIGN = 'textarea, [contenteditable], .cm-editor, .json-holder, [role="gridcell"], .sizing-body, .tr-body, .gallery-item, .file-preview .filename';
  const CHOICE = 'input[role="combobox"], input[role="listbox"]';
  const UNREAD = new Set(["script", "style", "link", "meta", "path", "canvas"]);
  const WORDS_BETWEEN = [[" · ", " · "], ["\n", "\n"], [" – ", "："], [/(?<=[.!?]) (?=[^a-z])/, ""]];
  const LIST_BETWEEN = [["; ", "；"], [", ", "、"], [" and ", "和"], [" or ", "或"]];
  const FEW = 5; // letters under which a pattern fits too much, as a count of one word does: what fills it must have a number or be known
  const LONG = 4; // items from which a list is one, although names in it are in no dictionary
  const DEEP = 5; // placeholders within placeholders
  const MANY = 5000; // texts whose translation is remembered; status lines bring new ones all the time

  // In a Chinese browser Gradio says its own words in Chinese, which an English page has to turn back.
  const GRADIO_SAYS = (navigator.language ?? "").slice(0, 2).toLowerCase();
  let language = "en", words = new Map(), back = new Map(), patterns = [], remembered = new Map();
  const sources = new WeakMap(); // node or element → what it said in English and what was put there instead

  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const letters = (text) => text.replace(/[^A-Za-z]/g, "").length;
  const learn = (dictionary) => {
    words = new Map(Object.entries(dictionary));
    back = new Map(Object.entries(dictionary).map(([key, value]) => [value, key]));
    patterns = Object.entries(dictionary).filter(([key]) => /\{\d\}/.test(key)).map(([key, value]) => {
      const pieces = key.split(/\{(\d)\}/), plain = pieces.filter((_, i) => i % 2 === 0);
      return {
        key, value, quoted: new Set([...key.matchAll(/[“"'‘]\{(\d)\}/g)].map((mark) => mark[1])), order: pieces.filter((_, i) => i % 2 === 1),
        core: plain.reduce((a, b) => (b.length > a.length ? b : a)), own: plain.reduce((total, text) => total + letters(text), 0),
        weak: /^\{\d\}\W*\w+\W*$/.test(key) || letters(plain.join("")) < FEW,
        fits: new RegExp(`^${plain.map(escaped).join("([\\s\\S]*?)")}$`),
      };
    }).sort((a, b) => b.own - a.own || b.key.length - a.key.length);
    remembered = new Map();
  };

  const swapped = (text) => text.charAt(0) === text.charAt(0).toUpperCase() ? text.charAt(0).toLowerCase() + text.slice(1) : text.charAt(0).toUpperCase() + text.slice(1);
  const filled = (text, depth, cut, weak) => {
    for (const pattern of patterns) {
      if ((weak !== undefined && pattern.weak !== weak) || !text.includes(pattern.core) || (cut !== undefined && !pattern.key.includes(cut))) continue;
      const found = pattern.fits.exec(text);
      if (!found || (pattern.weak && !found.slice(1).every((part) => /[\d-]/.test(part) || said(part.trim(), depth + 1) !== null))) continue;
      return pattern.value.replace(/\{(\d)\}/g, (_, n) => {
        const part = found[1 + pattern.order.indexOf(n)] ?? "";
        return pattern.quoted.has(n) ? part : within(part, depth + 1);
      });
    }
    return null;
  };
  // A text of several: each looked up, also with what stood before it; null unless all are known, or one where `some` will do.
  const joined = (text, depth, [cut, glue], some) => {
    const pieces = text.split(cut).map((piece) => piece.trim());
    if (pieces.length < 2) return null;
    const known = pieces.map((piece, i) => {
      if (!/[A-Za-z]/.test(piece)) return piece;
      return said(piece, depth + 1) ?? (i && typeof cut === "string" ? said(cut.trim() + " " + piece, depth + 1)?.replace(/^[；，、\s]+/, "") : null) ?? null;
    });
    if (known.every((piece, i) => piece === null || piece === pieces[i]) || (!some && known.includes(null))) return null;
    return known.map((piece, i) => piece ?? pieces[i]).join(glue);
  };
  // The text in the other language, or null if no entry knows it.
  const said = (text, depth = 0) => {
    const exact = words.get(text) ?? words.get(swapped(text));
    if (exact !== undefined) return exact;
    if (text.endsWith(".") && words.has(text.slice(0, -1))) return `${words.get(text.slice(0, -1))}。`;
    if (depth > DEEP || !/[A-Za-z]/.test(text)) return null;
    const cuts = WORDS_BETWEEN.filter(([cut]) => text.search(cut) >= 0);
    for (const cut of cuts) { const found = joined(text, depth, cut); if (found !== null) return found; }
    for (const cut of cuts) {
      const found = (typeof cut[0] === "string" ? filled(text, depth, cut[0]) : null) ?? joined(text, depth, cut, true);
      if (found !== null) return found;
    }
    const found = filled(text, depth, undefined, false);
    if (found !== null) return found;
    for (const cut of LIST_BETWEEN) {
      const list = joined(text, depth, cut, text.split(cut[0]).length >= LONG);
      if (list !== null) return list;
    }
    return filled(text, depth, undefined, true);
  };
  const within = (text, depth) => { const [before, core, after] = trimmed(text); return before + (said(core, depth) ?? core) + after; };
  const trimmed = (text) => /^(\s*)([\s\S]*?)(\s*)$/.exec(text).slice(1);
  const translated = (text) => {
    if (language === "en") return GRADIO_SAYS in TAGS && /[^\u0000-\u2fff]/.test(text) ? back.get(text.trim()) ?? text : text;
    if (!/[A-Za-z]/.test(text)) return text;
    let found = remembered.get(text);
    if (found === undefined) {
      const [before, core, after] = trimmed(text), other = said(core.replace(/\s+/g, " "));
      found = other === null ? text : before + other + after;
      if (remembered.size > MANY) remembered.clear();
      remembered.set(text, found);
    }
    return found;
  };

  // What is shown and what it is in English; a text that changed since is English again, as the program wrote it.
  const turned = (known, now) => {
    const source = known && known.shown === now ? known.source : now;
    return { source, shown: translated(source) };
  };
  const turnText = (node) => {
    const now = node.nodeValue, known = sources.get(node), next = turned(known, now);
    if (known || next.shown !== now) sources.set(node, next);
    if (next.shown !== now) node.nodeValue = next.shown;
  };
  const turnAttribute = (element, name) => {
    const now = element.getAttribute(name);
    if (now === null) return;
    const all = sources.get(element) ?? {}, next = turned(all[name], now);
    if (all[name] || next.shown !== now) sources.set(element, { ...all, [name]: next });
    if (next.shown !== now) element.setAttribute(name, next.shown);
  };
  const open = (element) => {
    const nearest = element?.closest(`[translate], ${FOREIGN}`);
    return !nearest || (nearest.getAttribute("translate") ?? "no") !== "no";
  };
  const turn = (node, on) => {
    if (node.nodeType === Node.TEXT_NODE) { if (on) turnText(node); return; }
    if (node.nodeType !== Node.ELEMENT_NODE || UNREAD.has(node.localName)) return;
    const mark = node.getAttribute("translate");
    if (mark) on = mark !== "no";
    if (on) for (const name of ATTRIBUTES) if (node.hasAttribute(name)) turnAttribute(node, name);
    if (!mark && node.matches(FOREIGN)) on = false;
    if (!on && !node.querySelector('[translate="yes"]')) return;
    for (const child of node.childNodes) turn(child, on);
  };

  // A drop-down list shows its choice as the value of an input, which stays: the style sheet lays these words over it.
  const turnChoices = () => {
    for (const input of document.querySelectorAll(CHOICE)) {
      const shown = open(input) ? translated(input.value) : input.value, holder = input.parentElement;
      if (shown === input.value) { if (holder.dataset.mmShown !== undefined) delete holder.dataset.mmShown; }
      else if (holder.dataset.mmShown !== shown) holder.dataset.mmShown = shown;
    }
  };

  const watcher = new MutationObserver((changes) => {
    for (const { type, target, addedNodes, attributeName } of changes) {
      if (type === "childList") { if (addedNodes.length && open(target)) for (const node of addedNodes) turn(node, true); }
      else if (type === "characterData") { if (open(target.parentElement)) turnText(target); }
      else if (open(target.parentElement) && target.getAttribute("translate") !== "no") turnAttribute(target, attributeName);
    }
    turnChoices();
    watcher.takeRecords(); // what was just written is no news
  });
  const turnAll = () => {
    watcher.disconnect();
    turn(document.documentElement, true);
    turnChoices();
    putTag();
    if (!quiet()) watcher.observe(document.documentElement, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES });
    window.dispatchEvent(new Event("resize")); // what was measured by the width of words is measured again
  };

  const putTag = () => { if (document.documentElement.lang !== TAGS[language]) document.documentElement.lang = TAGS[language]; };
  const quiet = () => language === "en" && (GRADIO_SAYS === "en" || !(GRADIO_SAYS in TAGS)); // nothing to turn
  const choose = async (next) => {
    if (!words.size) learn(await (await fetch(new URL(DICTIONARY, document.baseURI))).json());
    language = next;
    turnAll();
  };
  const wished = () => {
    let kept = null;
    try { kept = localStorage.getItem(KEPT); } catch { /* a browser that keeps nothing */ }
    const asked = [kept, new URLSearchParams(location.search).get("lang"), ...navigator.languages];
    return asked.map((tag) => (tag ?? "").slice(0, 2).toLowerCase()).find((tag) => tag in TAGS) ?? "en";
  };
  const ask = window.confirm.bind(window);
  window.confirm = (text) => ask(translated(String(text)));
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.(".mm-language")) return;
    const next = language === "en" ? "zh" : "en";
    try { localStorage.setItem(KEPT, next); } catch { /* it lasts for this visit */ }
    choose(next);
  });
  for (const name of ["focusout", "change", "click"]) document.addEventListener(name, () => { if (language !== "en") setTimeout(turnChoices); });
  // Gradio writes the browser's language there when its own words arrive, which may be before or after ours.
  new MutationObserver(putTag).observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });
  putTag();
  const first = wished();
  if (first !== "en" || !quiet()) choose(first);
})();

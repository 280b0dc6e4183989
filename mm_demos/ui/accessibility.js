// What Gradio's own markup leaves out for keyboards and screen readers. One pass mends the whole page and changes nothing the second
// time; every change of the page asks for one, and those of a tenth of a second share it.
(() => {
  const WAIT_MS = 100;
  const shown = (node) => node.offsetParent !== null;
  const set = (node, name, value) => { if (node.getAttribute(name) !== value) node.setAttribute(name, value); };
  const offer = (node, name, value) => { if (!node.hasAttribute(name)) node.setAttribute(name, value); };
  const every = (selector, mend) => document.querySelectorAll(selector).forEach(mend);
  // "…/cat-on-sofa.jpg" tells more than "image".
  const fileName = (address) => decodeURIComponent((address || "").split(/[?#]/)[0].split("/").pop()).replace(/\.\w+$/, "").replace(/[-_]+/g, " ");

  // Before all else on the page: a link past the header and the tabs.
  let contents = 0;
  const skipLink = () => {
    const page = document.querySelector(".gradio-container"), content = [...document.querySelectorAll(".mm-columns")].find(shown);
    if (!page || !content) return;
    let link = page.querySelector(".mm-skip");
    if (!link) {
      link = Object.assign(document.createElement("a"), { className: "mm-skip", textContent: "Skip to the content" });
      link.addEventListener("click", (event) => {
        event.preventDefault(); // the address stays as it is
        document.querySelector(link.getAttribute("href")).focus();
      });
      page.prepend(link);
    }
    content.id ||= `content-${++contents}`;
    set(content, "tabindex", "-1");
    set(link, "href", `#${content.id}`);
  };

  // A run's line is drawn anew several times a second. What is read aloud is a line of its own, which changes with the message only;
  // a failure is an alert where it stands.
  const told = new WeakMap();
  const speak = () => {
    const page = document.querySelector(".gradio-container");
    if (!page) return;
    let line = page.querySelector(".mm-aloud");
    if (!line) {
      line = Object.assign(document.createElement("div"), { className: "mm-aloud mm-unseen" });
      set(line, "role", "status");
      set(line, "aria-live", "polite");
      page.append(line);
    }
    every(".mm-statusbox", (box) => {
      const status = box.querySelector(".mm-status"), text = status?.querySelector(".mm-message")?.textContent ?? "";
      const known = told.has(box), now = `${status?.dataset.run ?? ""} ${text}`;
      if (told.get(box) === now) return;
      told.set(box, now);
      if (known && shown(box) && status?.dataset.state !== "failed") line.textContent = text;
    });
  };

  const mend = () => {
    skipLink();
    speak();
    every(".mm-inputs", (column) => { set(column, "role", "region"); offer(column, "aria-label", "Input"); });
    every(".mm-results", (column) => { set(column, "role", "region"); offer(column, "aria-label", "Result"); });
    // One stop for the Tab key in a list of tabs; the arrow keys go on from there.
    every('[role="tab"]', (tab) => set(tab, "tabindex", tab.getAttribute("aria-selected") === "true" ? "0" : "-1"));
    // Code that is wider than its box can be scrolled by keys only when it can have the focus.
    every(".cm-scroller:has(> .cm-content[contenteditable='false'])", (code) => {
      set(code, "tabindex", "0");
      offer(code, "role", "group");
      offer(code, "aria-label", "Code");
    });
    every(".empty[aria-label]", (sign) => offer(sign, "role", "img")); // a name that nothing could bear
    // A button inside a link is two stops for one thing.
    every("a.download-link:has(> button)", (link) => {
      offer(link, "aria-label", "Download");
      set(link.firstElementChild, "tabindex", "-1");
    });
    // A button around a button: the inner one has the name, and its clicks reach the outer one.
    every(".validation-error > button", (button) => { set(button, "role", "none"); set(button, "tabindex", "-1"); });
    every("button input[type='file']", (input) => set(input, "tabindex", "-1")); // the button around it opens the same dialogue
    every("svg.dropdown-arrow", (sign) => set(sign, "aria-hidden", "true")); // the list beside it says what it is
    every("img[src*='/file=']:not([alt]), img[src*='/file='][alt='']", (picture) => set(picture, "alt", fileName(picture.src)));
    // An example shown as a picture is a button without a name.
    every("button.gallery-item", (button) => {
      const picture = button.querySelector("img, video, audio");
      if (picture?.src && !button.textContent.trim()) offer(button, "aria-label", `Example: ${fileName(picture.src)}`);
    });
  };

  const KEYS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.('[role="tab"]'), way = KEYS[event.key];
    if (!tab || !way || event.ctrlKey || event.altKey || event.metaKey) return;
    const tabs = [...tab.closest('[role="tablist"]').querySelectorAll('[role="tab"]')].filter((other) => shown(other) && !other.disabled);
    const place = tabs.indexOf(tab) + way;
    const next = Number.isFinite(place) ? tabs[(place + tabs.length) % tabs.length] : tabs[place < 0 ? 0 : tabs.length - 1];
    event.preventDefault();
    next.click();
    next.focus();
  });

  let asked = 0;
  const ask = () => { asked ||= setTimeout(() => { asked = 0; mend(); }, WAIT_MS); };
  new MutationObserver(ask).observe(document.documentElement, {
    subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["aria-selected", "src"],
  });
  ask();
})();

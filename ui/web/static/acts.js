// Buttons of a thing in a list (a model, a run) become `act` events, or `use` where it is taken up on the page; what
// cannot be undone asks first. The list is drawn anew while one thinks: a question is of a thing, not of a button.
let asked = null;
let timer = 0;

function find({ kind, key }) {
  const buttons = [...element.querySelectorAll("[data-act]")];
  return buttons.find((each) => each.dataset.act === kind && each.closest("[data-key]").dataset.key === key);
}

function say(words, name) {
  const button = asked && find(asked);
  if (!button || button.textContent === words) return;
  button.textContent = words;
  button.setAttribute("aria-label", name);
}

function forget() {
  clearTimeout(timer);
  if (asked) say(asked.label, asked.name);
  asked = null;
}

new MutationObserver(() => asked && say(asked.words, asked.asks)).observe(element, {
  childList: true,
  subtree: true,
  characterData: true,
});

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (!button) return;
  const thing = { kind: button.dataset.act, key: button.closest("[data-key]").dataset.key };
  const again = asked && asked.kind === thing.kind && asked.key === thing.key;
  forget();
  if ("asks" in button.dataset && !again) {
    const label = button.textContent;
    const name = button.getAttribute("aria-label");
    const words = `Really ${label.toLowerCase()}?`;
    asked = { ...thing, label, name, words, asks: `Really ${name[0].toLowerCase()}${name.slice(1)}?` };
    say(words, asked.asks);
    timer = setTimeout(forget, 4000);
    return;
  }
  button.disabled = true;  // for as long as an answer takes: a list that stays as it was is not drawn anew
  setTimeout(() => { const same = find(thing); if (same) same.disabled = false; }, 1500);
  trigger(thing.kind === "use" ? "use" : "act", thing);
});

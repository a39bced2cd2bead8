// Buttons of a thing in a list (a model, a run) become `act` events; what cannot be undone asks first.
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (!button) return;
  const kind = button.dataset.act;
  const label = button.dataset.label || button.textContent;
  const asks = `Really ${label.toLowerCase()}?`;
  if ("asks" in button.dataset && button.textContent !== asks) {
    const name = button.getAttribute("aria-label");
    button.dataset.label = label;
    button.textContent = asks;
    button.setAttribute("aria-label", `Really ${name[0].toLowerCase()}${name.slice(1)}?`);
    setTimeout(() => { button.textContent = label; button.setAttribute("aria-label", name); }, 4000);
    return;
  }
  button.disabled = true;
  trigger("act", { kind, key: button.closest("[data-key]").dataset.key });
});

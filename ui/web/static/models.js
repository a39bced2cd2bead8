// Buttons of a model become `act` events; removing asks first.
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (!button) return;
  const kind = button.dataset.act;
  if (kind === "remove" && button.textContent !== "Really remove?") {
    const name = button.getAttribute("aria-label");
    button.textContent = "Really remove?";
    button.setAttribute("aria-label", `Really ${name[0].toLowerCase()}${name.slice(1)}?`);
    setTimeout(() => { button.textContent = "Remove"; button.setAttribute("aria-label", name); }, 4000);
    return;
  }
  button.disabled = true;
  trigger("act", { kind, model: button.closest("[data-model]").dataset.model });
});

// Buttons of a model become `act` events; removing asks first.
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (!button) return;
  const kind = button.dataset.act;
  if (kind === "remove" && button.textContent !== "Really remove?") {
    button.textContent = "Really remove?";
    setTimeout(() => { button.textContent = "Remove"; }, 4000);
    return;
  }
  button.disabled = true;
  trigger("act", { kind, model: button.closest("[data-model]").dataset.model });
});

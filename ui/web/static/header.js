// The appearance button: dark and light in turn, remembered in this browser.
const apply = (name) => document.body.classList.toggle("dark", name === "dark");
const kept = document.documentElement.dataset.appearance;
if (kept) apply(kept);
element.querySelector("[data-appearance]").onclick = () => {
  const name = document.body.classList.contains("dark") ? "light" : "dark";
  apply(name);
  localStorage.setItem("parley-appearance", name);
};

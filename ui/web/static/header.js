// The bar: dark or light, remembered in this browser; and the panels at both sides, whose buttons stand in it.
const apply = (name) => document.body.classList.toggle("dark", name === "dark");
const kept = document.documentElement.dataset.appearance;
if (kept) apply(kept);
element.querySelector("[data-appearance]").onclick = () => {
  const name = document.body.classList.contains("dark") ? "light" : "dark";
  apply(name);
  localStorage.setItem("parley-appearance", name);
};

// Where people log in: who it is, and the pages that are theirs.
const leave = element.querySelector("[data-leave]");
if (leave) {
  fetch("./parley/me").then((answer) => answer.json()).then(({ name, admin }) => {
    leave.hidden = false;
    leave.querySelector("button").title = `Logged in as ${name}`;
    if (!admin) element.querySelectorAll("nav a[data-admin]").forEach((link) => { link.hidden = true; });
  });
}

element.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

const narrow = matchMedia("(max-width: 768px)"); // as in style.css: panels then lie over the page
const panels = { history: "Conversations", settings: "Settings" };

function setUp(id) {
  const panel = document.getElementById(id);
  const toggle = panel.querySelector(".toggle-button");
  toggle.setAttribute("aria-label", panels[id]);
  toggle.title = panels[id];
  const told = () => {
    const open = panel.classList.contains("open");
    toggle.setAttribute("aria-expanded", String(open));
    panel.querySelector(".sidebar-content").inert = !open; // what cannot be seen takes no focus
  };
  new MutationObserver(told).observe(panel, { attributeFilter: ["class"] });
  told();
  const close = () => { if (narrow.matches && panel.classList.contains("open")) toggle.click(); };
  close();
  addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  addEventListener("click", ({ target }) => {
    const chosen = target.closest("#new-chat, #list .open");
    // a list of choices hangs outside of the panel, and what was clicked may be gone by now
    const outside = target.isConnected && target.closest("main") && !panel.contains(target);
    if (chosen || outside) close();
  });
}

function whenThere() {
  if (!document.querySelector("#settings .toggle-button")) return requestAnimationFrame(whenThere);
  Object.keys(panels).forEach(setUp);
  return document.documentElement.setAttribute("data-settled", "");
}
if (element.querySelector("[data-panels]")) whenThere();

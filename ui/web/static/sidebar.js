// The list of conversations. `props.value` = {items: [{id, title, when, snippet}], current, more, undo}.

const list = element.querySelector("ul");
const undo = element.querySelector(".undo");

function item(entry, current) {
  const node = document.createElement("li");
  node.dataset.id = entry.id;
  const open = document.createElement("button");
  open.type = "button";
  open.className = "open";
  open.textContent = entry.title;
  open.title = entry.title;
  if (entry.id === current) open.setAttribute("aria-current", "page");
  node.append(open);
  if (entry.snippet) {
    const snippet = document.createElement("span");
    snippet.className = "snippet";
    // \u0002 and \u0003 frame what was found
    for (const [index, part] of entry.snippet.split(/[\u0002\u0003]/).entries()) {
      const piece = index % 2 ? document.createElement("mark") : document.createTextNode(part);
      if (index % 2) piece.textContent = part;
      snippet.append(piece);
    }
    open.append(snippet);
  }
  node.append(element.querySelector("template").content.cloneNode(true));
  for (const button of node.querySelectorAll("[data-act]")) {
    button.setAttribute("aria-label", `${button.title} ${entry.title}`);
  }
  return node;
}

function draw() {
  const value = props.value || { items: [] };
  const nodes = [];
  let day = null;
  for (const entry of value.items) {
    if (entry.when !== day) {
      day = entry.when;
      const heading = document.createElement("li");
      heading.className = "day";
      heading.textContent = day;
      nodes.push(heading);
    }
    nodes.push(item(entry, value.current));
  }
  const held = list.contains(document.activeElement) ? document.activeElement : null;
  list.replaceChildren(...nodes);
  element.querySelector(".more").hidden = !value.more;
  element.querySelector(".none").hidden = value.items.length > 0;
  undo.hidden = !value.undo;
  if (value.undo) {
    undo.querySelector("span").textContent = `“${value.undo.title}” deleted.`;
    undo.querySelector("button").dataset.id = value.undo.id;
  }
  if (held) { // whoever goes by the keyboard stays where they were; after a deletion, at its undoing
    const same = list.querySelector(`[data-id="${held.closest("li").dataset.id}"] .open`);
    (same || (value.undo && undo.querySelector("button")))?.focus({ preventScroll: true });
  }
  if (!props.value) return;
  const address = new URL(location.href);
  if (value.current) address.searchParams.set("c", value.current);
  else address.searchParams.delete("c");
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}

function rename(node) {
  const open = node.querySelector(".open");
  const field = document.createElement("input");
  field.value = open.title;
  field.setAttribute("aria-label", "New title");
  open.replaceWith(field);
  field.focus();
  field.select();
  let done = false;
  const end = (save) => {
    if (done) return;
    done = true;
    const focused = document.activeElement === field;
    field.replaceWith(open);
    if (focused) open.focus();
    if (save && field.value.trim() && field.value !== open.title) {
      trigger("act", { kind: "rename", id: node.dataset.id, title: field.value });
    }
  };
  field.onblur = () => end(true);
  field.onkeydown = (event) => {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault(); // or the button that is focused next would be pressed by the same key
    event.stopPropagation();
    end(event.key === "Enter");
  };
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const node = button.closest("li");
  const kind = button.dataset.act || "open";
  if (kind === "rename") rename(node);
  else trigger("act", { kind, id: node?.dataset.id ?? button.dataset.id });
});

watch("value", draw);
draw();

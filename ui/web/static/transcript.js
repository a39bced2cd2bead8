// Draws the conversation. Python sends `props.value` = {conversation, messages: [{id, row, html}], live: [id], earlier};
// a running reply comes as server-sent events. All HTML is made and made safe by ui/web/markdown.py.
// `element`, `trigger`, `props` and `watch` are Gradio's.

const list = element.querySelector(".messages");
const drawn = new Map(); // message id -> html
const streams = new Map(); // message id -> EventSource
const api = (path) => new URL(`parley/${path}`, document.baseURI.replace(/[?#].*$/, "")).href;

function act(kind, data = {}) {
  trigger("act", { kind, ...data });
}

function scroller() {
  return document.scrollingElement;
}

let pinned = true; // the reader is at the end and stays there, until they scroll up
let last = 0;

function fromEnd() {
  const page = scroller();
  return page.scrollHeight - page.scrollTop - page.clientHeight;
}

function scrolled() {
  if (fromEnd() < 8) pinned = true;
  else if (scroller().scrollTop < last) pinned = false;
  last = scroller().scrollTop;
  element.querySelector("[data-end]").hidden = pinned || fromEnd() < 160;
}
addEventListener("scroll", scrolled, { passive: true });
addEventListener("resize", () => toEnd(), { passive: true });
new ResizeObserver(() => toEnd()).observe(list); // heights are guessed until a message comes into view
new ResizeObserver(([composer]) => { // where the button that jumps to the end stands
  document.documentElement.style.setProperty("--composer", `${composer.target.offsetHeight}px`);
}).observe(document.getElementById("composer-row") ?? element);
for (const kind of ["pointerdown", "keydown"]) { // what they open in an old message stays where it is
  element.addEventListener(kind, () => { if (!streams.size) pinned = false; });
}

function toEnd() {
  if (pinned) scroller().scrollTop = scroller().scrollHeight;
  scrolled();
}

// What was typed and not sent outlives the page: a reload, a look at another page, a server that started again (Gradio
// then reloads the page by itself). It stays in this tab.
const box = () => document.querySelector("#composer textarea");
addEventListener("pagehide", () => sessionStorage.setItem("parley-draft", box()?.value ?? ""));

function bringBack() {
  const draft = sessionStorage.getItem("parley-draft");
  if (!draft || !box() || box().value) return;
  box().value = draft;
  box().dispatchEvent(new Event("input", { bubbles: true }));
}

function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

function draw() {
  const value = props.value || { messages: [], live: [], earlier: 0 };
  const switched = list.dataset.conversation !== (value.conversation || "");
  if (switched) {
    list.replaceChildren();
    drawn.clear();
    for (const id of [...streams.keys()]) unfollow(id);
    list.dataset.conversation = value.conversation || "";
    pinned = true;
  }
  const wanted = new Set(value.messages.map((m) => m.id));
  for (const id of [...drawn.keys()]) {
    if (!wanted.has(id)) {
      document.getElementById(`m-${id}`)?.remove();
      drawn.delete(id);
      unfollow(id);
    }
  }
  const button = element.querySelector(".earlier");
  const more = !switched && !button.hidden && !value.earlier; // earlier messages push what is read down
  const distance = fromEnd();
  button.hidden = !value.earlier;
  let before = null;
  for (const message of value.messages) {
    let row = list.querySelector(`:scope > [data-row="${message.row}"]`);
    if (!row) {
      row = document.createElement("div");
      row.className = "row";
      row.dataset.row = message.row;
    }
    const place = before ? before.nextElementSibling : list.firstElementChild;
    if (row !== before && row !== place) list.insertBefore(row, place);
    before = row;
    if (drawn.get(message.id) === message.html) continue;
    const node = fragment(message.html).firstElementChild;
    const old = document.getElementById(`m-${message.id}`);
    if (old) old.replaceWith(node);
    else row.append(node);
    drawn.set(message.id, message.html);
  }
  for (const row of [...list.children]) if (!row.childElementCount) row.remove();
  for (const id of [...streams.keys()]) if (!value.live.includes(id)) unfollow(id);
  if (value.live.some((id) => !streams.has(id))) pinned = true; // they have just asked
  for (const id of value.live) follow(id);
  element.querySelector(".welcome").hidden = value.messages.length > 0;
  if (props.value && !("ready" in list.dataset)) {
    list.dataset.ready = "";
    bringBack();
  }
  if (more) scroller().scrollTop += fromEnd() - distance;
  if (switched) requestAnimationFrame(toEnd);
  else toEnd();
}

function follow(id) {
  if (streams.has(id)) return;
  const body = document.querySelector(`#m-${id} .body`);
  if (!body) return;
  const whole = document.createElement("div");
  const tail = document.createElement("div");
  tail.className = "tail";
  const stage = document.createElement("p");
  stage.className = "stage";
  stage.setAttribute("role", "status");
  body.replaceChildren(whole, tail, stage);
  const events = new EventSource(api(`replies/${id}`));
  streams.set(id, events);
  events.onmessage = (event) => {
    const change = JSON.parse(event.data);
    if (change.append) whole.append(fragment(change.append));
    tail.replaceChildren(fragment(change.tail));
    stage.textContent = change.stage;
    stage.hidden = !change.stage; // the list grows and with it the page scrolls: the observer above
    if (change.done) finished(id);
  };
  // The browser reconnects by itself and the stream then starts anew; a reply that has ended answers 404.
  events.onopen = () => whole.replaceChildren();
  events.onerror = () => { if (events.readyState === EventSource.CLOSED) finished(id); };
}

function unfollow(id) {
  streams.get(id)?.close();
  streams.delete(id);
}

function finished(id) {
  unfollow(id);
  drawn.delete(id);
  act("finished", { id });
}

function raw(article) {
  return article.querySelector("template").content.textContent;
}

async function copy(text, from) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  if (from.dataset.copied) return;
  const label = [...from.childNodes];
  from.dataset.copied = "yes";
  from.replaceChildren("✓");
  setTimeout(() => { from.replaceChildren(...label); delete from.dataset.copied; }, 1200);
}

function edit(article, kind) {
  if (article.querySelector(".editor")) return;
  const body = article.querySelector(".body");
  const editor = fragment(
    `<form class="editor"><textarea rows="4" aria-label="Your text"></textarea><div>
     <button type="submit" class="primary">${kind === "edit" ? "Ask again" : "Save correction"}</button>
     <button type="button" data-cancel>Cancel</button></div></form>`).firstElementChild;
  const area = editor.querySelector("textarea");
  area.value = raw(article);
  body.hidden = true;
  body.after(editor);
  area.style.height = `${Math.min(400, area.scrollHeight + 8)}px`;
  area.focus();
  const close = () => {
    editor.remove();
    body.hidden = false;
    article.querySelector(`[data-act="${kind}"]`)?.focus({ preventScroll: true });
  };
  editor.querySelector("[data-cancel]").onclick = close;
  editor.onkeydown = (event) => {
    if (event.key === "Escape") { event.stopPropagation(); close(); }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) editor.requestSubmit();
  };
  editor.onsubmit = (event) => {
    event.preventDefault();
    const text = area.value;
    close();
    act(kind, { id: article.dataset.id, text });
  };
}

element.addEventListener("click", (event) => {
  const block = event.target.closest("[data-copy-code]");
  if (block) return copy(block.parentElement.querySelector("code").textContent, block);
  const example = event.target.closest("[data-example]");
  if (example) return act("ask", { text: example.textContent });
  if (event.target.closest("[data-earlier]")) return act("earlier");
  if (event.target.closest("[data-end]")) {
    pinned = true;
    return toEnd();
  }
  const button = event.target.closest("[data-act]");
  if (!button) return undefined;
  const article = button.closest("article");
  const kind = button.dataset.act;
  if (kind === "copy") return copy(raw(article), button);
  if (kind === "edit" || kind === "correct") return edit(article, kind);
  return act(kind, { id: article.dataset.id, ...button.dataset, act: undefined });
});

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && streams.size) act("stop");
});

watch("value", draw);
draw();

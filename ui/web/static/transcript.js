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

let pinned = true; // the reader is at the end and wants to stay there
addEventListener("scroll", () => {
  const page = scroller();
  pinned = page.scrollHeight - page.scrollTop - page.clientHeight < 120;
}, { passive: true });

function toEnd() {
  if (pinned) scroller().scrollTop = scroller().scrollHeight;
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
  element.querySelector(".earlier").hidden = !value.earlier;
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
  for (const id of value.live) follow(id);
  element.querySelector(".welcome").hidden = value.messages.length > 0;
  if (props.value) list.dataset.ready = "";
  if (switched) requestAnimationFrame(() => { scroller().scrollTop = scroller().scrollHeight; });
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
    stage.hidden = !change.stage;
    toEnd();
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
  const label = from.textContent;
  from.textContent = "✓";
  setTimeout(() => { from.textContent = label; }, 1200);
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
  const close = () => { editor.remove(); body.hidden = false; };
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

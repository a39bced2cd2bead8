// Runs before Gradio, whose client reads what all events of a page bring from one stream. The server ends it
// ("close_stream") when no event is left, and an event that begins just then is lost: its answer goes to the next stream,
// and the client, which has not read of the end yet, opens none (gradio 6.31, `submit`). So while an event waits for its
// answer the client does not hear of an end: the stream goes on in another request.
//
// `window.eventsEnding` has the requests that end events and are not answered yet: an event that begins again before
// is dropped (`events.at_once` waits for them).
(() => {
  const native = window.fetch.bind(window);
  const waiting = new Set();  // events that have begun and are not complete
  const early = new Set();  // complete before the answer came that names them
  const ending = (window.eventsEnding = new Set());
  const HEAD = /^data: \{"msg": ?"(process_completed|close_stream)", ?"event_id": ?(?:"(\w+)"|null)/;

  async function* messages(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();  // Safari before 27 cannot iterate over it
    let rest = "";
    try {
      for (let read; !(read = await reader.read()).done; ) {
        const whole = (rest + read.value).split("\n\n");
        rest = whole.pop();
        yield* whole;
      }
    } finally {
      reader.cancel().catch(() => {});
    }
  }

  async function* unbroken(response, again) {
    for (let next = response; next; ) {
      const body = next.body;
      next = null;
      for await (const message of messages(body)) {
        const [, kind, event] = HEAD.exec(message) ?? [];
        if (kind === "process_completed" && !waiting.delete(event)) early.add(event);
        if (kind === "close_stream" && waiting.size) next = await again();
        else yield message;
        if (next) break;
      }
    }
  }

  function streamed(parts) {
    const encoder = new TextEncoder();
    return new ReadableStream({
      async pull(controller) {
        const { done, value } = await parts.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(`${value}\n\n`));
      },
      cancel: () => parts.return(),
    });
  }

  async function reopened(resource, options) {
    const response = await native(resource, options);
    if (!response.ok) throw new TypeError(`the stream of events answers ${response.status}`);
    return response;
  }

  window.fetch = async (resource, options) => {
    const { pathname } = new URL(resource.url ?? resource, location.href);
    const asked = native(resource, options);
    if (/\/(cancel|reset)$/.test(pathname)) {
      ending.add(asked);
      const over = () => setTimeout(() => ending.delete(asked));  // the client goes on first: cancel, reset, done
      asked.then(over, over);
    }
    const response = await asked;
    if (!response.ok) return response;
    if (pathname.endsWith("/queue/join")) {
      const { event_id } = await response.clone().json().catch(() => ({}));
      if (event_id && !early.delete(event_id)) waiting.add(event_id);
    }
    if (!pathname.endsWith("/queue/data")) return response;
    const parts = unbroken(response, () => reopened(resource, options));
    return new Response(streamed(parts), { status: response.status, headers: response.headers });
  };
})();

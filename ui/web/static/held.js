// Buttons that cannot be pressed while something is under way: each is free again when nothing holds it any more. What
// hands their states to Gradio is in events.py.
(() => {
  const holders = {};  // id of a button → what holds it
  const made = {};
  const asked = {};
  const states = (buttons) =>
    buttons.map((id) => ({ __type__: "update", interactive: !holders[id]?.size }));

  window.held = {
    hold(what, buttons) {
      for (const id of buttons) (holders[id] ??= new Set()).add(what);
      return states(buttons);
    },
    free(what, buttons) {
      for (const id of buttons) holders[id]?.delete(what);
      return states(buttons);
    },
    // A choice: made on the page, asked of the server, answered. While it is asked others may be made, of which the last
    // is asked next. An event that begins again before the server has ended it is dropped (streams.js), so the answer
    // waits for that.
    choose(what, buttons) {
      made[what] = (made[what] ?? 0) + 1;
      return this.hold(what, buttons);
    },
    ask: (what) => { asked[what] = made[what]; },
    async answer(what, buttons) {
      const answered = asked[what];
      while (window.eventsEnding.size) await new Promise((later) => setTimeout(later, 50));
      return answered === made[what] ? this.free(what, buttons) : states(buttons);
    },
  };
})();

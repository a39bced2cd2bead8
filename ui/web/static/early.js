// Runs before anything else on every page.
(() => {
  // Before the first paint: the choice between dark and light that was made here last time.
  const kept = localStorage.getItem("parley-appearance");
  if (kept) document.documentElement.dataset.appearance = kept;

  // Gradio's loading screen counts its seconds in animation frames and goes on counting when it has gone (gradio 6.31,
  // StatusTracker): 60 frames a second as long as the page is open, on cores that the model needs. A chain of frames
  // that began on the loading screen and reads the clock ends when our page stands; all else goes through.
  const native = window.requestAnimationFrame.bind(window);
  const stands = () => document.querySelector("#bar .bar");
  let running = null;
  window.requestAnimationFrame = (draw) => {
    const chain = running ?? { early: !stands() };
    if (chain.early && stands() && String(draw).includes("performance.now()")) {
      window.requestAnimationFrame = native;
      return 0;
    }
    return native((time) => {
      const outer = running;
      running = chain;
      try { draw(time); } finally { running = outer; }
    });
  };
})();

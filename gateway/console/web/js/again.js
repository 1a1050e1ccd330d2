/* What is fetched anew when something happens: at once, then at most once a while; the last time is never lost, and no
 * two are on their way together. */
export function atMostEvery(ms, run) {
  let timer = 0;
  let next = 0;
  let busy = false;
  let wanted = false;
  let over = false;
  const go = async () => {
    timer = 0;
    wanted = false;
    busy = true;
    next = performance.now() + ms;
    try {
      await run();
    } finally {
      busy = false;
      if (wanted) ask();
    }
  };
  function ask() {
    if (over) return;
    if (busy) wanted = true;
    else if (!timer) timer = setTimeout(go, Math.max(0, next - performance.now()));
  }
  const stop = () => {
    over = true;
    clearTimeout(timer);
  };
  return { ask, stop };
}

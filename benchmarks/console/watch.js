(wanted) => {
  // Notes when what one came for is there, when it can be used, and what kept the page from answering.
  const watched = { there: 0, ready: 0, click: 0, tasks: [] };
  window.watched = watched;
  new PerformanceObserver((list) => watched.tasks.push(...list.getEntries().map((one) => [one.startTime, one.duration]))).observe({ type: "longtask", buffered: true });
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (one.name === "click") watched.click = Math.max(watched.click, one.duration);
  }).observe({ type: "event", durationThreshold: 16 });
  const look = () => {
    if (watched.there || !document.querySelector(wanted)) return;
    watched.there = performance.now();
    seen.disconnect();
    // After the frame that shows it, when the page takes up the next thing to do.
    requestAnimationFrame(() => setTimeout(() => (watched.ready = performance.now())));
  };
  const seen = new MutationObserver(look);
  seen.observe(document, { childList: true, subtree: true });
  watched.found = () => {
    const page = performance.getEntriesByType("navigation")[0];
    const painted = performance.getEntriesByName("first-contentful-paint")[0];
    const begun = watched.tasks.filter(([at]) => at < watched.ready + 500);
    return {
      server: page.responseStart, painted: painted ? painted.startTime : 0, there: watched.there,
      ready: Math.max(watched.ready, ...begun.map(([at, took]) => at + took)),
      longest: Math.max(0, ...watched.tasks.map(([, took]) => took)),
    };
  };
  // Scrolls an element by so many pixels a frame until its end, or so far; gives what each frame took.
  watched.scroll = (selector, by, far) => new Promise((done) => {
    const element = [...document.querySelectorAll(selector)].find((one) => one.scrollHeight > one.clientHeight);
    const frames = [];
    let before = 0;
    let still = 0;
    const step = (now) => {
      if (before) frames.push(now - before);
      before = now;
      const top = element.scrollTop;
      element.scrollTop = top + by;
      // At the end more may be asked for: it is waited for so long.
      still = element.scrollTop > top ? 0 : still + 1;
      if (element.scrollTop >= far || still > 60) done({ frames, top: element.scrollTop, shown: document.querySelectorAll("tbody tr[data-key]").length });
      else requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
}

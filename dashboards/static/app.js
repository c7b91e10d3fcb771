// Puts a live Plotly chart in the place of a static one when it comes near, and redraws it in the colours of the theme.
// Nothing is fetched but the site's own plotly file; without this script the page is complete.
(function () {
  "use strict";

  const source = document.currentScript.dataset.plotly;
  const narrow = window.matchMedia("(max-width: 700px)");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const live = new Map();
  let loading = null;

  function loadPlotly() {
    loading = loading || new Promise(function (resolve, reject) {
      const script = document.createElement("script");
      script.src = source;
      script.onload = function () { resolve(window.Plotly); };
      script.onerror = reject;
      document.head.appendChild(script);
    });
    return loading;
  }

  // Colours stand in figures as var(--token): replace them by what the theme gives them now.
  function resolved(value, styles) {
    if (typeof value === "string") {
      return value.replace(/var\((--[a-z-]+)\)/g, function (_, name) { return styles.getPropertyValue(name).trim(); });
    }
    if (Array.isArray(value)) { return value.map(function (item) { return resolved(item, styles); }); }
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(function (entry) { return [entry[0], resolved(entry[1], styles)]; }));
    }
    return value;
  }

  function draw(picture) {
    const figure = live.get(picture);
    const styles = getComputedStyle(document.documentElement);
    const layout = resolved(narrow.matches ? figure.narrow : figure.layout, styles);
    const target = picture.querySelector(".live");
    return window.Plotly.react(target, resolved(figure.data, styles), layout, { displayModeBar: false, responsive: true, doubleClick: false });
  }

  function wake(picture) {
    loadPlotly().then(function () {
      live.set(picture, JSON.parse(picture.querySelector("script[type='application/json']").textContent));
      picture.classList.add("is-live");
      return draw(picture);
    }).catch(function () {
      picture.classList.remove("is-live");
    });
  }

  function redraw() { live.forEach(function (_, picture) { draw(picture); }); }

  const pictures = document.querySelectorAll(".picture[data-live]");
  if (pictures.length === 0 || !("IntersectionObserver" in window)) { return; }
  const observer = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      if (!entry.isIntersecting) { return; }
      observer.unobserve(entry.target);
      wake(entry.target);
    });
  }, { rootMargin: "400px 0px" });
  pictures.forEach(function (picture) { observer.observe(picture); });
  dark.addEventListener("change", redraw);
  narrow.addEventListener("change", redraw);
})();

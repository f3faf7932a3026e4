(function () {
  "use strict";
  var page = document.documentElement;
  var radios = Array.prototype.slice.call(document.querySelectorAll('input[name="language"]'));

  function remembered(value) {
    try {
      if (value) { window.localStorage.setItem("indexhouse-language", value); }
      return window.localStorage.getItem("indexhouse-language");
    } catch (refused) { return null; }
  }

  function speak(language) {
    page.lang = language;
    page.classList.toggle("only-en", language === "en");
    page.classList.toggle("only-zh", language !== "en");
    var title = document.querySelector("title");
    document.title = title.getAttribute(language === "en" ? "data-en" : "data-zh");
    radios.forEach(function (radio) { radio.checked = radio.value === language; });
  }

  var asked = /[#&?]lang=(en|zh)/.exec(window.location.href);
  var first = asked ? asked[1] : remembered() || (navigator.languages || [navigator.language || "en"])[0];
  speak(/^zh/i.test(first) ? "zh-CN" : "en");
  radios.forEach(function (radio) {
    radio.addEventListener("change", function () {
      speak(radio.value);
      remembered(radio.value);
      redrawAll();
    });
  });

  document.querySelectorAll(".filter").forEach(function (filter) {
    var rows = document.querySelectorAll("#" + filter.dataset.table + " tbody tr:not(.group)");
    var count = filter.querySelector(".count");
    filter.hidden = false;
    filter.addEventListener("click", function (event) {
      var button = event.target.closest("button");
      if (!button) { return; }
      filter.querySelectorAll("button").forEach(function (each) {
        each.setAttribute("aria-pressed", String(each === button));
      });
      var wanted = button.dataset.verdict, shown = 0;
      rows.forEach(function (row) {
        var last = row.lastElementChild.classList;
        row.hidden = Boolean(wanted) && !last.contains(wanted);
        shown += row.hidden ? 0 : 1;
      });
      count.textContent = shown + " / " + rows.length;
    });
  });

  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details.short:not([open])").forEach(function (each) {
      each.open = true;
      each.dataset.forPrint = "yes";
    });
  });
  window.addEventListener("afterprint", function () {
    document.querySelectorAll("details[data-for-print]").forEach(function (each) {
      each.open = false;
      delete each.dataset.forPrint;
    });
  });

  var store = document.getElementById("live");
  var live = store ? JSON.parse(store.textContent) : null;
  var drawn = new Map();
  var NARROW = 560;

  function filled(value, texts, n) {
    if (typeof value === "string") {
      return value.replace(/⟦(\d+)⟧/g, function (token, i) {
        var pair = texts[i];
        return pair[Math.min(n, pair.length - 1)];
      });
    }
    if (Array.isArray(value)) { return value.map(function (each) { return filled(each, texts, n); }); }
    if (value && typeof value === "object") {
      var copy = {};
      Object.keys(value).forEach(function (key) { copy[key] = filled(value[key], texts, n); });
      return copy;
    }
    return value;
  }

  function fitted(chart, width, n) {
    var spec = filled(chart.spec, chart.texts, n);
    if (chart.cells) {
      var columns = Math.max(2, Math.min(chart.cells, Math.floor((width - 34) / 132)));
      spec.columns = columns;
      spec.spec.width = Math.floor((width - 36) / columns) - 14;
      return spec;
    }
    var left = chart.padding[0];
    if (width < NARROW) { left = Math.min(left, Math.round(width * 0.42)); }
    spec.padding.left = left;
    spec.width = Math.max(80, width - left - chart.padding[1]);
    spec.layer.forEach(function (layer) {
      if (layer.mark && layer.mark.limit) { layer.mark.limit = left - 12; }
    });
    return spec;
  }

  function draw(box) {
    var chart = live.charts[box.dataset.chart];
    var width = Math.floor(box.clientWidth);
    var n = page.lang === "en" ? 0 : 1;
    if (!chart || !width || drawn.get(box) === width + "/" + n) { return; }
    drawn.set(box, width + "/" + n);
    var place = box.querySelector(".live");
    window.vegaEmbed(place, fitted(chart, width, n), {
      actions: false, renderer: "svg", ast: true, config: live.config, tooltip: { theme: "custom" }
    }).then(function () {
      place.hidden = false;
      box.classList.add("is-live");
    }).catch(function () {
      place.hidden = true;
      box.classList.remove("is-live");
    });
  }

  function redrawAll() { drawn.forEach(function (_, box) { draw(box); }); }

  if (live && window.vegaEmbed && "IntersectionObserver" in window) {
    var seen = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) { if (entry.isIntersecting) { draw(entry.target); } });
    }, { rootMargin: "300px" });
    document.querySelectorAll(".chart").forEach(function (box) { seen.observe(box); });
    var waiting = 0;
    window.addEventListener("resize", function () {
      window.clearTimeout(waiting);
      waiting = window.setTimeout(redrawAll, 150);
    });
  }
})();

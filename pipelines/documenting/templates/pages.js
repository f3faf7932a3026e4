"use strict";
(function () {
  const html = document.documentElement;
  const root = document.body.dataset.root;
  const remembered = "indexhouse-language";
  const kinds = {
    indicator: ["indicator", "指标"], source: ["source", "来源"], index: ["index", "指数"],
    publication: ["publication", "出版物"], area: ["area", "地区"], unit: ["unit", "单位"],
    table: ["table", "表"], column: ["column", "列"],
  };
  const most = 30;

  function show(language) {
    html.dataset.show = language;
    html.lang = language === "zh" ? "zh-CN" : "en";
    for (const button of document.querySelectorAll("[data-language]")) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
    }
  }

  function recalled() {
    try {
      return localStorage.getItem(remembered);
    } catch (error) {
      return null; // storage is refused to some files and in private windows
    }
  }

  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", function () {
      show(button.dataset.language);
      try {
        localStorage.setItem(remembered, button.dataset.language);
      } catch (error) { /* the choice then holds for this page */ }
    });
  }
  const asked = new URLSearchParams(location.search).get("lang") || recalled();
  show(asked === "zh" || (!asked && /^zh/i.test(navigator.language || "")) ? "zh" : "en");

  const box = document.getElementById("search");
  const found = document.getElementById("found");
  const entries = (window.CATALOGUE_ENTRIES || []).map(function (entry) {
    return { entry: entry, title: (entry[1] + " " + entry[2] + " " + entry[3]).toLowerCase(), all: entry.join(" ").toLowerCase() };
  });

  function score(item, words) {
    let points = 0;
    for (const word of words) {
      if (!item.all.includes(word)) return 0;
      points += item.entry[1] === word ? 9 : item.title.includes(word) ? 3 : 1;
    }
    return item.entry[0] === "column" ? points - 0.5 : points;
  }

  function line(entry) {
    const chinese = html.dataset.show === "zh";
    const item = document.createElement("li");
    const link = document.createElement("a");
    const about = document.createElement("small");
    link.href = root + entry[5];
    link.textContent = (chinese ? entry[3] : entry[2]) || entry[1];
    about.textContent = kinds[entry[0]][chinese ? 1 : 0] + " · " + entry[1];
    link.append(about);
    item.append(link);
    return item;
  }

  function search() {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = words.length === 0 ? [] : entries
      .map(function (item, place) { return { item: item, place: place, points: score(item, words) }; })
      .filter(function (hit) { return hit.points > 0; })
      .sort(function (a, b) { return b.points - a.points || a.place - b.place; })
      .slice(0, most);
    found.replaceChildren(...hits.map(function (hit) { return line(hit.item.entry); }));
    if (words.length && !hits.length) {
      const nothing = document.createElement("li");
      nothing.textContent = html.dataset.show === "zh" ? "没有找到" : "nothing found";
      found.append(nothing);
    }
    found.hidden = words.length === 0;
  }

  function step(event) {
    const links = [...found.querySelectorAll("a")];
    const place = links.indexOf(document.activeElement);
    if (event.key === "Escape") {
      box.value = "";
      search();
      box.focus();
    } else if (event.key === "ArrowDown" && links.length) {
      links[Math.min(place + 1, links.length - 1)].focus();
    } else if (event.key === "ArrowUp" && place >= 0) {
      (links[place - 1] || box).focus();
    } else if (event.key === "Enter" && document.activeElement === box && links.length) {
      links[0].click();
    } else {
      return;
    }
    event.preventDefault();
  }

  box.addEventListener("input", search);
  box.parentElement.addEventListener("keydown", step);
  document.addEventListener("click", function (event) {
    if (!box.parentElement.contains(event.target)) found.hidden = true;
  });
  box.addEventListener("focus", search);
})();

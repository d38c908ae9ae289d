/* Figures in both conventions: tabs to choose one, the same for all figures and kept from page to
   page. Without this script, and on paper, both pictures stand one below the other. */
"use strict";
(() => {
  const KEY = "modlib-convention";
  const CONVENTIONS = ["printed", "released"];
  const figures = [];

  /* What was chosen before; a browser may refuse to remember. */
  function remembered() {
    try {
      const found = localStorage.getItem(KEY);
      return CONVENTIONS.includes(found) ? found : CONVENTIONS[0];
    } catch {
      return CONVENTIONS[0];
    }
  }

  function remember(convention) {
    try {
      localStorage.setItem(KEY, convention);
    } catch { /* then it holds for this page */ }
  }

  function show(chosen) {
    for (const { tabs, panels } of figures)
      CONVENTIONS.forEach((convention, i) => {
        const isChosen = convention === chosen;
        tabs[i].setAttribute("aria-selected", isChosen);
        tabs[i].tabIndex = isChosen ? 0 : -1;
        panels[i].classList.toggle("is-other", !isChosen);
      });
  }

  /* Pictures further up change too: the figure at hand stays where it is in the window. */
  function choose(convention, tab) {
    const before = tab.getBoundingClientRect().top;
    show(convention);
    remember(convention);
    scrollBy({ top: tab.getBoundingClientRect().top - before, behavior: "instant" });
  }

  function step(event, tabs) {
    const from = tabs.indexOf(event.target);
    const to = { ArrowRight: from + 1, ArrowLeft: from - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const tab = tabs.at(to % tabs.length);
    tab.focus();
    tab.click();
  }

  function addTabs(figure, n) {
    const list = document.createElement("div");
    list.className = "convention-tabs";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", "Convention");
    const panels = CONVENTIONS.map((name) => figure.querySelector(`.convention.as-${name}`));
    const tabs = panels.map((panel, i) => {
      const tab = document.createElement("button");
      const name = panel.querySelector(".convention-name");
      tab.type = "button";
      tab.textContent = name.textContent;
      tab.id = `convention-tab-${n}-${i}`;
      panel.id ||= `convention-panel-${n}-${i}`;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      tab.addEventListener("click", () => choose(CONVENTIONS[i], tab));
      tab.addEventListener("keydown", (event) => step(event, tabs));
      return tab;
    });
    list.append(...tabs);
    figure.prepend(list);
    figure.classList.add("has-tabs");
    figures.push({ tabs, panels });
  }

  document.querySelectorAll("figure.conventions").forEach(addTabs);
  show(remembered());
  addEventListener("storage", ({ key }) => key === KEY && show(remembered())); // another window
})();

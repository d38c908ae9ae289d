/* The module explorer: two sortings of the units of a layer beside each other. What is chosen stands
   in the address, and data are loaded when they are needed. Its parts are in the folder explorer. */
"use strict";
((explorer) => {
  const { make, load } = explorer;
  const { NETWORK, WAY, settingOf, complete } = explorer.choice;
  const { wayName, networkName, describe, isExample, loadView, loadUnits, orderBy } = explorer.view;
  const { Form, radios } = explorer.form;
  const MODES = { ways: "two ways of looking", networks: "two networks", one: "one view" };
  const ORDERS = { own: "each by its modules", first: "both by the left", second: "both by the right" };

  class Page {
    constructor(root, index) {
      Object.assign(this, { root, index, hovered: null, views: [] });
      this.colors = Object.fromEntries(Object.entries(index.colormaps).map(([kind, colors]) =>
        [kind, explorer.decode(colors, Uint8Array)]));
      this.forms = [0, 1].map((side) => [NETWORK, WAY].map((fields) => new Form(index, fields, side,
        (found, isSliding) => this.choose(side, found, isSliding))));
      this.summaries = [0, 1].map(() => make("p", { role: "status", class: "summary" }));
      this.matrices = [0, 1].map((side) => new explorer.Matrix(this.colors.sequential, this.pointing(side)));
      this.flow = new explorer.Flow(this.pointing(0));
      this.galleries = [0, 1].map(() => make("div", { class: "gallery" }));
      this.columns = [0, 1].map((side) => make("div", { class: "column" },
        this.forms[side][1].element, this.summaries[side]));
      this.together = make("div", { class: "together" });
      this.said = make("p", { role: "status", class: "agreement" });
      this.readout = make("p", { role: "status", class: "readout" });
      this.cards = make("div", { class: "cards" });
      this.facts = make("div", { class: "facts" });
      this.back = make("p", { class: "back" });
      this.modes = radios("Compare", "mode", MODES);
      this.orders = radios("Order of units", "order", ORDERS);
      this.behind = Object.fromEntries(["Units and modules", "The matrices as tables", "Units that are pointed at"]
        .map((title) => [title, new explorer.table.Behind(`Table: ${title.toLowerCase()}`)]));
      this.lay();
      this.listen();
    }

    lay() {
      const row = (name, ...parts) => make("div", { class: name }, ...parts);
      const gap = () => make("div", { class: "gap", "aria-hidden": "true" });
      const [[networkA], [networkB]] = this.forms;
      this.root.replaceChildren(this.back, this.modes,
        row("networks", networkA.element, networkB.element),
        row("pair ways", this.columns[0], gap(), this.columns[1]),
        this.together,
        row("pair pictures", this.matrices[0].element, this.flow.element, this.matrices[1].element),
        this.orders, this.readout, this.cards, this.said, this.facts,
        row("pair galleries", this.galleries[0], gap(), this.galleries[1]),
        ...Object.values(this.behind).map((part) => part.element));
    }

    listen() {
      this.modes.addEventListener("change", (event) => this.compare(event.target.value));
      this.orders.addEventListener("change", (event) => this.move({ order: event.target.value }));
      this.root.addEventListener("change", (event) => {
        if (event.target.type === "range") history.pushState(null, "", this.address());
      });
      document.addEventListener("click", ({ target }) => {
        if (target.closest("a[href^='#'][href*='=']")) this.root.scrollIntoView();
      });
      window.addEventListener("popstate", () => {
        if (!location.hash || explorer.choice.askedOf({ hash: location.hash, search: "" })) this.open();
      });
    }

    address() {
      return explorer.choice.toAddress(this.state);
    }

    open() {
      this.state = explorer.choice.fromAddress(this.index, location);
      return this.show();
    }

    /* A slider tells each place that it passes: those are no places to go back to. */
    move(changes, isPassing = false) {
      this.state = { ...this.state, ...changes };
      if (!isPassing) history.pushState(null, "", this.address());
      return this.show();
    }

    /* Follow a control; the second choice keeps to the network of the first, unless two are compared. */
    choose(side, found, isSliding) {
      const choices = [...this.state.choices];
      choices[side] = complete(this.index, { ...choices[side], ...found });
      if (side === 0 && this.state.mode === "ways") {
        const network = Object.fromEntries(NETWORK.map((field) => [field, choices[0][field]]));
        choices[1] = complete(this.index, { ...choices[1], ...network });
      }
      this.move({ choices }, isSliding);
    }

    compare(mode) {
      const [first, second = first] = this.state.choices;
      const of = (choice, fields) => Object.fromEntries(fields.map((field) => [field, choice[field]]));
      const { regularizer, strength } = this.index.settings[0];
      const others = {
        one: () => [first],
        ways: () => [first, complete(this.index, { ...second, ...of(first, NETWORK) })],
        networks: () => [first, complete(this.index, { ...first, regularizer, strength })],
      };
      this.move({ mode, choices: others[mode](), units: mode === "networks" ? [] : this.state.units });
    }

    async show() {
      const { state } = this;
      this.root.setAttribute("aria-busy", "true");
      this.sync();
      try {
        const views = await Promise.all(state.choices.map((choice) => loadView(this.index, choice)));
        if (state !== this.state) return; // overtaken by a later choice
        this.render(views);
        const data = await Promise.all(state.choices.map((choice) => loadUnits(this.index, choice)));
        if (state !== this.state) return;
        this.data = data;
        this.renderUnits();
      } catch (error) {
        if (state !== this.state) return;
        this.said.textContent = `${error.message}.`;
      }
      this.root.setAttribute("aria-busy", "false");
    }

    sync() {
      const { choices, mode, order, figure } = this.state;
      this.root.dataset.mode = mode;
      choices.forEach((choice, side) => this.forms[side].forEach((form) => form.sync(choice)));
      this.modes.querySelector(`[value=${mode}]`).checked = true;
      this.orders.querySelector(`[value=${order}]`).checked = true;
      const link = figure && [...document.querySelectorAll("a[href]")].find((each) =>
        each.getAttribute("href").endsWith(`#${figure}`) && !this.root.contains(each));
      this.back.replaceChildren(...(link ? ["Back to ", make("a", { href: link.getAttribute("href") },
        link.textContent), "."] : []));
    }

    // Pictures.

    get isLinked() {
      return this.state.mode === "ways";
    }

    ordersOf(views) {
      const [a, b = a] = views.map((view) => view.labels);
      if (!this.isLinked) return views.map((view) => orderBy(view.labels));
      const own = [orderBy(a, b), orderBy(b, a)];
      return { own, first: [own[0], own[0]], second: [own[1], own[1]] }[this.state.order];
    }

    render(views) {
      this.views = views;
      this.data = [];
      const orders = this.ordersOf(views);
      const owner = { own: [0, 1], first: [0, 0], second: [1, 1] }[this.isLinked ? this.state.order : "own"];
      views.forEach((view, side) => {
        this.summaries[side].textContent = describe(this.index, view);
        this.columns[side].style.borderTopColor = view.color;
        this.matrices[side].show(view.stored, view.labels, orders[side], this.pictureText(view),
          views[owner[side]].labels);
      });
      this.renderTogether(views, orders);
      this.facts.replaceChildren(explorer.table.facts(views, views.map((view) => this.columnName(view))));
      this.behind["The matrices as tables"].show(() => views.map((view, side) => explorer.table.matrix(
        this.matrices[side].values, orders[side], this.columnName(view))));
      this.renderUnits();
    }

    columnName({ choice }) {
      return this.isLinked ? wayName(this.index, choice)
        : `${wayName(this.index, choice)}; ${networkName(this.index, choice)}`;
    }

    pictureText({ choice, labels, stored }) {
      const what = stored ? "Similarity of" : "Which units share a module, of";
      return `${what} ${labels.length} by ${explorer.units(labels.length)}, ${this.columnName({ choice })}`;
    }

    renderTogether(views, orders) {
      this.together.replaceChildren();
      this.said.textContent = "";
      if (!this.isLinked) return;
      const found = explorer.scale.compare(...views);
      this.together.append(explorer.scale.draw(found));
      this.said.textContent = explorer.scale.told(found);
      this.flow.show(views.map((view, side) => ({ ...view, order: orders[side] })),
        `Every unit from its place on the left to its place on the right; ${explorer.scale.told(found)}`);
    }

    // Units.

    /* What the pictures of a side tell when they are pointed at. */
    pointing(side) {
      return {
        look: (units) => {
          const next = units && { side, units };
          if (JSON.stringify(next) === JSON.stringify(this.hovered)) return;
          this.hovered = next;
          this.renderUnits();
        },
        pin: (units) => {
          const isSame = units.join() === this.state.units.join();
          this.hovered = null;
          this.side = side;
          this.state.units = isSame ? [] : units;
          history.replaceState(null, "", this.address());
          this.renderUnits();
        },
      };
    }

    get pointed() {
      const { side, units } = this.hovered ?? { side: this.side ?? 0, units: this.state.units };
      const at = this.isLinked || side >= this.views.length ? 0 : side;
      return { side: at, units: units.filter((unit) => unit < this.views[at].labels.length) };
    }

    renderUnits() {
      if (!this.views.length) return;
      const { side, units } = this.pointed;
      this.views.forEach((_, at) => this.matrices[at].mark(this.isLinked || at === side ? units : []));
      if (this.isLinked) this.flow.mark(units);
      this.readout.textContent = this.tell(side, units);
      this.renderCards(side, units);
      this.renderGalleries();
    }

    tell(side, units) {
      if (!units.length) return "Point at a pair of units in a picture; click or tap to keep it.";
      const views = this.isLinked ? this.views : [this.views[side]];
      const names = units.length > 1 ? `Units ${explorer.listed(units)}` : `Unit ${units[0]}`;
      const told = views.map((view) => this.tellView(view, this.matrices[this.views.indexOf(view)], units));
      const data = this.data[side];
      const likeness = units.length > 1 && data ? ` ${explorer.unit.likeness(data, units)}` : "";
      return `${names}. ${told.join(" ")}${likeness}`;
    }

    tellView({ choice, labels, stored }, matrix, units) {
      const { moduleName } = explorer.table;
      const modules = [...new Set(units.map((unit) => labels[unit]))].map(moduleName);
      const where = modules.length > 1 ? `modules ${explorer.listed(modules)}` : `module ${modules[0]}`;
      const isPair = units.length > 1;
      const rank = isPair && stored ? `more alike than ${explorer.percent(explorer.shareBelow(
        matrix.values, labels.length, ...units))} of the pairs, ` : "";
      return `By ${wayName(this.index, choice)} ${rank}${isPair && modules.length === 1 ? "both " : ""}in ${where}.`;
    }

    renderCards(side, units) {
      const data = this.data[side];
      const choice = this.state.choices[side] ?? this.state.choices[0];
      if (!isExample(this.index, choice)) {
        const kept = settingOf(this.index, choice).examples;
        this.cards.replaceChildren(make("p", {}, kept.length
          ? `Similarities and weights are kept for seed ${explorer.listed(kept)}; of other seeds, modules and numbers.`
          : "Similarities and weights of this setting are not kept."));
        return;
      }
      if (!data) return;
      const views = this.isLinked ? this.views : [this.views[side]];
      const places = views.length > 1 ? [" on the left", " on the right"] : [""];
      const modulesOf = (unit) => `Module ${views.map(({ labels }, at) =>
        explorer.table.moduleName(labels[unit]) + places[at]).join(", ")}`;
      this.cards.replaceChildren(...units.map((unit) => explorer.unit.card(data, unit, units, modulesOf(unit),
        this.colors.diverging, choice.layer === "1")));
      this.behind["Units that are pointed at"].show(() =>
        units.length ? [explorer.table.digits(data, units)] : [make("p", {}, "None is.")]);
    }

    renderGalleries() {
      if (this.drawn === this.data) return;
      this.drawn = this.data;
      this.views.forEach(({ labels, sizes }, side) => {
        const data = this.data[side];
        this.galleries[side].replaceChildren(...(data ? [make("p", {}, "Mean of what the units of each module see"),
          explorer.unit.gallery(data, labels, sizes, this.colors.diverging)] : []));
      });
      const names = this.views.map((view) => this.columnName(view));
      this.behind["Units and modules"].show(() => this.isLinked
        ? [explorer.table.flows(...this.views.map((view) => view.labels), names),
          explorer.table.unitRows(this.views, names, this.data[0])]
        : this.views.map((view, side) => explorer.table.unitRows([view], [names[side]], this.data[side])));
    }
  }

  const root = document.getElementById("explorer");
  load("index").then((index) => {
    if (index.settings.length) new Page(root, index).open();
    else root.replaceChildren(make("p", {}, "There are no results to explore: they are made by make sweep."));
  }, (error) => root.replaceChildren(make("p", { role: "alert" }, `${error.message}.`)));
})(window.modlibExplorer);

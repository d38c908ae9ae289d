/* The units between two matrices: each is a band from its row in the first to its row in the other. */
"use strict";
((explorer) => {
  const { make, draw, shade } = explorer;

  class Flow {
    constructor(pointing) {
      this.bands = draw("g");
      this.fills = draw("defs");
      this.picture = draw("svg", { role: "img", preserveAspectRatio: "none" }, this.fills, this.bands);
      this.names = make("div", { class: "names", "aria-hidden": "true" });
      this.element = make("div", { class: "flow" }, this.picture, this.names);
      const unitOf = (event) => event.target.dataset.unit;
      this.bands.addEventListener("pointerover", (event) => pointing.look([Number(unitOf(event))]));
      this.bands.addEventListener("pointerout", () => pointing.look(null));
      this.bands.addEventListener("click", (event) => pointing.pin([Number(unitOf(event))]));
    }

    /* Each of two sides has labels, the order in which units stand, sizes and a colour. */
    show(sides, text) {
      const n = sides[0].order.length;
      this.picture.setAttribute("viewBox", `0 0 100 ${n}`);
      this.picture.setAttribute("aria-label", text);
      const places = sides.map(({ order }) => new Map(order.map((unit, place) => [unit, place])));
      this.fill(sides);
      for (let unit = this.bands.children.length; unit < n; unit++) {
        this.bands.append(draw("path", { "data-unit": unit }));
      }
      while (this.bands.children.length > n) this.bands.lastChild.remove();
      for (const [unit, band] of [...this.bands.children].entries()) {
        const [a, b] = places.map((place) => place.get(unit));
        band.setAttribute("d", `M0 ${a}C50 ${a} 50 ${b} 100 ${b}V${b + 1}C50 ${b + 1} 50 ${a + 1} 0 ${a + 1}Z`);
        band.setAttribute("fill", `url(#${this.nameOf(sides[0].labels[unit], sides[1].labels[unit])})`);
      }
      this.names.replaceChildren(...sides.flatMap((side, at) => this.namesOf(side, at, n)));
    }

    nameOf(a, b) {
      return `flow-${a + 1}-${b + 1}`;
    }

    /* A fill for each two modules, from the shade of the one to that of the other. */
    fill(sides) {
      const [[a, colorA], [b, colorB]] = sides.map(({ labels, sizes, color }) =>
        [[...new Set(labels)], (module) => shade(color, module, sizes.length)]);
      this.fills.replaceChildren(...a.flatMap((i) => b.map((j) => draw("linearGradient",
        { id: this.nameOf(i, j), gradientUnits: "userSpaceOnUse", x1: 0, x2: 100, y1: 0, y2: 0 },
        draw("stop", { offset: 0.15, "stop-color": colorA(i) }),
        draw("stop", { offset: 0.85, "stop-color": colorB(j) })))));
    }

    /* Numbers of modules where they stand together on their side. */
    namesOf({ labels, order, sizes }, at, n) {
      return sizes.flatMap((size, module) => {
        const places = order.flatMap((unit, place) => labels[unit] === module ? [place] : []);
        const together = places.at(-1) - places[0] === size - 1;
        const middle = 100 * (places[0] + size / 2) / n;
        return together && size > 1 ? [make("span", { class: at ? "right" : "left", style: `top:${middle}%` },
          String(module + 1))] : [];
      });
    }

    mark(units) {
      this.bands.classList.toggle("dim", units.length > 0);
      for (const band of this.bands.children) {
        band.classList.toggle("marked", units.includes(Number(band.dataset.unit)));
      }
    }
  }

  explorer.Flow = Flow;
})(window.modlibExplorer);

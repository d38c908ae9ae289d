/* A matrix of similarities whose pairs can be pointed at, by mouse, touch and keys. */
"use strict";
((explorer) => {
  const { make, draw, paint } = explorer;
  const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  /* Where white lines stand: after each module, in the order in which units stand. */
  function bordersOf(order, labels) {
    const borders = [];
    for (let place = 1; place < order.length; place++) {
      if (labels[order[place]] !== labels[order[place - 1]]) borders.push(place);
    }
    return borders;
  }

  const GREYS = Uint8Array.from({ length: 768 }, (_, at) => Math.floor(at / 3));

  /* In the place of similarities where none are kept: one half for two units of one module. */
  const together = (labels) => Float64Array.from({ length: labels.length ** 2 }, (_, at) => {
    const [i, j] = [Math.floor(at / labels.length), at % labels.length];
    return i === j ? NaN : Number(labels[i] >= 0 && labels[i] === labels[j]) / 2;
  });

  class Matrix {
    /* pointing.look(units) is told what is pointed at for now, .pin(units) what for good. */
    constructor(colors, pointing) {
      this.colors = colors;
      this.pointing = pointing;
      this.canvas = make("canvas", { role: "img" });
      this.lines = draw("g", { class: "borders" });
      this.marks = draw("g", { class: "marks" });
      this.over = draw("svg", { "aria-hidden": "true", preserveAspectRatio: "none" }, this.lines, this.marks);
      this.square = make("div", { class: "square", tabindex: "0", role: "application" }, this.canvas, this.over);
      this.scale = make("figcaption");
      this.element = make("figure", { class: "matrix" }, this.square, this.scale);
      this.listen();
    }

    listen() {
      this.square.addEventListener("pointermove", (event) => this.pointing.look(this.unitsAt(event)));
      this.square.addEventListener("pointerleave", () => this.pointing.look(null));
      this.square.addEventListener("click", (event) => this.pointing.pin(this.unitsAt(event)));
      this.square.addEventListener("blur", () => this.pointing.look(null));
      this.square.addEventListener("keydown", (event) => this.press(event));
    }

    /* Colours follow the root of similarity, so that the weak ones are seen beside the strong. */
    show(stored, labels, order, text, bordered) {
      const n = labels.length;
      this.values = stored ? explorer.decodeMatrix(stored, n) : together(labels);
      const top = stored?.top || 1;
      this.order = order;
      this.place = new Map(order.map((unit, place) => [unit, place]));
      paint(this.canvas, stored ? this.colors : GREYS, n, n, (pixel) =>
        Math.sqrt(this.values[order[Math.floor(pixel / n)] * n + order[pixel % n]] / top));
      this.canvas.setAttribute("aria-label", text);
      this.square.setAttribute("aria-label", `${text}. Arrow keys point at pairs, Enter keeps one, Escape none`);
      this.over.setAttribute("viewBox", `0 0 ${n} ${n}`);
      this.lines.replaceChildren(...bordersOf(order, bordered).map((at) =>
        draw("path", { d: `M0 ${at}H${n}M${at} 0V${n}` })));
      this.scale.replaceChildren(stored ? explorer.scaleBar(this.colors, "0", stored.top.toPrecision(2))
        : "bright: in one module");
    }

    unitsAt(event) {
      const box = this.square.getBoundingClientRect();
      const n = this.order.length;
      const place = (at, start, size) => Math.min(n - 1, Math.max(0, Math.floor((at - start) / size * n)));
      return this.unitsOf(place(event.clientY, box.top, box.height), place(event.clientX, box.left, box.width));
    }

    unitsOf(row, column) {
      return row === column ? [this.order[row]] : [this.order[row], this.order[column]];
    }

    press(event) {
      const [row, column] = this.cursor ?? [0, 0];
      const step = STEPS[event.key];
      const n = this.order.length;
      const within = (place) => Math.min(n - 1, Math.max(0, place));
      if (event.key === "Escape") this.pointing.pin([]);
      else if (event.key === "Enter" || event.key === " ") this.pointing.pin(this.unitsOf(row, column));
      else if (step) this.pointing.look(this.unitsOf(within(row + step[0]), within(column + step[1])));
      else return;
      event.preventDefault();
    }

    /* Show which units are pointed at, here or elsewhere: all but their rows and columns grows dim. */
    mark(units) {
      const n = this.order.length;
      const places = units.map((unit) => this.place.get(unit));
      const [row, column = row] = places;
      this.cursor = places.length ? [row, column] : undefined;
      if (!places.length) return this.marks.replaceChildren();
      const band = (at) => `M0 ${at}H${n}V${at + 1}H0ZM${at} 0V${n}H${at + 1}V0Z`;
      const rest = [...new Set(places)].map(band).join("");
      this.marks.replaceChildren(
        draw("path", { class: "rest", d: this.dimmed(places) }),
        draw("path", { class: "band", d: rest }),
        draw("rect", { class: "cell", x: column, y: row, width: 1, height: 1 }),
        draw("rect", { class: "cell", x: row, y: column, width: 1, height: 1 }));
    }

    /* The squares between the rows and columns that are pointed at. */
    dimmed(places) {
      const n = this.order.length;
      const cuts = [...new Set(places)].sort((a, b) => a - b);
      const spans = [-1, ...cuts].map((cut, i) => [cut + 1, cuts[i] ?? n]).filter(([from, to]) => to > from);
      return spans.flatMap(([top, bottom]) => spans.map(([left, right]) =>
        `M${left} ${top}H${right}V${bottom}H${left}Z`)).join("");
    }
  }

  explorer.Matrix = Matrix;
})(window.modlibExplorer);

/* Two sortings of one layer: its units in two columns, by what drives them and by what they do. */
"use strict";
(() => {
  const { count, decode, define, diverging, line, listed, make, number, onTheme, onWidth, pace,
    radios, slider } = modlibMoving;
  const SIDES = ["upstream", "downstream"];
  const NAMES = { upstream: "what drives them", downstream: "what they do" };
  const TITLES = { printed: "as printed", released: "as released" };
  const GAP = 2.5; // between modules, in units
  const ROW = 6; // pixels for a unit
  const EDGE = 62; // for the names of modules on either side
  const BAR = 10; // width of a module
  let figures = 0;

  /* Half a byte for each weight: see pack in sortings.py. Values from -1 to 1. */
  function unpack(packed, unit, side) {
    const values = new Float64Array(side * side);
    for (let k = 0, at = unit * side * side; k < values.length; k++, at++) {
      const both = packed[at >> 1];
      values[k] = ((at % 2 ? both & 15 : both >> 4) - 8) / 7;
    }
    return values;
  }

  /* How far down each unit stands in its column. */
  function heights({ labels, order }) {
    const places = [];
    let height = 0;
    order.forEach((unit, i) => {
      if (i && labels[unit] !== labels[order[i - 1]]) height += GAP;
      places[unit] = height++;
    });
    return { places, height };
  }

  /* The modules of a side from top to bottom, numbered in that order; unused units have none. */
  function modulesOf({ labels, order }) {
    const found = new Map();
    for (const unit of order) {
      const label = labels[unit];
      if (!found.has(label)) found.set(label, { label, units: [] });
      found.get(label).units.push(unit);
    }
    const modules = [...found.values()];
    modules.forEach((module, i) => { module.name = module.label < 0 ? "unused" : String(i + 1); });
    return modules;
  }

  const moduleOf = (modules, unit) => modules.find((module) => module.units.includes(unit));

  function draw(live, data) {
    const state = { network: 0, convention: data.conventions[0], unit: null };
    const id = `sortings-${figures++}`;
    const half = data.networks.findIndex((network) => network.dropout >= 0.5);
    state.network = half < 0 ? data.networks.length - 1 : half;

    const told = line();
    const unitTold = line();
    const picture = make("div", { class: "picture" });
    const cards = make("div", { class: "portraits" });
    const strengths = data.networks.map(({ dropout }) => (dropout ? String(dropout) : "none"));
    live.append(
      make("div", { class: "controls" },
        slider("Dropout", {
          max: strengths.length - 1, value: state.network, say: (i) => strengths[i],
        }, (i) => { state.network = i; update(); }),
        radios("Convention", Object.fromEntries(data.conventions.map((c) => [c, TITLES[c]])),
          state.convention, (c) => { state.convention = c; update(); })),
      told, picture, unitTold, cards);

    const svg = d3.select(picture).append("svg").attr("role", "presentation");
    const list = svg.append("g").attr("role", "listbox").attr("tabindex", 0)
      .attr("aria-label", "Units, in the order of the left column");
    const signs = svg.append("g").attr("aria-hidden", "true");
    let width = 0;

    const view = () => data.networks[state.network].views[state.convention];

    /* Everything that follows from the network and the convention. */
    function update() {
      const here = view();
      const modules = Object.fromEntries(SIDES.map((side) => [side, modulesOf(here[side])]));
      const used = SIDES.map((side) => modules[side].filter(({ label }) => label >= 0).length);
      if (state.unit === null) state.unit = here.upstream.order[0];
      state.modules = modules;
      const strength = data.networks[state.network].dropout;
      told.textContent = `${strength ? `Dropout ${strength}` : "No dropout"}, `
        + `${TITLES[state.convention]}: by what drives them the units fall into `
        + `${count(used[0], "module")} (Q = ${number(here.upstream.q)}), by what they do into `
        + `${used[1]} (Q = ${number(here.downstream.q)}). The two sortings agree to `
        + `${number(here.agreement)}; chance gives ${number(here.chance)}, the same search again `
        + `${number(here.ceiling)}.`;
      if (width) place(pace());
      look();
    }

    /* Lines and modules, moved to where they belong. */
    function place(duration) {
      const here = view();
      const sides = SIDES.map((side) => heights(here[side]));
      const height = (Math.max(...sides.map((side) => side.height)) + 1) * ROW;
      const [left, right] = [EDGE + BAR, width - EDGE - BAR];
      svg.attr("viewBox", `0 0 ${width} ${height + 24}`).attr("width", width)
        .attr("height", height + 24);
      const y = (side, unit) => (sides[side].places[unit] + 0.5) * ROW + 22;
      const link = d3.linkHorizontal();
      const path = (unit) => link({ source: [left, y(0, unit)], target: [right, y(1, unit)] });
      list.selectAll("path.unit").data(here.upstream.order, (unit) => unit).join(
        (enter) => enter.append("path").attr("class", "unit").attr("role", "option")
          .attr("id", (unit) => `${id}-${unit}`).attr("d", path))
        .order().attr("aria-label", (unit) => `Unit ${unit}`)
        .transition().duration(duration).attr("d", path);
      SIDES.forEach((side, i) => {
        const x = i ? right : left - BAR;
        const bars = signs.selectAll(`g.${side}`).data(state.modules[side], ({ label }) => label)
          .join((enter) => {
            const bar = enter.append("g").attr("class", `module ${side}`);
            bar.append("rect").attr("width", BAR).attr("height", 0);
            bar.append("text").attr("dy", "0.35em");
            return bar;
          });
        bars.classed("unused", ({ label }) => label < 0);
        const top = ({ units }) => Math.min(...units.map((unit) => y(i, unit))) - ROW / 2 + 0.5;
        const size = ({ units }) => units.length * ROW - 1;
        bars.select("text").text(({ name, units }) =>
          (name === "unused" ? `unused ${units.length}` : `${name}: ${units.length}`))
          .attr("x", i ? BAR + 5 : -5).attr("text-anchor", i ? "start" : "end");
        bars.transition().duration(duration).attr("transform", (m) => `translate(${x},${top(m)})`);
        bars.select("rect").transition().duration(duration).attr("height", size);
        bars.select("text").transition().duration(duration).attr("y", (m) => size(m) / 2);
      });
      signs.selectAll("text.side").data(SIDES).join("text").attr("class", (s) => `side ${s}`)
        .attr("x", (_, i) => (i ? width : 0)).attr("y", 12)
        .attr("text-anchor", (_, i) => (i ? "end" : "start")).text((side) => `by ${NAMES[side]}`);
    }

    /* What is told of one unit: its fellows on both sides, and what it and its likes look like. */
    function look() {
      const here = view();
      const { unit } = state;
      const [up, down] = SIDES.map((side) => moduleOf(state.modules[side], unit));
      const inUp = (other) => up.units.includes(other);
      const inDown = (other) => down.units.includes(other);
      list.attr("aria-activedescendant", `${id}-${unit}`);
      list.selectAll("path.unit")
        .classed("chosen", (other) => other === unit)
        .classed("up", (other) => inUp(other) && !inDown(other))
        .classed("down", (other) => inDown(other) && !inUp(other))
        .classed("both", (other) => inUp(other) && inDown(other))
        .attr("aria-selected", (other) => String(other === unit));
      list.selectAll("path.unit.chosen").raise();
      const fellows = [up, down].map(({ units }) => units.length - 1);
      const both = up.units.filter((other) => other !== unit && inDown(other)).length;
      const { push, activity } = data.networks[state.network];
      const most = (values, sign) => {
        const digit = d3Extent(values, sign);
        return sign * values[digit] > 0 ? digit : null;
      };
      const fires = most(activity[unit], 1);
      const where = (module) => (module.label < 0 ? "unused" : `module ${module.name}`);
      unitTold.textContent = `Unit ${unit}: ${where(up)} on the left with `
        + `${count(fellows[0], "other")}, ${where(down)} on the right with ${fellows[1]}; ${both} `
        + "of them are the same. "
        + (fires === null ? "It never fires." : `It fires most for ${fires}, and when it rises, `
          + `${most(push[unit], 1)} gains and ${most(push[unit], -1)} loses most.`);
      drawCards(cards, data, state, here);
    }

    const choose = (unit) => {
      if (unit === undefined || unit === state.unit) return;
      state.unit = unit;
      look();
    };

    const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 8, PageUp: -8 };
    list.on("keydown", (event) => {
      const { order } = view().upstream;
      const at = order.indexOf(state.unit);
      const ends = { Home: 0, End: order.length - 1 };
      const next = ends[event.key] ?? (event.key in STEPS ? at + STEPS[event.key] : null);
      if (next === null) return;
      event.preventDefault();
      choose(order[Math.max(0, Math.min(order.length - 1, next))]);
    });

    /* The line that is nearest to the pointer. */
    const point = (event) => {
      const [x, y] = d3.pointer(event, svg.node());
      const share = Math.max(0, Math.min(1, (x - EDGE - BAR) / (width - 2 * (EDGE + BAR))));
      let [best, least] = [undefined, 3 * ROW];
      list.selectAll("path.unit").each(function near(unit) {
        const at = this.getPointAtLength(share * this.getTotalLength());
        const away = Math.hypot(at.x - Math.max(EDGE, Math.min(width - EDGE, x)), at.y - y);
        if (away < least) [best, least] = [unit, away];
      });
      choose(best);
    };
    svg.on("pointermove", point).on("pointerdown", point);

    onWidth(picture, (found) => {
      width = found;
      place(0);
      look();
    });
    onTheme(look);
    update();
  }

  /* The place of the largest or the smallest value. */
  const d3Extent = (values, sign) =>
    values.reduce((best, value, i) => (sign * value > sign * values[best] ? i : best), 0);

  // Cards: a unit, the one that is driven most like it, and the one that does most like it.

  function drawCards(cards, data, state, here) {
    const { unit } = state;
    const network = data.networks[state.network];
    network.packed ??= decode(network.weights);
    const shown = [
      { unit, text: `Unit ${unit}`, side: "chosen" },
      ...SIDES.map((side) => ({
        unit: here[side].partners[unit], side,
        text: side === "upstream" ? "driven most alike" : "acts most alike",
      })),
    ];
    const there = shown.filter((card) => card.unit >= 0);
    const scale = (name) => Math.max(1e-9, ...there.flatMap((card) =>
      network[name][card.unit].map(Math.abs)));
    const scales = { activity: scale("activity"), push: scale("push") };
    cards.replaceChildren(...shown.map((card) => {
      const title = card.side === "chosen" ? card.text : `${card.text}: `
        + (card.unit < 0 ? "none" : `unit ${card.unit}`);
      const box = make("div", { class: `portrait ${card.side}` }, make("h3", {}, title));
      if (card.unit >= 0) {
        box.append(field(network, card.unit, data.side), bars(network, card.unit, scales));
      }
      return box;
    }));
  }

  function field(network, unit, side) {
    const values = unpack(network.packed, unit, side);
    const canvas = make("canvas", { width: side, height: side, role: "img",
      "aria-label": `Weights of unit ${unit} from the pixels` });
    const context = canvas.getContext("2d");
    values.forEach((value, k) => {
      context.fillStyle = diverging(value);
      context.fillRect(k % side, Math.floor(k / side), 1, 1);
    });
    return canvas;
  }

  /* For each digit, how much the unit fires (to the left) and what it does to it (to the right). */
  function bars(network, unit, scales) {
    const [room, row] = [54, 11];
    const { activity, push } = network;
    const digits = activity[unit].length;
    const words = (values) => listed(values.map((value, digit) => `${digit}: ${number(value)}`));
    const svg = d3.create("svg").attr("class", "bars")
      .attr("viewBox", `0 0 ${3 * room + 16} ${digits * row + 14}`).attr("role", "img")
      .attr("aria-label", `Unit ${unit}, mean activation by digit: ${words(activity[unit])}. `
        + `Change of each digit when it rises: ${words(push[unit])}.`);
    const y = (digit) => 14 + digit * row;
    const middle = 2 * room + 16;
    svg.append("text").attr("x", room).attr("y", 8).attr("text-anchor", "end").text("fires for");
    svg.append("text").attr("x", middle).attr("y", 8).attr("text-anchor", "middle").text("pushes");
    svg.append("line").attr("class", "zero").attr("x1", middle).attr("x2", middle)
      .attr("y1", 12).attr("y2", y(digits));
    for (let digit = 0; digit < digits; digit++) {
      const fires = (activity[unit][digit] / scales.activity) * (room - 2);
      const pushes = (push[unit][digit] / scales.push) * (room - 2);
      svg.append("rect").attr("class", "upstream").attr("x", room - fires).attr("y", y(digit) + 1)
        .attr("width", fires).attr("height", row - 2);
      svg.append("text").attr("x", room + 8).attr("y", y(digit) + row - 2)
        .attr("text-anchor", "middle").text(digit);
      svg.append("rect").attr("class", "downstream").attr("y", y(digit) + 1)
        .attr("x", middle + Math.min(0, pushes)).attr("width", Math.abs(pushes))
        .attr("height", row - 2);
    }
    return svg.node();
  }

  define("sortings", draw);
})();

/* The search for modules, step by step, on a few units; and moves of the reader's own. */
"use strict";
(() => {
  const { button, define, diverging, line, listed, make, number, onTheme, onWidth, pace,
    sortedMatrix } = modlibMoving;
  const { everyQ, gains, members, modularityMatrix, move, nModules, pick, place, qOf, split,
    toAdjacency, weigh } = modlibModules;
  const DIGITS = 4;
  const signed = (value) => (value > 0 ? "+" : "") + number(value, DIGITS);
  let figures = 0;

  function begin(data) {
    const B = modularityMatrix(toAdjacency(data.similarity));
    const labels = data.similarity.map(() => 0);
    return { B, state: {
      labels, queue: [0], step: 0, best: { labels, q: qOf(B, labels) }, mine: 0,
      text: "All units begin in one cluster.",
    } };
  }

  const better = (B, state, labels) => {
    const q = qOf(B, labels);
    return q > state.best.q ? { labels, q } : state.best;
  };

  /* What comes next: a turn of Algorithm 2 while clusters are queued, then steps of Algorithm 3. */
  function follow(B, state, data) {
    if (state.queue.length) return attempt(B, state, data);
    return state.step < data.draws.length ? step(B, state, data) : state;
  }

  const names = (data, units) => listed(units.map((unit) => data.units[unit]));

  function attempt(B, state, data) {
    const { labels, queue, inside, gain, worth } = split(B, state.labels, state.queue);
    const leave = inside.filter((unit) => labels[unit] !== labels[inside[0]]);
    const stay = inside.filter((unit) => !leave.includes(unit));
    const what = worth
      ? `${names(data, leave)} part from ${names(data, stay)}, which raises Q by ${number(gain, DIGITS)}.`
      : `${names(data, inside)} stay together: no split by signs raises Q.`;
    const then = queue.length ? "" : " All clusters are tried: Algorithm 3 begins.";
    return { ...state, labels, queue, best: better(B, state, labels),
      text: `Algorithm 2: ${what}${then}` };
  }

  function step(B, state, data) {
    const [unit, uniform] = data.draws[state.step];
    const { labels } = state;
    const gained = gains(B, labels, unit);
    const { weights } = weigh(gained, data.entropy);
    const chosen = pick(weights, uniform);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const moved = move(labels, unit, chosen);
    const proposal = move(labels, unit, gained.indexOf(Math.max(...gained)));
    const best = better(B, { best: better(B, state, proposal) }, moved);
    const where = chosen === labels[unit] ? "stays where it is"
      : chosen === nModules(labels) ? `founds a cluster (ΔQ = ${signed(gained[chosen])})`
        : `joins cluster ${chosen + 1} (ΔQ = ${signed(gained[chosen])})`;
    return { ...state, labels: moved, step: state.step + 1, best, unit,
      text: `Algorithm 3, step ${state.step + 1}: unit ${data.units[unit]} is drawn and ${where}, `
        + `the choice of ${number((100 * weights[chosen]) / total, 0)} in 100.` };
  }

  function own(B, state, data, unit, module) {
    const gained = gains(B, state.labels, unit)[module];
    const fresh = module === nModules(state.labels);
    const labels = move(state.labels, unit, module);
    return { ...state, labels, queue: [], best: better(B, state, labels), mine: state.mine + 1, unit,
      text: `Your move ${state.mine + 1}: unit ${data.units[unit]} `
        + `${fresh ? "founds a cluster" : `joins cluster ${module + 1}`}, ΔQ = ${signed(gained)}.` };
  }

  function draw(live, data) {
    const id = `search-${figures++}`;
    const { B, state: first } = begin(data);
    const every = everyQ(B);
    const past = [];
    let state = first;
    let selected = 0;

    const told = line();
    const all = make("div", { class: "all" });
    const matrix = make("div", { class: "matrix" });
    const chooser = make("fieldset", { class: "chooser" }, make("legend", {}, "A move of your own"));
    const moves = make("div", { class: "moves", role: "group" });
    const groups = make("div", { class: "groups" });
    chooser.append(groups);

    /* The unit whose moves are shown: the one that was drawn, or that the reader has chosen. */
    function select(unit) {
      selected = unit;
      inputs[unit].checked = true;
    }

    function go(next) {
      if (next === state) return;
      past.push(state);
      state = next;
      if (state.unit !== undefined) select(state.unit);
      show();
    }
    const forward = button("Next step", () => go(follow(B, state, data)));
    const ten = button("Ten steps", () => {
      let next = state;
      for (let k = 0; k < 10; k++) next = follow(B, next, data);
      go(next);
    });
    const back = button("Back", () => {
      state = past.pop();
      show();
      if (back.disabled) forward.focus();
    });
    const again = button("Start over", () => {
      past.length = 0;
      state = first;
      show();
      forward.focus();
    });
    live.append(make("div", { class: "controls" }, forward, ten, back, again), told, all,
      make("div", { class: "board" }, matrix, make("div", {}, chooser, moves)));

    // The units, to choose one: they stand in their clusters.
    const inputs = data.units.map((name, unit) => {
      const input = make("input", { type: "radio", name: `${id}-unit`, value: unit });
      input.checked = unit === selected;
      input.addEventListener("change", () => { selected = unit; show(); });
      return input;
    });
    const chips = inputs.map((input, unit) => make("label", { class: "chip" }, input,
      make("span", {}, data.units[unit])));

    function showUnits() {
      const held = document.activeElement;
      const boxes = Array.from({ length: nModules(state.labels) }, (_, module) =>
        make("div", { class: "cluster", role: "group", "aria-label": `Cluster ${module + 1}` },
          make("span", { "aria-hidden": "true" }, `${module + 1}`),
          ...members(state.labels, module).map((unit) => chips[unit])));
      groups.replaceChildren(...boxes);
      if (inputs.includes(held)) held.focus({ preventScroll: true });
    }

    function showMoves() {
      const gained = gains(B, state.labels, selected);
      const q = qOf(B, state.labels);
      const largest = Math.max(...gained.map(Math.abs), 1e-12);
      const home = state.labels[selected];
      const alone = members(state.labels, home).length === 1;
      moves.setAttribute("aria-label", `Where unit ${data.units[selected]} may go`);
      moves.replaceChildren(make("p", {}, `Unit ${data.units[selected]} …`),
        ...gained.flatMap((gain, module) => {
          if (module === home || (alone && module === gained.length - 1)) return [];
          const fresh = module === gained.length - 1;
          const at = place(every, q + gain);
          const text = fresh ? "founds a cluster" : `joins cluster ${module + 1}`;
          const bar = make("span", { class: `bar ${gain > 0 ? "gain" : "loss"}`, "aria-hidden": "true",
            style: `width:${(50 * Math.abs(gain)) / largest}%` });
          const press = button(text, () => {
            const here = [...moves.querySelectorAll("button")].indexOf(press);
            go(own(B, state, data, selected, module));
            const there = moves.querySelectorAll("button");
            there[Math.min(here, there.length - 1)]?.focus();
          });
          press.append(make("small", {}, `: ΔQ = ${signed(gain)}, place ${at.toLocaleString("en")}`));
          return [make("div", { class: "move" }, press,
            make("span", { class: "bars", "aria-hidden": "true" }, bar))];
        }));
    }

    const largest = Math.max(...B.flatMap((row, i) =>
      row.map((value, j) => (i === j ? 0 : Math.abs(value)))));
    const drawMatrix = sortedMatrix(matrix);
    let width = 0;

    function showMatrix(duration) {
      drawMatrix({
        labels: state.labels, names: data.units, selected, size: Math.min(340, width),
        text: `How much more similar every two of the ${data.units.length} units are than expected, `
          + "sorted by cluster",
        color: (i, j) => diverging(B[i][j] / largest),
        pressed: (unit) => { select(unit); show(); },
      }, duration);
    }

    const strip = d3.select(all).append("svg").attr("role", "img");
    strip.append("path").attr("class", "bulk");
    const pointers = strip.append("g");
    let room = 0;

    function showAll(duration) {
      const [low, high] = [every.at(-1), every[0]];
      const height = 92;
      const x = (q) => 12 + ((q - low) / (high - low || 1)) * (room - 24);
      const nBins = Math.max(20, Math.floor(room / 8));
      const bins = new Array(nBins).fill(0);
      for (const q of every) {
        bins[Math.min(nBins - 1, Math.floor(((q - low) / (high - low || 1)) * nBins))] += 1;
      }
      const tall = Math.log1p(Math.max(...bins));
      const base = height - 18;
      const area = d3.area().curve(d3.curveStepAfter).x((_, i) => x(low + ((high - low) * i) / nBins))
        .y0(base).y1((count) => base - (Math.log1p(count) / tall) * (base - 22));
      const q = qOf(B, state.labels);
      strip.attr("width", room).attr("height", height).attr("aria-label",
        `All ${every.length.toLocaleString("en")} assignments by their Q, from ${number(low, 3)} to `
        + `${number(high, 3)}; the present one stands at ${number(q, 3)}`);
      strip.select("path.bulk").attr("d", area([...bins, bins.at(-1)]));
      const signs = [["now", q]];
      if (state.best.q > q + 1e-12) signs.unshift(["best so far", state.best.q]);
      const group = pointers.selectAll("g").data(signs, ([name]) => name).join((enter) => {
        const sign = enter.append("g").attr("class", ([name]) => name.replaceAll(" ", "-"));
        sign.append("line").attr("y1", 18).attr("y2", base);
        sign.append("text");
        return sign;
      });
      group.transition().duration(duration)
        .attr("transform", ([, value]) => `translate(${x(value)},0)`);
      group.select("text").attr("y", ([name]) => (name === "now" ? 26 : 12)).text(([name]) => name)
        .attr("text-anchor", ([, value]) => (x(value) > room / 2 ? "end" : "start"))
        .attr("dx", ([, value]) => (x(value) > room / 2 ? -5 : 5));
      const ticks = [low, 0, high];
      strip.selectAll("text.tick").data(ticks).join("text").attr("class", "tick").attr("y", height - 3)
        .attr("x", x).attr("text-anchor", (_, i) => ["start", "middle", "end"][i])
        .text((value) => (value === high ? `highest Q ${number(value, 3)}` : number(value, 3)));
    }

    function show(duration = pace()) {
      const q = qOf(B, state.labels);
      const at = place(every, q);
      const off = every[0] - q;
      told.textContent = `${state.text} Now Q = ${number(q, DIGITS)}, place `
        + `${at.toLocaleString("en")} of ${every.length.toLocaleString("en")}`
        + `${at === 1 ? ", the best there is." : `, ${number(off, DIGITS)} below the best.`}`;
      forward.disabled = ten.disabled = !state.queue.length && state.step >= data.draws.length;
      back.disabled = again.disabled = !past.length;
      showUnits();
      showMoves();
      if (width) showMatrix(duration);
      if (room) showAll(duration);
    }

    onWidth(matrix, (found) => { width = found; showMatrix(0); });
    onWidth(all, (found) => { room = found; showAll(0); });
    onTheme(() => { if (width) showMatrix(0); });
    show(0);
  }

  window.modlibSearch = { begin, follow, own }; // for tests
  define("search", draw);
})();

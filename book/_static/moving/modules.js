/* Modularity of a few units, in the browser: as modlib computes it, which tests hold it against.
   A matrix is an array of rows; labels are whole numbers without a gap, one for each unit. */
"use strict";
window.modlibModules = (() => {
  const ROUNDING = 1e-14; // the adjacency sums to one: less means nothing
  const SAME = 1e-12; // sums in another order differ by less
  const BISECTIONS = 60;

  /* Equations 6 and 7: no diagonal, and all entries sum to one. */
  function toAdjacency(similarity) {
    const links = similarity.map((row, i) => row.map((value, j) => (i === j ? 0 : value)));
    const total = links.flat().reduce((sum, value) => sum + value, 0);
    return links.map((row) => row.map((value) => (total ? value / total : 0)));
  }

  /* By how much every two units are more similar than expected. */
  function modularityMatrix(adjacency) {
    const degrees = adjacency.map((row) => row.reduce((sum, value) => sum + value, 0));
    return adjacency.map((row, i) => row.map((value, j) => value - degrees[i] * degrees[j]));
  }

  const nModules = (labels) => Math.max(...labels) + 1;
  const members = (labels, module) =>
    labels.flatMap((label, unit) => (label === module ? [unit] : []));

  /* Equation 8. */
  function qOf(B, labels) {
    let q = 0;
    B.forEach((row, i) => row.forEach((value, j) => { if (labels[i] === labels[j]) q += value; }));
    return q;
  }

  /* What Q gains if a unit moves to each module in turn, and last to a new one. */
  function gains(B, labels, unit) {
    const sums = new Array(nModules(labels) + 1).fill(0);
    labels.forEach((label, j) => { if (j !== unit) sums[label] += B[unit][j]; });
    return sums.map((sum) => 2 * (sum - sums[labels[unit]]));
  }

  /* The unit moved; the last module takes the number of one that is empty. */
  function move(labels, unit, module) {
    const home = labels[unit];
    const moved = labels.with(unit, module);
    const last = nModules(moved) - 1;
    return moved.includes(home) || last < home ? moved
      : moved.map((label) => (label === last ? home : label));
  }

  /* Q of every assignment there is, the highest first. */
  function everyQ(B) {
    const found = new Float64Array(bell(B.length));
    let next = 0;
    forEveryAssignment(B, (_, q) => { found[next++] = q; });
    return found.sort().reverse();
  }

  /* Call with the labels and Q of every assignment, unit by unit. Those that begin like the labels of
     the first `unit` units, which have Q so far, are passed over unless it is worth going on. */
  function forEveryAssignment(B, visit, isWorth = () => true) {
    const labels = new Array(B.length).fill(0);
    function join(unit, count, q) {
      if (!isWorth(unit, q)) return;
      if (unit === B.length) {
        visit(labels, q);
        return;
      }
      for (let module = 0; module <= count; module++) {
        let more = B[unit][unit];
        for (let j = 0; j < unit; j++) if (labels[j] === module) more += 2 * B[unit][j];
        labels[unit] = module;
        join(unit + 1, Math.max(count, module + 1), q + more);
      }
    }
    join(0, 0, 0);
  }

  /* How many assignments of n units there are: the numbers of Bell, by their triangle. */
  function bell(n) {
    let row = [1];
    for (let k = 1; k < n; k++) {
      const below = [row.at(-1)];
      for (const value of row) below.push(below.at(-1) + value);
      row = below;
    }
    return row.at(-1);
  }

  /* The place of Q among all, from 1: how many are higher, and one. */
  function place(every, q) {
    let [low, high] = [0, every.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (every[middle] > q + SAME) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  }

  /* The best assignment of all: every one is tried but for those that cannot be better any more. */
  function best(B) {
    const n = B.length;
    const left = new Array(n + 1).fill(0); // the most that the units from here on can add
    for (let i = n - 1; i >= 0; i--) {
      left[i] = left[i + 1] + B[i][i];
      for (let j = 0; j < i; j++) left[i] += Math.max(0, 2 * B[i][j]);
    }
    const together = new Array(n).fill(0);
    let top = { labels: together, q: qOf(B, together) };
    forEveryAssignment(
      B,
      (labels, q) => { top = { labels: [...labels], q }; },
      (unit, q) => q + left[unit] > top.q + ROUNDING,
    );
    return top;
  }

  /* The eigenvector of the largest eigenvalue of a symmetric matrix, by Jacobi's rotations. Its
     largest entry is positive. */
  function leading(matrix) {
    const n = matrix.length;
    const a = matrix.map((row) => [...row]);
    const vectors = a.map((_, i) => a.map((__, j) => Number(i === j)));
    for (let sweep = 0; sweep < 60; sweep++) {
      for (let p = 0; p < n; p++) {
        for (let q = p + 1; q < n; q++) {
          if (Math.abs(a[p][q]) < 1e-300) continue;
          const angle = Math.atan2(2 * a[p][q], a[q][q] - a[p][p]) / 2;
          const [c, s] = [Math.cos(angle), Math.sin(angle)];
          for (let k = 0; k < n; k++) {
            [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
          }
          for (let k = 0; k < n; k++) {
            [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
          }
          for (let k = 0; k < n; k++) {
            const [x, y] = [vectors[k][p], vectors[k][q]];
            [vectors[k][p], vectors[k][q]] = [c * x - s * y, s * x + c * y];
          }
        }
      }
    }
    let top = 0;
    for (let k = 1; k < n; k++) if (a[k][k] > a[top][top]) top = k;
    const vector = vectors.map((row) => row[top]);
    const largest = vector.reduce((m, value) => (Math.abs(value) > Math.abs(m) ? value : m), 0);
    return vector.map((value) => value * Math.sign(largest));
  }

  /* One turn of Algorithm 2: try to split the module whose number was queued last. */
  function split(B, labels, queue) {
    const module = queue.at(-1);
    const inside = members(labels, module);
    const vector = leading(inside.map((i) => inside.map((j) => B[i][j])));
    const apart = [...labels];
    const fresh = nModules(labels);
    inside.forEach((unit, k) => { if (vector[k] < 0) apart[unit] = fresh; });
    const gain = qOf(B, apart) - qOf(B, labels);
    const worth = gain > ROUNDING;
    return {
      inside, vector, gain, worth,
      labels: worth ? apart : labels,
      queue: worth ? [...queue.slice(0, -1), module, fresh] : queue.slice(0, -1),
    };
  }

  function entropyOf(weights) {
    const total = weights.reduce((sum, value) => sum + value, 0);
    return -weights.reduce((sum, value) =>
      sum + (value > 0 ? (value / total) * Math.log(value / total) : 0), 0);
  }

  /* Algorithm 3: with which weights a step chooses among moves, and at which temperature. */
  function weigh(gained, entropy) {
    const top = Math.max(...gained);
    const gaps = gained.map((gain) => top - gain);
    const tied = gaps.map((gap) => Number(gap <= ROUNDING));
    if (Math.log(tied.reduce((sum, value) => sum + value, 0)) >= entropy) {
      return { weights: tied, temperature: 0 };
    }
    if (Math.log(gaps.length) <= entropy) {
      return { weights: gaps.map(() => 1), temperature: Infinity };
    }
    const at = (temperature) => gaps.map((gap) => Math.exp(-gap / temperature));
    let low = Math.log(Math.min(...gaps.filter((gap) => gap > ROUNDING))) - 5;
    let high = Math.log(Math.max(...gaps)) + 10;
    for (let k = 0; k < BISECTIONS; k++) {
      const middle = (low + high) / 2;
      if (entropyOf(at(Math.exp(middle))) < entropy) low = middle;
      else high = middle;
    }
    const temperature = Math.exp((low + high) / 2);
    return { weights: at(temperature), temperature };
  }

  /* The first whose sum of weights exceeds a share of the whole. */
  function pick(weights, uniform) {
    const bar = uniform * weights.reduce((sum, value) => sum + value, 0);
    let sum = 0;
    for (let k = 0; k < weights.length; k++) {
      sum += weights[k];
      if (bar < sum) return k;
    }
    return weights.indexOf(Math.max(...weights));
  }

  return {
    bell, best, everyQ, gains, leading, members, modularityMatrix, move, nModules, pick, place, qOf,
    split, toAdjacency, weigh,
  };
})();

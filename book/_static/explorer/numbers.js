/* What the module explorer computes, and how it writes numbers. */
"use strict";
((explorer) => {
  function count(keys) {
    const counts = new Map();
    for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
    return counts;
  }

  explorer.countSizes = (labels) => {
    const sizes = [];
    for (const module of labels) if (module >= 0) sizes[module] = (sizes[module] ?? 0) + 1;
    return sizes;
  };

  /* Equation 10: the exponential of the entropy of the sizes. */
  explorer.effectiveNumber = (sizes) => {
    const total = sizes.reduce((sum, size) => sum + size, 0);
    return total && Math.exp(-sizes.reduce((sum, size) => sum + size / total * Math.log(size / total), 0));
  };

  /* Element-centric similarity of two assignments; unused units are one more module. */
  explorer.agreement = (a, b) => {
    const both = a.map((module, unit) => `${module}/${b[unit]}`);
    const [inA, inB, inBoth] = [count(a), count(b), count(both)];
    const shares = both.map((key, unit) => inBoth.get(key) / Math.max(inA.get(a[unit]), inB.get(b[unit])));
    return shares.reduce((sum, share) => sum + share, 0) / shares.length;
  };

  /* What it would be in the mean, were the units of one assignment shuffled. */
  explorer.chance = (a, b) => {
    const n = a.length;
    let sum = 0;
    for (const inA of count(a).values()) {
      for (const inB of count(b).values()) {
        const mean = inA * inB / n;
        const variance = n > 1 ? mean * (n - inA) * (n - inB) / (n * (n - 1)) : 0;
        sum += (mean ** 2 + variance) / Math.max(inA, inB);
      }
    }
    return sum / n;
  };

  explorer.cosine = (a, b) => {
    const dot = (x, y) => x.reduce((sum, value, k) => sum + value * y[k], 0);
    const lengths = Math.sqrt(dot(a, a) * dot(b, b));
    return lengths ? dot(a, b) / lengths : 0;
  };

  /* The share of the other pairs that are less similar than this one; half of those that are as much. */
  explorer.shareBelow = (matrix, n, i, j) => {
    const value = matrix[i * n + j];
    let below = -0.5; // this pair is as similar as itself
    for (let a = 0; a < n; a++) {
      for (let b = a + 1; b < n; b++) below += (1 + Math.sign(value - matrix[a * n + b])) / 2;
    }
    return below / Math.max(1, n * (n - 1) / 2 - 1);
  };

  // Words.

  const minus = (text) => text.replace(/^-(0(\.0+)?)$/, "$1").replace("-", "−");
  explorer.number = (value, digits = 4) => minus(value.toFixed(digits));
  explorer.signed = (value) => (value > 0 ? "+" : "") + minus(value.toPrecision(2));
  explorer.percent = (share) => `${Math.round(100 * share)} %`;
  explorer.units = (n) => `${n} unit${n === 1 ? "" : "s"}`;

  /* The strength of a regulariser for people: 0.55, 0.0032, 3.2e-5. */
  explorer.strengthText = (strength) => {
    const value = Number(strength);
    const short = Number(value.toPrecision(2));
    return short && short < 1e-3 ? short.toExponential().replace("-", "−") : String(short);
  };

  explorer.listed = (items) => items.length < 2 ? items.join("")
    : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
})(window.modlibExplorer);

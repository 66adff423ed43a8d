/* The explorer: one cluster, its target and its kernel, moved by hand; what the loss is, and what its gradient wants.
 *
 * One module without a library, the same in JupyterLab (an anywidget) and inline on pages, where it fills each
 * <div class="kdelab-explorer" data-explorer="...">. The letters are those of docs/design.md: points x_j, logits z_j,
 * weights S = softmax(z), kernel K of bandwidth h, density p, target [a, b], responsibilities r_j = S_j K_h / p.
 */

// ---- The mathematics ------------------------------------------------------------------------------------------------

/** log Gamma(x) for x > 0, by Lanczos' series. */
function logGamma(x) {
  const series = [
    676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
    -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
  ];
  const sum = series.reduce((total, c, i) => total + c / (x + i + 1), 0.9999999999998099);
  const t = x + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (x + 0.5) * Math.log(t) - t + Math.log(sum / x);
}

/** By name, as in kdelab: what gives log K(u) for u = |d| / h >= 0, for a kernel of that shape. */
export const KERNELS = {
  Laplace: () => (u) => -u - Math.LN2,
  Gaussian: () => (u) => -0.5 * u * u - 0.5 * Math.log(2 * Math.PI),
  Cauchy: () => (u) => -Math.log1p(u * u) - Math.log(Math.PI),
  GeneralizedNormal: (beta) => {
    const constant = Math.log(beta / 2) - logGamma(1 / beta);
    return (u) => constant - u ** beta;
  },
  Logistic: () => (u) => -u - 2 * Math.log1p(Math.exp(-u)),
  Huber: () => (u) => (u < 1 ? -0.5 * u * u : 0.5 - u) - LOG_HUBER,
  Box: () => (u) => (u <= 1 ? -Math.LN2 : -Infinity),
  Triangular: () => (u) => (u < 1 ? Math.log1p(-u) : -Infinity),
  Epanechnikov: () => (u) => (u < 1 ? Math.log(0.75) + Math.log1p(-u) + Math.log1p(u) : -Infinity),
};
const LOG_HUBER = 1.073058590713392; // log of the integral of exp(-u^2 / 2) up to 1 and exp(1/2 - u) beyond, both sides

/** Softmax weights as logarithms. */
function logSoftmax(z) {
  const top = Math.max(...z);
  const log = top + Math.log(z.reduce((sum, one) => sum + Math.exp(one - top), 0));
  return z.map((one) => one - log);
}

/** Write the responsibilities at x into r and return log p(x): all 0, and -Infinity, where no kernel reaches. */
function place({ points, logS, logK, h }, x, r) {
  let top = -Infinity;
  for (let j = 0; j < points.length; j++) {
    r[j] = logS[j] + logK(Math.abs(x - points[j]) / h);
    top = Math.max(top, r[j]);
  }
  if (top === -Infinity) return r.fill(0), top;
  let sum = 0;
  for (let j = 0; j < r.length; j++) sum += r[j] = Math.exp(r[j] - top);
  for (let j = 0; j < r.length; j++) r[j] /= sum;
  return top + Math.log(sum) - Math.log(h);
}

/** Nodes and weights on [0, 1] of Gauss and Legendre's rule with both ends among the nodes (Lobatto's): a change of
 * responsibilities just beside a cut would hide from one that has none there. */
function rule(n) {
  return Array.from({ length: n }, (_, i) => {
    let x = -Math.cos((Math.PI * i) / (n - 1));
    for (let step = 0; ; step++) {
      let [before, P] = [1, x];
      for (let m = 2; m < n; m++) [before, P] = [P, ((2 * m - 1) * x * P - (m - 1) * before) / m];
      if (step === 20) return [(1 + x) / 2, 1 / (n * (n - 1) * P * P)];
      x -= (x * P - before) / (n * P);
    }
  });
}
const RULE = rule(12);
const INSIDE = 1e-9; // of a panel: so far from its ends the end nodes stay, as p may be 0 there
const SHORTEST = 1e-9; // of the target: a panel that isn't halved

/** Integrals over a panel: of each responsibility and, last, of log p. */
function panel(cluster, from, to) {
  const k = cluster.points.length;
  const sums = new Float64Array(k + 1);
  const r = new Float64Array(k);
  for (const [t, weight] of RULE) {
    const log = place(cluster, from + (to - from) * Math.min(Math.max(t, INSIDE), 1 - INSIDE), r);
    if (log === -Infinity) continue; // an end, by rounding: the panel will be halved there, as often as may be
    const share = weight * (to - from);
    sums[k] += share * log;
    for (let j = 0; j < k; j++) sums[j] += share * r[j];
  }
  return sums;
}

/** The mean over [a, b] of each responsibility and, last, of log p; and the share of [a, b] that any kernel reaches. */
function means(cluster, a, b) {
  const { points, h } = cluster;
  const k = points.length;
  const total = new Float64Array(k + 1);
  const r = new Float64Array(k);
  if (a === b) {
    total[k] = place(cluster, a, r);
    total.set(r);
    return { total, reached: total[k] > -Infinity ? 1 : 0 };
  }
  const kinks = points.flatMap((x) => [x - h, x, x + h]).filter((x) => x > a && x < b);
  const cuts = [a, ...kinks, b].sort((one, other) => one - other);
  const todo = [];
  let reached = 0;
  for (let i = 1; i < cuts.length; i++) {
    const [from, to] = [cuts[i - 1], cuts[i]];
    if (to - from <= 1e-12 * (b - a)) continue; // two kinks at one place, but for rounding
    if (place(cluster, (from + to) / 2, r) === -Infinity) continue;
    reached += (to - from) / (b - a);
    todo.push([from, to, panel(cluster, from, to)]);
  }
  // A panel is halved until that changes nothing, or nothing but what rounding does.
  while (todo.length) {
    const [from, to, whole] = todo.pop();
    const middle = from + (to - from) / 2;
    const [left, right] = [panel(cluster, from, middle), panel(cluster, middle, to)];
    const large = 1 + Math.abs(whole[k] / (to - from));
    const off = (j) => Math.abs(left[j] + right[j] - whole[j]) / (b - a);
    let fine = off(k) <= 1e-10 * large;
    for (let j = 0; fine && j < k; j++) fine = off(j) <= Math.max(1e-10, 1e-15 * large);
    if (fine || to - from < SHORTEST * (b - a)) for (let j = 0; j <= k; j++) total[j] += (left[j] + right[j]) / (b - a);
    else todo.push([from, middle, left], [middle, to, right]);
  }
  return { total, reached };
}

/** Loss and gradient of one cluster, with weights S and mean responsibilities. Where p is 0 on a part of the target the
 * loss is infinite, and that part pulls at nothing. */
export function crossEntropy(state) {
  const cluster = prepared(state);
  const { total, reached } = means(cluster, ...state.target);
  const k = state.points.length;
  const weights = cluster.logS.map(Math.exp);
  const shares = Array.from(total.subarray(0, k));
  const gradient = weights.map((S, j) => S * reached - shares[j]);
  return { value: reached < 1 - 1e-9 ? Infinity : -total[k], gradient, weights, shares };
}

function prepared({ points, logits, kernel, bandwidth, shape }) {
  return { points, logS: logSoftmax(logits), logK: KERNELS[kernel](shape), h: bandwidth };
}

// ---- The picture ----------------------------------------------------------------------------------------------------

const MOST_POINTS = 20;
const HUES = 6; // in explorer.css; numbers tell apart what has one hue
const PAD = 30; // pixels beside the axis, room for handles
const TOP = { title: 12, centre: 32, ends: 58, density: 72 }; // where, from the top, things are in the picture
const HEIGHT = { density: 130, lane: 26, weights: 120, shares: 84, title: 22 };
const SVG = "http://www.w3.org/2000/svg";

/** An element: of SVG with a name like "svg:path"; attributes that are functions are listeners. */
function make(name, attributes = {}, ...children) {
  const svg = name.startsWith("svg:");
  const element = svg ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** Set attributes and text where they differ: a browser lays out anew whatever is touched. */
function put(element, attributes, text = element.textContent) {
  for (const [key, value] of Object.entries(attributes)) {
    if (element.getAttribute(key) !== String(value)) element.setAttribute(key, value);
  }
  if (element.textContent !== text) element.textContent = text;
}

/** A path through these points, in tenths of pixels; of those on a level line, the first and the last. */
function path(xs, ys) {
  const rounded = (x) => Math.round(10 * x) / 10;
  const level = ys.map(rounded);
  const kept = [];
  for (let i = 0; i < xs.length; i++) {
    const inside = i && i < xs.length - 1 && level[i] === level[i - 1] && level[i] === level[i + 1];
    if (!inside) kept.push(`${rounded(xs[i])} ${level[i]}`);
  }
  return kept.join("L");
}

const number = (x, digits = 3) => (x + 0 || 0).toFixed(digits).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");
const short = (x) => String(Number(x.toPrecision(3))).replace("-", "−");
const between = (x, least, most) => Math.min(Math.max(x, least), most);

/** A state as it can be drawn: what comes from a page or a kernel is data, not to be trusted. */
function checked(given) {
  const [points, logits, target] = ["points", "logits", "target"].map((name) => Array.from(given?.[name] ?? []));
  const { kernel, bandwidth, shape } = given ?? {};
  const finite = (x) => (Number.isFinite(x) ? x : 0);
  const x = points.slice(0, MOST_POINTS).map(finite);
  const [a, b] = [finite(target[0]), finite(target[1])];
  return {
    points: x.length ? x : [0],
    logits: (x.length ? x : [0]).map((_, j) => finite(logits[j])),
    target: [Math.min(a, b), Math.max(a, b)],
    kernel: Object.hasOwn(KERNELS, kernel) ? kernel : "Laplace",
    bandwidth: bandwidth > 0 && bandwidth < Infinity ? bandwidth : 0.1,
    shape: between(shape > 0 ? shape : 1, 0.05, 50),
  };
}

/** Ends of the axes, wide enough for a state: of places, of logits, and of the logarithms of bandwidth and shape. */
function ranges({ points, logits, target, bandwidth, shape }) {
  const far = Math.max(...[...points, ...target].map(Math.abs));
  const decades = (x, low, high) => {
    const log = Math.log10(x);
    return [Math.min(low, Math.floor(log)), Math.max(high, Math.ceil(log))];
  };
  return {
    reach: Math.max(1, Math.ceil(10 * far) / 10),
    span: Math.max(8, Math.ceil(Math.max(...logits.map(Math.abs)))),
    bandwidth: decades(bandwidth, -2, 1),
    shape: decades(shape, -0.5, 0.7),
  };
}

/** Fill an element with an explorer; `told` hears of each new state. Returns what sets another state. */
export function mount(root, given, told = () => {}) {
  let state = checked(given);
  const first = structuredClone(state);
  let limits = ranges(state);
  let chosen = state.points.length - 1; // the point that was last touched
  let width = Math.max(260, root.clientWidth || 640);
  let pending = false;
  let speaking = 0;
  let news = ""; // what a button did, to be spoken before the loss
  let handles = [];
  let rows = [];
  let lanes = []; // under the axis, one for each point

  // What stands for good; the picture and the table are filled below.
  const drawing = make("svg:g", { "aria-hidden": "true" });
  const grips = make("svg:g");
  const svg = make("svg:svg", { role: "group", "aria-label": "Points and target, to be moved" }, drawing, grips);
  const loss = make("p", { class: "kx-loss" });
  const said = make("p", { class: "kx-unseen", "aria-live": "polite" });
  const kernel = make(
    "select",
    { change: (event) => change({ kernel: event.target.value }) },
    ...Object.keys(KERNELS).map((name) => make("option", { value: name }, name.replace(/\B([A-Z])/g, " $1"))),
  );
  const log = (name) => make("input", {
    type: "range", step: 0.01,
    input: (event) => change({ [name]: Number((10 ** event.target.value).toPrecision(3)) }),
  });
  const bandwidth = log("bandwidth");
  const shape = log("shape");
  const labelled = (text, control) => make("label", {}, make("span", {}, text), control,
    make("span", { "aria-hidden": "true" }));
  const more = make("button", { type: "button", click: add }, "Add a point");
  const less = make("button", { type: "button", click: drop });
  const again = make("button", { type: "button", click: () => { news = "Reset. "; set(first); } }, "Reset");
  const body = make("tbody");
  const head = make("tr", {}, ...["point", "place", "logit", "weight", "share", "pull"].map(
    (name) => make("th", { scope: "col" }, name)));
  root.dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes the arrow keys
  root.replaceChildren(
    svg, loss, said,
    make("div", { class: "kx-controls" },
      labelled("kernel", kernel), labelled("bandwidth", bandwidth), labelled("tail", shape),
      make("div", { class: "kx-buttons" }, more, less, again)),
    make("table", {},
      make("caption", {}, "Weight, share of the target that the point answers for, and pull: share less weight, ",
        "minus the gradient."),
      make("thead", {}, head), body),
  );

  /** Put another state in place of this one, as a whole; from outside, its axes too. */
  function set(other) {
    const next = checked(other);
    if (JSON.stringify(next) === JSON.stringify(state)) return;
    limits = ranges(next);
    change(next);
  }

  function change(part) {
    const k = state.points.length;
    state = { ...state, ...part };
    if (state.points.length !== k) build();
    schedule();
  }

  /** Draw with the next frame, once for all that has changed until then. */
  function schedule() {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      draw();
      told(structuredClone(state));
    });
  }

  function add() {
    const x = [...state.points, ...[-1, 1].map((side) => side * limits.reach)].sort((one, other) => one - other);
    const gaps = x.slice(1).map((one, i) => one - x[i]);
    const widest = gaps.indexOf(Math.max(...gaps));
    chosen = state.points.length;
    const middle = Number(((x[widest] + x[widest + 1]) / 2).toPrecision(3));
    news = `Point ${chosen + 1} added at ${number(middle)}. `;
    change({ points: [...state.points, middle], logits: [...state.logits, 0] });
  }

  /** Let a point be the one that the button removes. */
  function choose(j) {
    chosen = j;
    put(less, {}, `Remove point ${j + 1}`);
  }

  function drop() {
    const others = (_, j) => j !== chosen;
    news = `Point ${chosen + 1} removed. `;
    change({ points: state.points.filter(others), logits: state.logits.filter(others) });
  }

  /** Handles and rows, a new one for each point. */
  function build() {
    const k = state.points.length;
    chosen = between(chosen, 0, k - 1);
    // Neighbours stand in different lanes, and stay there while they are dragged.
    const order = state.points.map((_, j) => j).sort((one, other) => state.points[one] - state.points[other]);
    lanes = state.points.map((_, j) => order.indexOf(j) % 3);
    handles = [
      handle("centre", "Target, its centre", () => {
        const [a, b] = state.target;
        const half = (b - a) / 2;
        return [a + half, half - limits.reach, limits.reach - half];
      }, (x) => {
        const half = (state.target[1] - state.target[0]) / 2;
        return { target: [x - half, x + half] };
      }),
      handle("lower", "Target, lower end", () => [state.target[0], -limits.reach, state.target[1]],
        (x) => ({ target: [x, state.target[1]] })),
      handle("upper", "Target, upper end", () => [state.target[1], state.target[0], limits.reach],
        (x) => ({ target: [state.target[0], x] })),
      ...state.points.map((_, j) =>
        handle(`point kx-hue${j % HUES}`, `Point ${j + 1}`, () => [state.points[j], -limits.reach, limits.reach],
          (x) => ({ points: state.points.with(j, x) }), j)),
    ];
    grips.replaceChildren(...handles.map(({ element }) => element));
    rows = state.points.map((_, j) => row(j));
    body.replaceChildren(...rows.map(({ element }) => element));
  }

  /** A slider in the picture: `ends` gives value, least and most, `moved` what a new value changes. */
  function handle(kind, label, ends, moved, j = -1) {
    let grabbed = null;
    const to = (x) => {
      const [, least, most] = ends();
      const rounded = Number((x / limits.reach).toFixed(3)) * limits.reach;
      change(moved(between(Number(rounded.toPrecision(12)), least, most)));
    };
    const keys = {
      ArrowRight: 1, ArrowUp: 1, PageUp: 10, End: Infinity,
      ArrowLeft: -1, ArrowDown: -1, PageDown: -10, Home: -Infinity,
    };
    const element = make("svg:g", {
      class: `kx-handle kx-${kind}`, role: "slider", tabindex: 0, "aria-label": label, "aria-orientation": "horizontal",
      pointerdown: (event) => {
        if (event.button) return;
        grabbed = { from: event.clientX, at: ends()[0] };
        element.setPointerCapture(event.pointerId);
        element.focus({ preventScroll: true });
        event.preventDefault();
      },
      pointermove: (event) => {
        if (grabbed) to(grabbed.at + (event.clientX - grabbed.from) / pixels());
      },
      lostpointercapture: () => (grabbed = null),
      keydown: (event) => {
        if (!Object.hasOwn(keys, event.key) || event.altKey || event.ctrlKey || event.metaKey) return;
        const [value, least, most] = ends();
        const steps = keys[event.key];
        if (Number.isFinite(steps)) to(value + (steps * limits.reach) / 200);
        else change(moved(steps > 0 ? most : least));
        event.preventDefault();
        event.stopPropagation();
      },
      focus: () => j < 0 || choose(j),
    }, make("svg:rect", { x: -12, y: -12, width: 24, height: 24, rx: j < 0 ? 4 : 12 }));
    const marks = { centre: "M-6 0H6M-3 -3L-6 0L-3 3M3 -3L6 0L3 3", lower: "M3 -7H-3V7H3", upper: "M-3 -7H3V7H-3" };
    element.append(j < 0 ? make("svg:path", { d: marks[kind] }) : make("svg:text", { y: 4.5 }, String(j + 1)));
    return { element, ends };
  }

  /** A line of the table, with the logit's slider. */
  function row(j) {
    const logit = make("input", {
      type: "range", step: 0.05, "aria-label": `Logit of point ${j + 1}`,
      focus: () => choose(j),
      input: (event) => change({ logits: state.logits.with(j, Number(event.target.value)) }),
    });
    const cells = Array.from({ length: 5 }, () => make("td"));
    const shown = make("span", { "aria-hidden": "true" });
    cells[1].append(make("div", { class: "kx-logit" }, logit, shown));
    const name = make("th", { scope: "row" }, make("span", { class: `kx-name kx-hue${j % HUES}` }, String(j + 1)));
    return { element: make("tr", {}, name, ...cells), logit, shown, cells };
  }

  const pixels = () => (width - 2 * PAD) / (2 * limits.reach); // of one guess factor
  const across = (x) => PAD + (x + limits.reach) * pixels();

  /** Everything anew, for the state as it is. */
  function draw() {
    const { value, gradient, weights, shares } = crossEntropy(state);
    const [a, b] = state.target;
    const axis = TOP.density + HEIGHT.density;
    const full = [0.1, 0.2, 0.5].find((step) => Math.max(...weights, ...shares) < 0.95 * step) ?? 1;
    const arrows = axis + 18 + Math.min(3, lanes.length) * HEIGHT.lane + HEIGHT.title;
    const stack = arrows + HEIGHT.weights + HEIGHT.title;
    svg.setAttribute("height", stack + HEIGHT.shares + 18);
    drawing.replaceChildren(
      ...background(a, b, axis, arrows, full, stack),
      ...densities(axis),
      ...state.points.flatMap((x, j) => arrow(j, across(x), weights[j] / full, -gradient[j] / full, arrows)),
      ...stacked(a, b, stack),
    );
    const spots = [
      [across((a + b) / 2), TOP.centre], [across(a) - 12, TOP.ends], [across(b) + 12, TOP.ends],
      ...state.points.map((x, j) => [across(x), axis + 30 + lanes[j] * HEIGHT.lane]),
    ];
    handles.forEach(({ element, ends }, i) => {
      const [x, least, most] = ends();
      const j = i - 3;
      const also = j < 0 ? (a === b ? "; the target is one place" : `; target from ${number(a)} to ${number(b)}`)
        : `; weight ${number(weights[j])}, pull ${number(-gradient[j])}`;
      put(element, {
        transform: `translate(${spots[i].map((one) => one.toFixed(1)).join(" ")})`,
        "aria-valuemin": least, "aria-valuemax": most, "aria-valuenow": x,
        "aria-valuetext": `guess factor ${number(x)}${also}`,
      });
    });
    rows.forEach(({ logit, shown, cells }, j) => {
      range(logit, state.logits[j], -limits.span, limits.span, 
        `${number(state.logits[j], 2)}; weight ${number(weights[j])}, pull ${number(-gradient[j])}`);
      put(shown, {}, number(state.logits[j], Math.abs(state.logits[j]) < 100 ? 2 : 0));
      put(cells[0], {}, number(state.points[j]));
      [weights[j], shares[j], -gradient[j]].forEach((one, i) => put(cells[i + 2], {}, number(one)));
    });
    controls();
    tell(value);
    root.dataset.redraws = Number(root.dataset.redraws || 0) + 1;
  }

  function controls() {
    kernel.value = state.kernel;
    for (const [name, control] of [["bandwidth", bandwidth], ["shape", shape]]) {
      range(control, Math.log10(state[name]), ...limits[name], short(state[name]));
      put(control.nextSibling, {}, short(state[name]));
    }
    shape.disabled = state.kernel !== "GeneralizedNormal";
    more.disabled = state.points.length >= MOST_POINTS;
    less.disabled = state.points.length <= 1;
    choose(chosen);
  }

  function range(control, value, least, most, text) {
    put(control, { min: least, max: most, "aria-valuetext": text });
    if (control.value !== String(value)) control.value = value;
  }

  /** The loss, in words, and spoken once the hand rests. */
  function tell(value) {
    const text = value < Infinity ? `Loss ${number(value, 4)} nats`
      : "The loss is infinite: part of the target is out of every point's reach, and pulls at nothing";
    if (text === loss.textContent && !news) return;
    const before = loss.textContent;
    loss.textContent = text;
    clearTimeout(speaking);
    if (before) speaking = setTimeout(() => { said.textContent = news + text; news = ""; }, 700);
  }

  /** The target through all that has the same axis, the axis itself, and what the three panels are. */
  function background(a, b, axis, arrows, full, stack) {
    const band = { x: across(a) - (a === b), width: Math.max(2, across(b) - across(a)), class: "kx-band" };
    const places = [-1, -0.5, 0, 0.5, 1].map((x) => x * limits.reach);
    const title = (y, text) => make("svg:text", { x: 0, y, class: "kx-title" }, text);
    return [
      make("svg:rect", { ...band, y: TOP.ends - 12, height: axis - TOP.ends + 12 }),
      make("svg:rect", { ...band, y: arrows, height: HEIGHT.weights }),
      ...[a, b].map((x) => make("svg:path", { d: `M${across(x)} ${TOP.ends + 12}V${axis}`, class: "kx-edge" })),
      make("svg:path", { d: `M${PAD} ${axis}H${width - PAD}`, class: "kx-axis" }),
      ...places.map((x) => make("svg:text", { x: across(x), y: axis + 14, class: "kx-tick" }, short(x))),
      title(arrows - 6, "weight ○ → share: minus the gradient"),
      make("svg:path", { d: `M${PAD} ${arrows}H${width - PAD}M${PAD} ${arrows + HEIGHT.weights}H${width - PAD}`,
        class: "kx-axis" }),
      make("svg:text", { x: PAD - 8, y: arrows + 10, class: "kx-tick kx-end" }, short(full)),
      make("svg:text", { x: PAD - 8, y: arrows + HEIGHT.weights, class: "kx-tick kx-end" }, "0"),
      title(stack - 6, "who answers for the target"),
      make("svg:text", { x: PAD, y: stack + HEIGHT.shares + 14, class: "kx-tick" }, short(a)),
      make("svg:text", { x: width - PAD, y: stack + HEIGHT.shares + 14, class: "kx-tick" }, short(b)),
    ];
  }

  /** The density, thick, and each point's part of it. */
  function densities(axis) {
    const cluster = prepared(state);
    const { points, h } = cluster;
    const grid = Array.from({ length: 121 }, (_, i) => limits.reach * (i / 60 - 1));
    const near = points.flatMap((x) => [-1 - 1e-9, -1, -0.3, 0, 0.3, 1, 1 + 1e-9].map((u) => x + u * h));
    const places = [...grid, ...near.filter((x) => Math.abs(x) <= limits.reach)].sort((one, other) => one - other);
    const r = new Float64Array(points.length);
    const p = places.map((x) => [Math.exp(place(cluster, x, r)), ...r]);
    const most = 1.05 * Math.max(...p.map(([all]) => all).filter(Number.isFinite));
    const decade = 10 ** Math.floor(Math.log10(most));
    const top = [1, 2, 5, 10].find((step) => step * decade >= most) * decade;
    const xs = places.map(across);
    const line = (height) => `M${path(xs, p.map((one) => axis - (HEIGHT.density * height(one)) / top))}`;
    return [
      make("svg:text", { x: 0, y: TOP.title, class: "kx-title" }, `density, up to ${short(top)}`),
      ...points.map((_, j) =>
        make("svg:path", { d: line((one) => one[0] * one[j + 1]), class: `kx-part kx-hue${j % HUES}` })),
      make("svg:path", { d: line((one) => one[0]), class: "kx-density" }),
    ];
  }

  /** From a point's weight to its share of the target, which is minus the gradient; of the panel's height. */
  function arrow(j, x, weight, pull, top) {
    const y = (one) => top + HEIGHT.weights * (1 - one);
    const [from, to] = [y(weight), y(weight + pull)];
    const side = Math.sign(to - from);
    const long = Math.abs(to - from) > 8;
    const hue = `kx-hue${j % HUES}`;
    return [
      make("svg:path", { d: `M${x} ${from}V${to}`, class: `kx-shaft ${hue}` }),
      make("svg:circle", { cx: x, cy: from, r: 5, class: `kx-ring ${hue}` }),
      long ? make("svg:path", { d: `M${x} ${to}l-6 ${-9 * side}h12z`, class: `kx-dot ${hue}` })
        : make("svg:circle", { cx: x, cy: to, r: 2.5, class: `kx-dot ${hue}` }),
      make("svg:text", { x: x + 9, y: from + 4, class: "kx-tick kx-begin" }, String(j + 1)),
    ];
  }

  /** The responsibilities over the target, one on the other. */
  function stacked(a, b, top) {
    const cluster = prepared(state);
    const inner = width - 2 * PAD;
    const r = new Float64Array(state.points.length);
    const steps = 80;
    const sums = Array.from({ length: steps + 1 }, (_, i) => {
      place(cluster, a + ((b - a) * i) / steps, r);
      let sum = 0;
      return [0, ...Array.from(r, (one) => (sum += one))];
    });
    const indices = sums.map((_, i) => i);
    const xs = indices.map((i) => PAD + (inner * i) / steps);
    const levels = sums[0].map((_, j) => sums.map((sum) => top + HEIGHT.shares * (1 - sum[j])));
    return [
      make("svg:rect", { x: PAD, y: top, width: inner, height: HEIGHT.shares, class: "kx-empty" }),
      ...state.points.flatMap((_, j) => {
        const thickest = indices.reduce((best, i) =>
          (sums[i][j + 1] - sums[i][j] > sums[best][j + 1] - sums[best][j] + 1e-3 ? i : best), steps / 2);
        const [low, high] = sums[thickest].slice(j, j + 2);
        if ((high - low) * HEIGHT.shares < 0.1) return [];
        const outline = `M${path(xs, levels[j + 1])}L${path(xs.toReversed(), levels[j].toReversed())}z`;
        const area = make("svg:path", { d: outline, class: `kx-share kx-hue${j % HUES}` });
        if ((high - low) * HEIGHT.shares < 13) return [area];
        const x = between(xs[thickest], PAD + 9, width - PAD - 9);
        const y = top + HEIGHT.shares * (1 - (low + high) / 2) + 4.5;
        return [area, make("svg:text", { x, y, class: "kx-inside" }, String(j + 1))];
      }),
    ];
  }

  const resized = new ResizeObserver(() => {
    const now = Math.max(260, svg.clientWidth || 640); // 0 while it is hidden
    if (now !== width) schedule();
    width = now;
  });
  resized.observe(svg);
  build();
  draw();
  return { set, stop: () => resized.disconnect() };
}

// ---- In JupyterLab, and on pages ------------------------------------------------------------------------------------

const TRAITS = ["points", "logits", "target", "kernel", "bandwidth", "shape"];

function render({ model, el }) {
  const root = make("div", { class: "kdelab-explorer" });
  el.append(root);
  const read = () => Object.fromEntries(TRAITS.map((name) => [name, model.get(name)]));
  let ours = false; // while our own values are put into the model, one after the other
  const shown = mount(root, read(), (state) => {
    ours = true;
    for (const name of TRAITS) model.set(name, state[name]);
    ours = false;
    model.save_changes();
  });
  const listen = () => ours || shown.set(read());
  for (const name of TRAITS) model.on(`change:${name}`, listen);
  return () => {
    for (const name of TRAITS) model.off(`change:${name}`, listen);
    shown.stop();
  };
}

for (const root of document.querySelectorAll(".kdelab-explorer[data-explorer]")) {
  try {
    mount(root, JSON.parse(root.dataset.explorer));
  } catch (error) {
    root.textContent = `No explorer here: ${error.message}`;
  }
}

export default { render };

// A session as a tree and a waterfall. Sleep is squeezed: a run that waited two days for a person is still readable.

import { h, s } from "./dom.js";
import { count, lasting, usd } from "./format.js";
import { Table } from "./table.js";

/**
 * @typedef {object} Node
 * @property {number} at Its place.
 * @property {number} parent
 * @property {string} kind
 * @property {string} name
 * @property {string} text
 * @property {number} seq
 * @property {number} began
 * @property {number | null} took
 * @property {"plain" | "good" | "warn" | "bad"} mood
 * @property {string} status
 * @property {number} cost In dollars.
 * @property {number} tokens
 * @property {number} depth
 * @property {boolean} above Whether something below it went wrong.
 * @property {number} children
 */

const NANOS = 1e9;
const GAP = 3000;

/**
 * Read the nodes as the API writes them.
 * @param {any[][]} rows
 * @returns {Node[]}
 */
export function nodes(rows) {
  /** @type {Node[]} */
  const found = rows.map((row, at) => {
    const [parent, kind, name, text, seq, began, took, mood, status, cost = 0, tokens = 0] = row;
    return { at, parent, kind, name, text, seq, began, took, mood, status, cost: cost / NANOS, tokens, depth: 0, above: false, children: 0 };
  });
  for (const node of found) {
    const above = found[node.parent];
    if (!above) continue;
    node.depth = above.depth + 1;
    above.children += 1;
  }
  for (let at = found.length - 1; at >= 0; at--) {
    const node = found[at];
    const above = node && found[node.parent];
    if (node && above && (node.mood === "bad" || node.above) && node.kind !== "guard") above.above = true;
  }
  return inOrder(found);
}

/**
 * Children right after their parent, as they stand in a tree.
 * @param {Node[]} found
 */
function inOrder(found) {
  /** @type {Map<number, Node[]>} */
  const below = new Map();
  for (const node of found) {
    const line = below.get(node.parent);
    if (line) line.push(node);
    else below.set(node.parent, [node]);
  }
  /** @type {Node[]} */
  const order = [];
  const stack = [...(below.get(-1) ?? [])].reverse();
  for (let node = stack.pop(); node; node = stack.pop()) {
    order.push(node);
    stack.push(...[...(below.get(node.at) ?? [])].reverse());
  }
  return order;
}

/**
 * Where a time stands between 0 and 1, with long silences made short.
 * @param {Node[]} found
 */
export function timeline(found) {
  const busy = found
    .filter((node) => node.kind !== "run")
    .map((node) => /** @type {[number, number]} */ ([node.began, node.began + (node.took ?? 0)]))
    .sort((a, b) => a[0] - b[0]);
  /** @type {{from: number, to: number, at: number, size: number}[]} */
  const parts = [];
  let total = 0;
  let end = busy[0]?.[0] ?? 0;
  /** @param {number} from @param {number} to @param {number} size */
  const add = (from, to, size) => {
    if (to <= from) return;
    parts.push({ from, to, at: total, size });
    total += size;
  };
  for (const [from, to] of busy) {
    if (from > end) {
      add(end, from, Math.min(from - end, GAP));
      end = from;
    }
    add(end, to, to - end);
    end = Math.max(end, to);
  }
  total = Math.max(total, 1);
  return (/** @type {number} */ time) => {
    let low = 0;
    let high = parts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((parts[middle]?.from ?? 0) <= time) low = middle;
      else high = middle - 1;
    }
    const part = parts[low];
    if (!part || time <= part.from) return part ? part.at / total : 0;
    return (part.at + Math.min((time - part.from) / (part.to - part.from), 1) * part.size) / total;
  };
}

/** The tree, with what is folded away and what is chosen. */
export class Tree {
  /** @param {(node: Node) => void} chosen */
  constructor(chosen) {
    /** @type {Node[]} */
    this.all = [];
    /** @type {Set<number>} Events that begin nodes whose children are hidden. */
    this.folded = new Set();
    this.words = "";
    this.seq = 0;
    this.place = (/** @type {number} */ _) => 0;
    this.now = Date.now();
    /** @type {Table<Node>} */
    this.table = new Table({
      label: "What the session did",
      key: (node) => String(node.seq),
      height: 30,
      empty: "Nothing has been done yet.",
      select: (node) => {
        this.seq = node.seq;
        chosen(node);
      },
      columns: [
        { title: "step", show: (node) => this.name(node) },
        { title: "time", width: "22%", narrow: false, show: (node) => this.bar(node) },
        { title: "took", width: "82px", num: true, show: (node) => (node.took === null ? "…" : node.took ? lasting(node.took) : "") },
        { title: "tokens", width: "68px", num: true, narrow: false, show: (node) => (node.tokens ? count(node.tokens) : "") },
        { title: "cost", width: "90px", num: true, narrow: false, show: (node) => (node.cost ? usd(node.cost) : "") },
      ],
    });
    this.element = this.table.element;
    this.element.classList.add("tree");
    this.element.addEventListener("keydown", (event) => this.fold(event));
  }

  /** @param {Node[]} all */
  put(all) {
    this.all = all;
    this.now = Date.now();
    this.place = timeline(all);
    this.show();
  }

  /**
   * Show only what has these words, with what it stands below.
   * @param {string} words
   */
  search(words) {
    this.words = words.toLowerCase();
    this.show();
  }

  show() {
    let shown = this.all;
    if (this.words) {
      const kept = new Set();
      const at = new Map(this.all.map((node) => [node.at, node]));
      for (const node of this.all) {
        if (!`${node.name} ${node.text} ${node.status} ${node.kind}`.toLowerCase().includes(this.words)) continue;
        for (let one = /** @type {Node | undefined} */ (node); one && !kept.has(one); one = at.get(one.parent)) kept.add(one);
      }
      shown = this.all.filter((node) => kept.has(node));
    } else if (this.folded.size) {
      const hidden = new Set();
      shown = this.all.filter((node) => {
        const above = hidden.has(node.parent);
        if (above || this.folded.has(node.seq)) hidden.add(node.at);
        return !above;
      });
    }
    this.table.current = shown.findIndex((node) => node.seq === this.seq);
    this.table.put(shown);
  }

  /**
   * Choose the node of an event, and bring it into sight.
   * @param {number} seq
   */
  choose(seq) {
    const rows = this.table.rows;
    const found = rows.findIndex((node) => node.seq === seq);
    const near = found >= 0 ? found : rows.reduce((best, node, at) => (node.seq <= seq && node.seq > (rows[best]?.seq ?? -1) ? at : best), 0);
    const node = rows[near];
    if (!node) return;
    this.table.current = near;
    this.seq = node.seq;
    this.element.scrollTop = Math.max(0, near * this.table.height - this.element.clientHeight / 2);
    this.table.redraw();
    this.table.options.select?.(node);
  }

  /** @param {KeyboardEvent} event */
  fold(event) {
    const node = this.table.rows[this.table.current];
    if (!node || (event.key !== "ArrowLeft" && event.key !== "ArrowRight")) return;
    event.preventDefault();
    if (event.key === "ArrowLeft") this.folded.add(node.seq);
    else this.folded.delete(node.seq);
    this.show();
  }

  /** @param {Node} node */
  name(node) {
    const folded = this.folded.has(node.seq);
    return h("span", { class: `node ${node.mood === "bad" ? "bad" : node.above ? "leads" : ""}`, style: { "padding-left": `${node.depth * 16}px` } },
      node.children
        ? h("button", { class: "fold", type: "button", "aria-label": folded ? "Unfold" : "Fold", "aria-expanded": String(!folded), tabindex: -1, onclick: () => {
            if (folded) this.folded.delete(node.seq);
            else this.folded.add(node.seq);
            this.show();
          } }, folded ? "▸" : "▾")
        : h("span", { class: "fold" }),
      h("i", { class: `kind k-${node.kind}`, title: node.kind }),
      h("b", null, node.name), node.text ? h("span", { class: "muted" }, node.text) : null,
      (node.mood === "bad" || node.mood === "warn") && node.kind !== "guard" ? h("span", { class: "tag", "data-mood": node.mood }, (node.status || node.kind).replaceAll("_", " ")) : null);
  }

  /** @param {Node} node */
  bar(node) {
    const from = this.place(node.began) * 100;
    const to = this.place(node.began + (node.took ?? Math.max(this.now - node.began, 0))) * 100;
    const width = Math.max(to - from, 0.4);
    return s("svg", { class: "bar-line", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      s("rect", { class: node.mood === "bad" ? "k-flag" : `k-${node.kind}`, x: Math.min(from, 99.6), y: node.took === 0 ? 1 : 2, width: node.took === 0 ? 0.4 : width, height: node.took === 0 ? 8 : 6, rx: 0.6 }));
  }
}

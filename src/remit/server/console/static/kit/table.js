// Tables of any length: only the rows that are seen are in the page.

import { fill, h } from "./dom.js";

/**
 * @template T
 * @typedef {object} Column
 * @property {string} title
 * @property {(row: T) => import("./dom.js").Child} show
 * @property {string} [width] As in CSS.
 * @property {boolean} [num]
 * @property {boolean} [narrow] Whether it stays on a narrow screen.
 * @property {string} [order] What the list is asked for when it is sorted by this.
 */

/**
 * @template T
 * @typedef {object} Options
 * @property {string} label What the table is, for those who hear it.
 * @property {Column<T>[]} columns
 * @property {(row: T) => string} key
 * @property {(row: T) => string | null} [href] Where a row leads.
 * @property {(row: T) => void} [select]
 * @property {import("./dom.js").Child} [empty]
 * @property {(order: string) => void} [sort]
 * @property {() => void} [more] Asks for rows that follow; called when the end comes near.
 * @property {number} [height] Of a row, in pixels.
 */

const OVERSCAN = 12;

/** @template T */
export class Table {
  /** @param {Options<T>} options */
  constructor(options) {
    this.options = options;
    /** @type {T[]} */
    this.rows = [];
    this.height = options.height ?? 36;
    this.current = -1;
    this.first = -1;
    this.last = -1;
    this.body = h("tbody", null);
    this.heads = h("tr", null);
    this.table = h("table", { "aria-label": options.label }, h("thead", null, this.heads), this.body);
    this.none = h("div", { class: "empty", hidden: true }, options.empty ?? "Nothing here.");
    this.element = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": options.label, onscroll: () => this.draw(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.pressed(event) }, this.table, this.none);
    this.head("");
    new ResizeObserver(() => this.draw()).observe(this.element);
    addEventListener("scroll", () => this.draw(), { passive: true });
  }

  /**
   * Show by what it is sorted.
   * @param {string} order
   */
  head(order) {
    fill(this.heads, this.options.columns.map((column) => {
      const sort = column.order && this.options.sort ? column.order : null;
      return h("th", { scope: "col", class: this.dress(column), style: column.width ? { width: column.width } : null,
        "aria-sort": sort && sort === order ? "descending" : null },
        sort ? h("button", { type: "button", onclick: () => this.options.sort?.(sort) }, column.title, sort === order ? " ↓" : "") : column.title);
    }));
  }

  /** @param {Column<T>} column */
  dress(column) {
    return `${column.num ? "num " : ""}${column.narrow === false ? "narrow-hide" : ""}`;
  }

  /**
   * Show these rows instead.
   * @param {T[]} rows
   */
  put(rows) {
    // The row that is chosen stays chosen when others come before it.
    const row = this.rows[this.current];
    const key = row && this.options.key(row);
    if (key !== undefined) this.current = rows.findIndex((one) => this.options.key(one) === key);
    this.rows = rows;
    this.first = -1;
    this.none.hidden = rows.length > 0;
    this.table.hidden = rows.length === 0;
    this.draw();
  }

  /** Draw what is in sight, unless it is drawn already. */
  draw() {
    const own = this.element.scrollHeight > this.element.clientHeight + 1 && getComputedStyle(this.element).maxHeight !== "none";
    const top = own ? this.element.scrollTop : Math.max(0, -this.element.getBoundingClientRect().top);
    const room = own ? this.element.clientHeight : innerHeight;
    const first = Math.max(0, Math.floor(top / this.height) - OVERSCAN);
    const last = Math.min(this.rows.length, Math.ceil((top + Math.max(room, 400)) / this.height) + OVERSCAN);
    if (last >= this.rows.length - OVERSCAN) this.options.more?.();
    if (first === this.first && last === this.last) return;
    this.first = first;
    this.last = last;
    fill(this.body, this.space(first), this.rows.slice(first, last).map((row, at) => this.row(row, first + at)), this.space(this.rows.length - last));
  }

  /** Draw again what is in sight. */
  redraw() {
    this.first = -1;
    this.draw();
  }

  /** @param {number} rows */
  space(rows) {
    if (rows <= 0) return null;
    const cell = h("td", { colspan: this.options.columns.length, style: { height: `${rows * this.height}px` } });
    return h("tr", { class: "space", "aria-hidden": "true" }, cell);
  }

  /**
   * @param {T} row
   * @param {number} at
   */
  row(row, at) {
    const href = this.options.href?.(row) ?? null;
    const open = () => {
      this.current = at;
      this.options.select?.(row);
      if (href) location.assign(href);
      else this.redraw();
    };
    const element = h("tr", { "data-key": this.options.key(row), "data-open": href !== null || this.options.select !== undefined || null,
      "aria-selected": at === this.current ? "true" : null,
      onclick: (/** @type {MouseEvent} */ event) => {
        const on = event.target instanceof Element ? event.target.closest("a, button, input") : null;
        if (!on && !getSelection()?.toString()) open();
      } },
      this.options.columns.map((column) => h("td", { class: this.dress(column) }, column.show(row))));
    return element;
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    /** @type {Record<string, number>} */
    const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 10, PageUp: -10, End: this.rows.length, Home: -this.rows.length };
    const step = steps[event.key] ?? 0;
    if (step) {
      event.preventDefault();
      this.move(step);
    } else if (event.key === "Enter" && event.target === this.element) {
      const row = this.rows[this.current];
      const href = row && this.options.href?.(row);
      if (row) this.options.select?.(row);
      if (href) location.assign(href);
    }
  }

  /**
   * Go up or down.
   * @param {number} step
   */
  move(step) {
    if (!this.rows.length) return;
    this.current = Math.min(this.rows.length - 1, Math.max(0, this.current + step));
    const top = this.current * this.height;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    const low = top + 3 * this.height - this.element.clientHeight;
    if (low > this.element.scrollTop) this.element.scrollTop = low;
    const row = this.rows[this.current];
    if (row && !this.options.href) this.options.select?.(row);
    this.redraw();
  }
}

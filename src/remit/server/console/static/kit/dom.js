// Elements without markup: text is always text, so nothing that an agent wrote can become part of a page.

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */
/** @typedef {Record<string, unknown>} Attributes */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element. `on…` are listeners, `style` an object, `data-…` and `aria-…` as they are written; null leaves out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes | null} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  dress(element, attributes ?? {});
  append(element, children);
  return element;
}

/**
 * Make an element of a drawing.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes | null} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function s(tag, attributes, ...children) {
  const element = /** @type {SVGElementTagNameMap[T]} */ (document.createElementNS(SVG, tag));
  dress(element, attributes ?? {});
  append(element, children);
  return element;
}

/**
 * @param {HTMLElement | SVGElement} element
 * @param {Attributes} attributes
 */
function dress(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on") && typeof value === "function") {
      element.addEventListener(name.slice(2).toLowerCase(), /** @type {EventListener} */ (value));
    } else if (name === "style" && typeof value === "object") {
      // Set by script, which the policy of the site allows; an attribute in markup it would not.
      for (const [key, text] of Object.entries(value)) element.style.setProperty(key, String(text));
    } else if (name === "value" && element instanceof HTMLElement && "value" in element) {
      element.value = String(value);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

/**
 * @param {Node} parent
 * @param {Child[]} children
 */
function append(parent, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(parent, child);
    else parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** @param {Element} element */
function named(element) {
  const row = element.closest("[data-key]")?.getAttribute("data-key") ?? "";
  return [row, element.getAttribute("href") ?? "", element.getAttribute("aria-label") ?? "", element.textContent].join(" ");
}

/**
 * Put these in place of all that an element has. Who had the focus on something that is there again keeps it.
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  const active = document.activeElement;
  const held = active instanceof HTMLElement && active !== element && element.contains(active) ? active : null;
  const name = held ? named(held) : "";
  element.replaceChildren();
  append(element, children);
  if (!held) return;
  for (const one of element.querySelectorAll(held.tagName)) {
    if (one instanceof HTMLElement && named(one) === name) return one.focus({ preventScroll: true });
  }
}

/**
 * Find an element that there must be.
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} kind
 * @param {ParentNode} [within]
 * @returns {T}
 */
export function the(selector, kind, within = document) {
  const found = within.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`no ${selector} on this page`);
  return found;
}

// Questions to who looks, before something is done that cannot be taken back.

import { h } from "./dom.js";

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {import("./dom.js").Child} [body]
 * @property {string} act What the button says.
 * @property {boolean} [danger]
 * @property {string} [reason] The label of a field for a reason; without it none is asked for.
 * @property {boolean} [needed] Whether there must be a reason.
 * @property {boolean} [only] Whether there is nothing to decline.
 */

/**
 * Ask; give the reason, which may be empty, or null when they would rather not.
 * @param {Question} question
 * @returns {Promise<string | null>}
 */
export function confirmed(question) {
  const reason = question.reason ? h("textarea", { rows: 2, name: "reason", required: question.needed ?? false }) : null;
  return asked(question, reason ? h("label", { class: "field" }, h("span", null, question.reason), reason) : null, () =>
    reason ? reason.value.trim() : "",
  );
}

/**
 * Ask with a form of one's own; give what `read` makes of it, or null. What `read` throws is shown, and asked again.
 * @template T
 * @param {Question} question
 * @param {import("./dom.js").Child} fields
 * @param {() => T} read
 * @returns {Promise<T | null>}
 */
export function asked(question, fields, read) {
  return new Promise((resolve) => {
    /** @type {T | null} */
    let answer = null;
    const wrong = h("p", { class: "bad", role: "alert", hidden: true });
    const dialog = h(
      "dialog",
      { "aria-label": question.title },
      h(
        "form",
        {
          onsubmit: (/** @type {SubmitEvent} */ event) => {
            event.preventDefault();
            try {
              answer = read();
            } catch (error) {
              wrong.textContent = error instanceof Error ? error.message : String(error);
              wrong.hidden = false;
              return;
            }
            dialog.close();
          },
        },
        h("h2", null, question.title),
        question.body ?? null,
        fields,
        wrong,
        h(
          "footer",
          null,
          question.only ? null : h("button", { type: "button", onclick: () => dialog.close() }, "Not now"),
          h("button", { class: question.danger ? "main danger" : "main" }, question.act),
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// What every page has: the theme, the keys, and how many decisions wait.

import { get } from "./api.js";
import { the } from "./dom.js";
import "./keys.js";
import { changes } from "./live.js";
import { may } from "./page.js";

const root = document.documentElement;

the("#theme", HTMLElement).addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // Then it lasts as long as the page.
  }
});

const badge = the("#waiting", HTMLElement);
let asked = false;
let again = false;

async function recount() {
  if (!may("look")) return;
  // Not at every change, but always after the last one.
  if (asked) return void (again = true);
  asked = true;
  again = false;
  try {
    const { approvals, questions, doubts } = await get("/v1/overview");
    const waiting = approvals + questions + doubts;
    badge.hidden = !waiting;
    badge.textContent = String(waiting);
    badge.setAttribute("aria-label", `${waiting} wait for a person`);
  } catch {
    // It is told again with the next change.
  } finally {
    setTimeout(() => {
      asked = false;
      if (again) void recount();
    }, 1000);
  }
}

changes(() => void recount());
void recount();

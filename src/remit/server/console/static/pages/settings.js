// Who looks, and for administrators: keys, who is known, the audit log, and how this server is come into.

import "../kit/frame.js";
import { get, post, remove } from "../kit/api.js";
import { asked, confirmed } from "../kit/dialog.js";
import { fill, h } from "../kit/dom.js";
import { count, moment, when } from "../kit/format.js";
import { given, main, me } from "../kit/page.js";
import { toast, trying } from "../kit/toast.js";

/** @typedef {{id: string, name: string, role: string, state: "valid" | "ending" | "rotated" | "revoked" | "expired", made: number, by: string, expires: number | null, ends: number | null, used: number | null, heir: string}} Key */
/** @typedef {{name: string, role: string, how: string[], keys: number, seen: number | null}} Known */
/** @typedef {{seq: number, at: number, allowed: boolean, what: string, name: string, role: string, how: string, key: string, method: string, path: string, peer: string, times: number}} Line */
/** @typedef {{host: string, schemes: string[], issuers: string[], own_approvals: boolean, idle_minutes: number, login_hours: number}} Facts */
/** @type {{version: string, key: string, expires: number | null, roles: {role: string, may: string[]}[], administered: null | {keys: Key[], people: Known[], log: {lines: Line[], next: number | null}, facts: Facts, tenants: number}}} */
const data = given();

const HOW = { key: "an API key", cookie: "a key pasted here", token: "a token of your identity provider", local: "being on this machine" };
const SCHEMES = { key: "API keys", cookie: "keys pasted at /login", token: "tokens of an identity provider (OIDC)", local: "being on this machine: no key is needed" };
const MAY = { look: "see", decide: "decide", stop: "stop and switch off", work: "give work to agents", administer: "change who comes in" };

/**
 * @param {Record<string, string>} names
 * @param {string} name
 */
function named(names, name) {
  return names[name] ?? name;
}

/** @param {[string, import("../kit/dom.js").Child][]} facts */
function list(facts) {
  return h("dl", { class: "facts" }, facts.filter(([, value]) => value !== "" && value !== null).map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));
}

/**
 * @param {string} title
 * @param {...import("../kit/dom.js").Child} more
 */
function panel(title, ...more) {
  return h("section", { class: "panel", "aria-label": title }, h("header", null, h("h2", null, title), more));
}

/** @param {string[]} titles */
function heads(titles) {
  return h("thead", null, h("tr", null, titles.map((title) => h("th", { scope: "col" }, title))));
}

main.append(h("div", { class: "head" }, h("h1", null, "Settings")));

const you = panel("You");
you.append(h("div", { class: "body" }, list([
  ["name", me.name], ["tenant", me.tenant], ["role", me.role], ["may", me.may.map((one) => named(MAY, one)).join(", ")],
  ["known by", named(HOW, me.how)], ["key", data.key ? h("span", { class: "mono" }, data.key) : ""],
  ["key ends", data.expires ? when(data.expires) : ""],
])));

if (!data.administered) {
  main.append(you, h("p", { class: "muted" }, "Keys, people and the audit log are for admins."));
} else {
  administer(data.administered);
}

/** @param {NonNullable<typeof data.administered>} all */
function administer(all) {
  const keys = h("div", { class: "wide" });
  const people = h("div", { class: "wide" });
  const log = h("div", { class: "wide" });
  const older = h("footer", { class: "body" });

  const server = panel("This server");
  server.append(h("div", { class: "body" }, list([
    ["version", data.version], ["listens at", all.facts.host], ["people come in by", all.facts.schemes.map((one) => named(SCHEMES, one)).join("; ")],
    ["identity providers", all.facts.issuers.join(", ")], ["own approvals", all.facts.own_approvals ? "people may approve what they asked for" : "nobody approves what they asked for"],
    ["a login lasts", all.facts.login_hours ? `${count(all.facts.login_hours)} h, and ${count(all.facts.idle_minutes)} min without a request` : ""],
    ["tenants", count(all.tenants)],
  ])), h("table", { class: "plain", "aria-label": "What roles may" }, heads(["role", "may"]),
    h("tbody", null, data.roles.map((one) => h("tr", null, h("td", null, one.role), h("td", null, one.may.map((what) => named(MAY, what)).join(", ")))))));

  const keyPanel = panel("Keys", h("button", { type: "button", class: "main", onclick: () => void make() }, "New key"));
  keyPanel.append(keys);
  const peoplePanel = panel("Who is known");
  peoplePanel.append(people);

  const name = h("select", { "aria-label": "Who" });
  const what = h("input", { type: "search", placeholder: "what, path or address", "aria-label": "Find in the log" });
  const refused = h("input", { type: "checkbox", id: "refused" });
  const logPanel = panel("Audit log", what, name, h("label", { for: "refused" }, refused, " refused only"));
  logPanel.append(log, older);
  main.append(h("div", { class: "grid" }, you, server), keyPanel, peoplePanel, logPanel);

  let late = 0;
  what.addEventListener("input", () => {
    clearTimeout(late);
    late = setTimeout(() => void search(), 250);
  });
  name.addEventListener("change", () => void search());
  refused.addEventListener("change", () => void search());

  function drawKeys() {
    fill(keys, all.keys.length
      ? h("table", { class: "plain" }, heads(["key", "name", "role", "state", "last used", "acts"]), h("tbody", null, all.keys.map(keyRow)))
      : h("div", { class: "empty" }, "No keys yet. A key lets a person or a program in from elsewhere; it is shown once, when it is made."));
  }

  /** @param {Key} key */
  function keyRow(key) {
    const good = key.state === "valid" || key.state === "ending";
    const until = key.ends ?? key.expires;
    const state = [h("span", { class: "tag", "data-mood": key.state === "valid" ? "good" : key.state === "ending" ? "warn" : "plain" }, key.state),
      good && until ? [" ", h("small", null, "ends ", when(until))] : good ? [" ", h("small", null, "for ever")] : null];
    return h("tr", null, h("td", { class: "mono", title: `made ${moment(key.made)} by ${key.by}` }, key.id, key.id === data.key ? h("small", null, " yours") : null),
      h("td", null, key.name), h("td", null, key.role), h("td", null, state), h("td", null, key.used ? when(key.used) : "never"),
      h("td", null, h("div", { class: "acts" }, key.state === "valid" ? h("button", { type: "button", "aria-label": `Rotate ${key.id}`, onclick: () => void rotate(key) }, "Rotate") : null,
        good ? h("button", { type: "button", class: "danger", "aria-label": `Revoke ${key.id}`, onclick: () => void revoke(key) }, "Revoke") : null)));
  }

  async function make() {
    const named = h("input", { name: "name", required: true, maxlength: 100, autocomplete: "off" });
    const role = h("select", { name: "role" }, data.roles.map((one) => h("option", { value: one.role }, `${one.role} – may ${one.may.join(", ")}`)));
    const days = h("select", { name: "days" }, [["90", "90 days"], ["1", "a day"], ["30", "30 days"], ["365", "a year"], ["", "for ever"]].map(([value, text]) => h("option", { value }, text)));
    const field = (/** @type {string} */ label, /** @type {HTMLElement} */ control) => h("label", { class: "field" }, h("span", null, label), control);
    const wish = await asked({ title: "New key", act: "Make it", body: h("p", { class: "muted" }, "Whoever has it acts in this tenant, and what they do is signed with its name.") },
      [field("Name of the person or program", named), field("Role", role), field("Good for", days)],
      () => ({ name: named.value.trim(), role: role.value, days: days.value ? Number(days.value) : null }));
    if (wish) await made(() => post("/v1/keys", wish));
  }

  /** @param {Key} key */
  async function rotate(key) {
    const hours = h("select", { name: "hours" }, [["24", "24 hours"], ["0", "not at all"], ["1", "an hour"], ["168", "a week"]].map(([value, text]) => h("option", { value }, text)));
    const wish = await asked({ title: `Rotate ${key.id} of ${key.name}?`, act: "Rotate", body: h("p", { class: "muted" }, "A new key takes its place.") },
      h("label", { class: "field" }, h("span", null, "The old one stays good for"), hours), () => ({ grace_hours: Number(hours.value) }));
    if (wish) await made(() => post(`/v1/keys/${encodeURIComponent(key.id)}/rotate`, wish));
  }

  /** @param {Key} key */
  async function revoke(key) {
    const own = key.id === data.key ? " It is the one you are here with: you will have to sign in with another." : "";
    const sure = await confirmed({ title: `Revoke ${key.id} of ${key.name}?`, act: "Revoke", danger: true, body: h("p", null, `It ends at once, with every login made with it.${own}`) });
    if (sure !== null && (await trying(() => remove(`/v1/keys/${encodeURIComponent(key.id)}`), "revoked"))) await again();
  }

  /** @param {() => Promise<{key: Key, secret: string}>} act */
  async function made(act) {
    /** @type {{key: Key, secret: string} | null} */
    let answer = null;
    if (!(await trying(async () => (answer = await act()))) || !answer) return;
    const { key, secret } = /** @type {{key: Key, secret: string}} */ (answer);
    const text = h("input", { readonly: true, class: "mono secret", "aria-label": "The key", value: secret, onfocus: () => text.select() });
    const copy = h("button", { type: "button", onclick: async () => {
      text.select();
      try {
        await navigator.clipboard.writeText(secret);
        toast("copied", "good");
      } catch {
        // A site that is not encrypted may not; it is selected, to be copied by hand.
        toast("press Ctrl+C to copy it");
      }
    } }, "Copy");
    await asked({ title: `Key of ${key.name}`, act: "I have kept it", only: true, body: h("p", null, h("b", null, "It is shown only now."), " Nobody can read it again, not even here.") }, h("div", { class: "once" }, text, copy), () => true);
    text.value = "";
    await again();
  }

  function drawPeople() {
    fill(people, all.people.length
      ? h("table", { class: "plain" }, heads(["name", "role", "known by", "keys", "last seen"]), h("tbody", null, all.people.map((one) => h("tr", null, h("td", null, one.name), h("td", null, one.role), h("td", null, one.how.join(", ")), h("td", null, one.keys ? count(one.keys) : ""), h("td", null, one.seen ? when(one.seen) : "never")))))
      : h("div", { class: "empty" }, "Nobody yet: people are known by their keys and by what they did."));
    const chosen = name.value;
    fill(name, h("option", { value: "" }, "everybody"), all.people.map((one) => h("option", { value: one.name }, one.name)));
    name.value = chosen;
  }

  function drawLog() {
    fill(log, all.log.lines.length
      ? h("table", { class: "plain" }, heads(["when", "who", "what", "request", "from"]), h("tbody", null, all.log.lines.map(line)))
      : h("div", { class: "empty" }, "Nothing fits. What is refused, and every decision, stop and change of access, is written down here for good."));
    fill(older, all.log.next !== null ? h("button", { type: "button", onclick: () => void more() }, "Older") : null);
    older.hidden = all.log.next === null;
  }

  /** @param {Line} one */
  function line(one) {
    return h("tr", null, h("td", null, when(one.at)), h("td", null, one.name || "nobody known", one.role ? h("small", null, ` ${one.role}`) : null),
      h("td", null, one.allowed ? one.what : h("span", { class: "bad" }, `refused: ${one.what}`), one.times > 1 ? h("small", null, ` × ${count(one.times)}`) : null),
      h("td", { class: "mono" }, `${one.method} ${one.path}`), h("td", { class: "mono" }, one.peer));
  }

  const wanted = (/** @type {number} */ before) => ({ name: name.value, what: what.value.trim(), refused: refused.checked ? "true" : "", before: before || "" });

  async function search() {
    await trying(async () => (all.log = await get("/v1/audit", wanted(0))));
    drawLog();
  }

  async function more() {
    await trying(async () => {
      const page = await get("/v1/audit", wanted(all.log.next ?? 0));
      all.log = { lines: [...all.log.lines, ...page.lines], next: page.next };
    });
    drawLog();
  }

  async function again() {
    await trying(async () => {
      [{ keys: all.keys }, { people: all.people }, all.log] = await Promise.all([get("/v1/keys"), get("/v1/people"), get("/v1/audit", wanted(0))]);
    });
    drawKeys();
    drawPeople();
    drawLog();
  }

  drawKeys();
  drawPeople();
  drawLog();
}

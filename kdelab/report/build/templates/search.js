// Finds the sections of all pages in which every word that is asked for occurs. They stand in this page, as JSON.
"use strict";

const MOST = 60; // results shown
const [field, list, told] = ["asked", "found", "told"].map((id) => document.getElementById(id));

// Lower case without accents; as long as the text itself, so that places in one are places in the other.
const fold = (text) => Array.from(text.normalize("NFC"), (c) => c.normalize("NFD")[0].toLowerCase()[0]).join("");

const sections = JSON.parse(document.getElementById("sections").textContent).map(
  ([href, kind, page, heading, text]) => ({
    href, kind, page, heading, text: text.normalize("NFC"),
    folded: { page: fold(page), heading: fold(heading), text: fold(text) },
  }));

// How well a section answers one word: a heading counts most, most of all one that begins with it. 0: not at all.
function points({ folded }, word) {
  const starts = folded.heading.split(/[^\p{L}\p{N}_]+/u).some((part) => part.startsWith(word));
  const often = Math.min(folded.text.split(word).length - 1, 5);
  return (starts ? 12 : folded.heading.includes(word) ? 6 : 0) + (folded.page.includes(word) ? 3 : 0) + often;
}

function answers(words) {
  const scored = sections.map((section) => {
    const each = words.map((word) => points(section, word));
    return { section, score: each.includes(0) ? 0 : each.reduce((a, b) => a + b, 0) };
  });
  return scored.filter(({ score }) => score > 0).sort((a, b) => b.score - a.score).map(({ section }) => section);
}

// The next place where a word begins so, at or after another; -1 for none.
function begins(text, word, from) {
  let place = text.indexOf(word, from);
  while (place > 0 && /[\p{L}\p{N}]/u.test(text[place - 1])) place = text.indexOf(word, place + 1);
  return place;
}

// The text around the first word that occurs, with all words marked.
function snippet({ text, folded }, words) {
  const places = words.map((word) => begins(folded.text, word, 0)).filter((place) => place >= 0);
  const from = Math.max(0, (places.length ? Math.min(...places) : 0) - 60), to = from + 220;
  const shown = document.createElement("p");
  shown.append(from > 0 ? "… " : "");
  for (let at = from; at < Math.min(to, text.length);) {
    const next = words.map((word) => [begins(folded.text, word, at), word]).filter(([place]) => place >= 0 && place < to);
    const [place, word] = next.sort((a, b) => a[0] - b[0])[0] ?? [Math.min(to, text.length), ""];
    const mark = document.createElement("mark");
    mark.textContent = text.slice(place, place + word.length);
    shown.append(text.slice(at, place), ...(word ? [mark] : []));
    at = place + word.length;
  }
  shown.append(to < text.length ? " …" : "");
  return shown;
}

function entry(section, words) {
  const item = document.createElement("li"), link = document.createElement("a"), where = document.createElement("span");
  link.href = section.href;
  link.textContent = section.heading;
  where.className = "where";
  where.textContent = section.heading === section.page ? section.kind : `${section.kind} · ${section.page}`;
  item.append(link, " ", where, snippet(section, words));
  return item;
}

function answer() {
  const words = fold(field.value).split(/\s+/).filter(Boolean);
  const found = words.length ? answers(words) : [];
  list.replaceChildren(...found.slice(0, MOST).map((section) => entry(section, words)));
  const shown = found.length > MOST ? `, the best ${MOST} shown` : "";
  const hint = found.length ? "" : ": is it spelt so? Fewer words find more";
  told.textContent = words.length ? `${found.length || "No"} ${found.length === 1 ? "place" : "places"} found${shown}${hint}` : "";
  const address = new URL(location.href);
  address.search = words.length ? new URLSearchParams({ q: field.value }) : "";
  history.replaceState(null, "", address);
}

let waiting;
field.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(answer, 150); });
field.value = new URLSearchParams(location.search).get("q") ?? "";
answer();
field.focus();

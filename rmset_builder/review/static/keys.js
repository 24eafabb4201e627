// Letters as keys, wherever the focus is but in a field for text.
import { isOpen, keysAreOn } from "./dialogs.js";
import { stopOf } from "./dom.js";

export const KEYS = [
  ["M", "merge the identities that are picked"],
  ["S", "split off the tracks that are picked: they are another person"],
  ["D", "drop the identity that is picked"],
  ["X", "exchange two identities from a frame on"],
  ["R", "right as it is: the identities that are picked, or the finding with the focus"],
  ["Z", "undo the last correction"],
  ["L", "list corrections, to undo any"],
  ["H", "hide what is right, or show it again"],
  ["J, K", "to the next or last finding or identity"],
  ["W", "to the wall of faces"],
  ["Escape", "pick nothing"],
  ["Arrows, Home, End", "from face to face; with Shift picking them"],
  ["Space, Enter", "pick a face, or no more"],
  ["Ctrl + A", "pick all faces of a list"],
  ["?", "this list"],
];

const NAMES = {
  m: "merge", s: "split", d: "drop", x: "swap", r: "right", z: "undo", l: "list", h: "hide", w: "wall",
  j: "next", k: "last", "?": "help", Escape: "clear",
};

export const listen = (does) => {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isOpen()) return;
    if (event.target.matches("input, textarea, select") && event.key !== "Escape") return;
    const name = NAMES[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!name || !does[name] || (event.key.length === 1 && event.key !== "?" && !keysAreOn())) return;
    event.preventDefault();
    does[name]();
  });
};

// From block to block: findings, then identities; those that are hidden are passed over.
export const step = (main, by) => {
  const blocks = [...main.querySelectorAll(".doubt, .person")].filter((one) => one.getClientRects().length);
  const now = blocks.findIndex((one) => one.contains(document.activeElement));
  const next = now < 0 ? blocks[by > 0 ? 0 : blocks.length - 1] : blocks[now + by];
  stopOf(next)?.focus();
  next?.scrollIntoView({ block: "nearest" });
};

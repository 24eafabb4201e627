// Corrections as clicks and keys on the report's pages.
import { correct, get } from "./api.js";
import { askFrame, say, showBar, showHidden, working } from "./bar.js";
import { showCorrections, showKeys } from "./dialogs.js";
import { counted, listed } from "./dom.js";
import { done, findings } from "./findings.js";
import { KEYS, listen, step } from "./keys.js";
import { people, present, replace } from "./page.js";
import { selection } from "./selection.js";
import { begin, hide, hides, isSettled, settle } from "./settled.js";
import { strips } from "./strips.js";
import { wallOf } from "./wall.js";

const main = document.getElementById("main");
const { video } = main.dataset;
let shown = null; // the identities of the video that is shown
let leave = () => {};

const asOf = () => Number(main.dataset.asOf);
const sorted = (numbers) => [...numbers].sort((a, b) => a - b);

// What a correction did, in words.
const outcome = (told) => {
  const moved = Object.entries(told.renumbered).map(([old, now]) => `${old} is ${now} now`);
  const more = moved.length > 6 ? [...moved.slice(0, 6), `${moved.length - 6} more have other numbers`] : moved;
  return [`${told.words}; ${counted(told.identities, "identity", "identities")} now`, ...more, ...told.remarks].join("; ");
};

const ask = async (asked, then) => {
  const words = asked.kind === "undo" ? "undo" : `${asked.kind} of ${listed(asked.identities ?? [asked.identity])}`;
  const told = await working(words, () => correct(asked));
  if (told) await then(told);
};

const correctHere = (asked) =>
  ask({ ...asked, video, as_of: asOf() }, async (told) => {
    selection.done(asked);
    await refresh(outcome(told));
  });

const undo = (number) =>
  ask({ kind: "undo", ...(video && { video }), ...(number && { number }) }, async (told) => {
    if (video) await refresh(outcome(told));
    else say(outcome(told));
  });

const showSettled = () => {
  for (const one of main.querySelectorAll(".person[data-key], .wall [data-key]")) {
    one.toggleAttribute("data-settled", isSettled(video, one.dataset.key));
  }
};

const right = () => {
  const article = document.activeElement.closest(".doubt");
  if (article) {
    article.querySelector(".right")?.click();
    return;
  }
  const picked = shown?.identities.filter((one) => selection.identities.has(one.identity)) ?? [];
  if (!picked.length) {
    say("Pick who is right as they are.");
    return;
  }
  const wanted = !picked.every((one) => isSettled(video, one.key));
  for (const one of picked) settle(video, one.key, wanted);
  selection.clear();
  showSettled();
  say(`${listed(picked.map((one) => one.identity))}: ${wanted ? "right as it is" : "to be looked at again"}`);
};

const does = {
  merge() {
    if (selection.identities.size > 1) correctHere({ kind: "merge", identities: sorted(selection.identities) });
    else say("Pick two identities or more that are one person.");
  },
  split() {
    const { owner, tracks } = selection;
    if (tracks.size) correctHere({ kind: "split", identity: owner, tracks: sorted(tracks) });
    else say("Pick the faces of an identity that are another person.");
  },
  drop() {
    const [identity] = selection.identities;
    if (selection.identities.size === 1) correctHere({ kind: "drop", identity });
    else say("Pick one identity to be left out.");
  },
  swap() {
    const first = selection.frame;
    if (selection.identities.size !== 2) say("Pick two identities to be exchanged.");
    else if (first === null) {
      say("From which frame on? Pick a face of it, or write its number.");
      askFrame();
    } else correctHere({ kind: "swap", identities: sorted(selection.identities), first });
  },
  right,
  undo: () => undo(),
  list: () => working("corrections", async () => {
    await showCorrections(video, undo);
    say("");
  }),
  hide() {
    hide(!hides());
    showHidden(hides());
    say(hides() ? "What is right is hidden." : "All is shown.");
  },
  help: () => showKeys(KEYS),
  clear: () => selection.clear(),
  next: () => step(main, 1),
  last: () => step(main, -1),
  wall: () => main.querySelector(".wall [tabindex='0']")?.focus(),
};

const mend = (asked, article) =>
  ask(asked, async (told) => {
    if (video) {
      await refresh(outcome(told));
    } else {
      done(article, `${asked.video}: ${outcome(told)}`, () => undo(told.number));
      say(outcome(told));
    }
  });

const decorate = (found) => {
  leave();
  findings(main, { mend, told: say });
  if (!found) return;
  selection.renumber(shown?.identities ?? [], found.identities);
  shown = found;
  const leaveStrips = strips(main, found);
  const wall = wallOf(found);
  main.querySelector(".figures")?.after(wall.section);
  leave = () => {
    leaveStrips();
    wall.leave();
  };
  selection.changed();
  showSettled();
};

// At one go, so that nothing is ever asked for with numbers of before and after.
const refresh = (words) =>
  working("the page is brought up to date", async () => {
    const { fresh, found } = await present(main);
    const restore = replace(main, fresh);
    decorate(found);
    restore();
    say(words);
  });

const look = async () => {
  if (!video || document.hidden) return;
  const now = await people(main).catch(() => null);
  if (now && shown && now.version !== shown.version) await refresh("It was corrected elsewhere; this is the present state.");
};

showBar(does, video);
hide(hides());
showHidden(hides());
listen(does);
await working("looking", async () => {
  begin((await get("/api/state")).folder);
  const found = video && (await people(main));
  if (found && found.version !== main.dataset.version) await refresh("");
  else decorate(found);
  say("");
});
document.addEventListener("visibilitychange", look);
document.body.dataset.ready = "yes";

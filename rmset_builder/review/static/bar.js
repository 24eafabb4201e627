// The bar at the foot of the window: what is picked, what can be done with it, and what was done.
import { button, counted, element, listed } from "./dom.js";
import { selection } from "./selection.js";

let waiting = 0;

const said = element("p", { class: "said", role: "status", "aria-live": "polite" });
const picked = element("p", { class: "picked" });
const actions = element("div", { class: "actions", role: "group", "aria-label": "Corrections" });
const frame = element("input", { type: "number", min: 0, inputmode: "numeric", id: "from-frame", class: "frame" });
const bar = element("aside", { class: "bar", "aria-label": "Corrections" }, said, picked, actions);

export const say = (words, fault = false) => {
  said.classList.toggle("fault", fault);
  said.textContent = words;
};

// Shows that something is at work while a promise is not kept, and what went wrong if it is not.
export const working = async (words, doing) => {
  waiting += 1;
  bar.setAttribute("aria-busy", "true");
  say(`${words} …`);
  try {
    return await doing();
  } catch (error) {
    say(error.message, true);
    return undefined;
  } finally {
    waiting -= 1;
    if (!waiting) bar.removeAttribute("aria-busy");
  }
};

frame.addEventListener("input", () => {
  selection.frame = frame.value === "" ? null : Number(frame.value);
});

export const askFrame = () => frame.focus();

const tracksOf = ({ tracks }) => {
  if (tracks.size > 5) return counted(tracks.size, "track");
  return `${tracks.size > 1 ? "tracks" : "track"} ${listed([...tracks].sort((a, b) => a - b))}`;
};

const told = () => {
  const words = [];
  if (selection.identities.size) {
    const many = selection.identities.size > 1 ? "Identities" : "Identity";
    words.push(`${many} ${listed([...selection.identities].sort((a, b) => a - b))}`);
  }
  if (selection.tracks.size) words.push(`${tracksOf(selection)} of identity ${selection.owner}`);
  return words.length ? `Picked: ${words.join("; ")}` : "Nothing is picked: click faces, or draw a frame around them.";
};

// `does` has a function for each action; buttons stand where there is a video to correct.
export const showBar = (does, video) => {
  const made = (name, words, key) =>
    button(words, does[name], { "aria-keyshortcuts": key.toLowerCase(), "data-action": name });
  const buttons = video
    ? {
        merge: made("merge", "Merge", "M"),
        split: made("split", "Split off", "S"),
        drop: made("drop", "Drop", "D"),
        swap: made("swap", "Exchange", "X"),
        right: made("right", "Right as it is", "R"),
        clear: made("clear", "Pick nothing", "Escape"),
      }
    : {};
  const from = element("span", { class: "from" }, element("label", { for: "from-frame" }, "from frame"), frame);
  actions.append(...Object.values(buttons));
  buttons.swap?.after(from);
  actions.append(
    made("undo", "Undo", "Z"),
    made("list", "Corrections", "L"),
    made("hide", "Hide what is right", "H"),
    made("help", "Keys", "?"),
  );
  document.body.append(bar);
  const refresh = () => {
    picked.textContent = video ? told() : "";
    const { identities, tracks } = selection;
    const can = {
      merge: identities.size > 1,
      split: tracks.size > 0,
      drop: identities.size === 1,
      swap: identities.size === 2,
      right: identities.size > 0,
      clear: identities.size + tracks.size > 0,
    };
    for (const [name, one] of Object.entries(buttons)) one.disabled = !can[name];
    frame.disabled = !can.swap;
    from.hidden = !can.swap;
    frame.value = selection.frame ?? "";
  };
  selection.addEventListener("change", refresh);
  refresh();
};

export const showHidden = (hidden) => {
  bar.querySelector("[data-action=hide]").setAttribute("aria-pressed", String(hidden));
};

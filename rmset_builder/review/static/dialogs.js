// Two windows: the list of corrections, and the list of keys.
import { get } from "./api.js";
import { button, element } from "./dom.js";

const OFF = "rmset-review keys";

const open = (title, ...content) => {
  const heading = element("h2", { id: "dialog", tabindex: "-1", autofocus: true }, title);
  const close = button("Close", () => dialog.close());
  const dialog = element("dialog", { "aria-labelledby": "dialog" }, heading, ...content, close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
};

export const isOpen = () => document.querySelector("dialog[open]") !== null;

export const showCorrections = async (video, undo) => {
  const { corrections } = await get(`/api/corrections${video ? `?video=${video}` : ""}`);
  const items = corrections.reverse().map((one) => {
    const words = `${one.number}. ${video ? "" : `${one.video}: `}${one.words}${one.why ? ` (${one.why})` : ""}`;
    if (!one.counts) return element("li", { class: "aside" }, `${words}, undone`);
    const back = button("Undo", () => {
      dialog.close();
      undo(one.number);
    }, { "aria-label": `Undo ${words}` });
    return element("li", {}, `${words} `, back);
  });
  const list = items.length
    ? element("ul", { class: "corrections" }, ...items)
    : element("p", {}, "Nothing was corrected.");
  const dialog = open(video ? `Corrections of ${video}` : "Corrections", list);
};

export const keysAreOn = () => localStorage.getItem(OFF) !== "off";

export const showKeys = (keys) => {
  const rows = keys.map(([key, words]) =>
    element("tr", {}, element("th", { scope: "row" }, element("kbd", {}, key)), element("td", {}, words)),
  );
  const on = element("input", { type: "checkbox", id: "keys-on" });
  on.checked = keysAreOn();
  on.addEventListener("change", () => localStorage.setItem(OFF, on.checked ? "on" : "off"));
  open(
    "Keys",
    element("table", { class: "keys" }, element("tbody", {}, ...rows)),
    element("p", {}, on, " ", element("label", { for: "keys-on" }, "Single letters are keys")),
  );
};

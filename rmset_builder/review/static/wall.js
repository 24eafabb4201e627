// All identities of a video in a wall of faces, those who look alike side by side.
import { counted, element } from "./dom.js";
import { Picking } from "./picking.js";
import { selection } from "./selection.js";

export const wallOf = (people) => {
  const byNumber = new Map(people.identities.map((one) => [one.identity, one]));
  const list = element("div", { class: "wall" });
  for (const number of people.order) {
    const one = byNumber.get(number);
    const words = `identity ${number}, ${counted(one.faces, "face")}, ${counted(one.tracks, "track")}`;
    const face = element("img", { src: `/faces/${people.video}/${people.version}/${one.row}.jpg`, alt: "", loading: "lazy" });
    const dot = document.querySelector(`.person[data-identity="${number}"] .dot`)?.cloneNode(true) ?? "";
    list.append(
      element(
        "span",
        { role: "option", tabindex: "-1", "aria-selected": "false", "aria-label": words, title: words, "data-identity": number, "data-key": one.key },
        face,
        element("span", { class: "number" }, dot, ` ${number}`),
      ),
    );
  }
  const numbers = (options) => options.map((one) => Number(one.dataset.identity));
  const picking = new Picking(list, "Identities", (options, wanted) => selection.people(numbers(options), wanted));
  const show = () => {
    for (const one of list.children) {
      one.setAttribute("aria-selected", String(selection.identities.has(Number(one.dataset.identity))));
    }
  };
  selection.addEventListener("change", show);
  const section = element(
    "section",
    { class: "everybody", "aria-labelledby": "everybody" },
    element("h2", { id: "everybody" }, "Everybody, those who look alike side by side"),
    element("p", { class: "aside" }, "Pick those who are one person and merge them. Keys: press ?"),
    list,
  );
  return { section, picking, leave: () => selection.removeEventListener("change", show) };
};

// The faces of each identity: they are picked by track, since a track is what another person is made of.
import { get } from "./api.js";
import { say, working } from "./bar.js";
import { button, counted, element } from "./dom.js";
import { Picking } from "./picking.js";
import { selection } from "./selection.js";

const option = (face, track, frame, words) =>
  element(
    "span",
    { role: "option", tabindex: "-1", "aria-selected": "false", "aria-label": words, title: words, "data-track": track, "data-frame": frame },
    face,
  );

// The first face of each track has its number.
const numbered = (list) => {
  let last = null;
  for (const place of list.children) {
    const { track } = place.dataset;
    if (track !== last) place.append(element("span", { class: "track" }, track));
    last = track;
  }
};

const pickable = (list, identity) => {
  const picked = (options, wanted) => {
    const tracks = options.map((one) => Number(one.dataset.track));
    const frames = options.map((one) => Number(one.dataset.frame));
    selection.faces(identity, tracks, wanted, Math.min(...frames));
  };
  return new Picking(list, `Faces of identity ${identity}, picked by track`, picked);
};

const words = (track, frame) => `track ${track}, frame ${frame}`;

const allTracks = async (people, identity, list) => {
  const found = await get(`/api/videos/${people.video}/identities/${identity}`);
  if (found.version !== people.version) throw new Error("the video was corrected since: load the page again");
  const options = found.tracks.flatMap(({ track, faces, shown }) =>
    shown.map(([row, frame]) => {
      const face = element("img", {
        class: "alone",
        src: `/faces/${people.video}/${people.version}/${row}.jpg`,
        alt: "",
        loading: "lazy",
      });
      return option(face, track, frame, `${words(track, frame)}, of ${counted(faces, "face")}`);
    }),
  );
  list.replaceChildren(...options);
  numbered(list);
  options[0]?.setAttribute("tabindex", "0");
  return found.tracks.length;
};

export const strips = (main, people) => {
  const lists = [];
  const byNumber = new Map(people.identities.map((one) => [one.identity, one]));
  const toggles = [];
  for (const section of main.querySelectorAll(".person")) {
    const identity = Number(section.dataset.identity);
    const one = byNumber.get(identity);
    if (!one) continue;
    section.dataset.key = one.key;
    const toggle = button("Pick", () => selection.people([identity], !selection.identities.has(identity)), {
      "aria-pressed": "false",
      "aria-label": `Pick identity ${identity}`,
    });
    toggles.push([toggle, identity]);
    const tools = element("span", { class: "tools" }, toggle);
    const list = section.querySelector(".faces");
    if (list) {
      for (const face of [...list.querySelectorAll("img")]) {
        const { track, frame } = face.dataset;
        face.removeAttribute("title");
        const place = option("", track, frame, words(track, frame));
        face.replaceWith(place);
        face.alt = "";
        place.append(face);
      }
      numbered(list);
      lists.push([list, identity]);
      pickable(list, identity);
      const more = button(`All ${counted(one.tracks, "track")}`, async () => {
        await working(`identity ${identity}: its tracks`, async () => {
          const count = await allTracks(people, identity, list);
          more.remove();
          show();
          list.querySelector("[role=option]")?.focus();
          say(`identity ${identity}: ${counted(count, "track")}`);
        });
      }, { "aria-label": `All ${counted(one.tracks, "track")} of identity ${identity}` });
      if (one.tracks > 1) tools.append(more);
    }
    section.querySelector("h2, h3").after(tools);
  }
  const show = () => {
    for (const [list, identity] of lists) {
      const own = selection.owner === identity;
      for (const place of list.children) {
        place.setAttribute("aria-selected", String(own && selection.tracks.has(Number(place.dataset.track))));
      }
    }
    for (const [toggle, identity] of toggles) {
      toggle.setAttribute("aria-pressed", String(selection.identities.has(identity)));
    }
  };
  selection.addEventListener("change", show);
  return () => selection.removeEventListener("change", show);
};

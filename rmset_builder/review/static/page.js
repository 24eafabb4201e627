// The page of the present state in place of the one that is shown, without leaving it.
import { get, text } from "./api.js";

const key = (one) => one?.closest("[data-key]")?.dataset.key;

const find = (main, wanted) =>
  wanted ? [...main.querySelectorAll(".doubt, .person")].find((one) => one.dataset.key === wanted) : undefined;

// What is at the top of the window, by its key, and how far down: it shall stay there.
const top = (main) => {
  for (const one of main.querySelectorAll(".doubt[data-key], .person[data-key]")) {
    const { top: y, bottom } = one.getBoundingClientRect();
    if (bottom > 0) return { key: one.dataset.key, y };
  }
  return {};
};

// The identities of the video whose page is shown; both are of one moment.
export const people = async (main) => {
  const found = await get(`/api/videos/${main.dataset.video}`);
  return found.version === main.dataset.version ? found : undefined;
};

export const replaced = async (main) => {
  const fresh = new DOMParser().parseFromString(await text(location.pathname), "text/html");
  const made = fresh.getElementById("main");
  // A browser keeps pictures by their addresses, and these are others under the same.
  for (const image of made.querySelectorAll("img")) {
    image.setAttribute("src", `${image.getAttribute("src")}?${made.dataset.version ?? Date.now()}`);
  }
  const [held, focused] = [top(main), key(document.activeElement)];
  return () => {
    main.replaceChildren(...made.childNodes);
    Object.assign(main.dataset, made.dataset);
    dispatchEvent(new Event("replaced"));
    return () => {
      const anchor = find(main, held.key);
      if (anchor) scrollBy(0, anchor.getBoundingClientRect().top - held.y);
      const stop = find(main, focused)?.querySelector(".do-it, [role=option][tabindex='0'], button");
      (stop ?? main.querySelector(".wall [tabindex='0']"))?.focus({ preventScroll: true });
    };
  };
};

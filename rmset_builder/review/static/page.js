// The page of the present state in place of the one that is shown, without leaving it.
import { get, text } from "./api.js";
import { stopOf } from "./dom.js";
import { goTo } from "./picking.js";

const BLOCKS = ".doubt, .person";

const find = (main, among, key) => [...main.querySelectorAll(among)].find((one) => key && one.dataset.key === key);

// The finding or identity at the top of the window, by its key, and how far down it is: it shall stay there.
const top = (main) => {
  for (const one of main.querySelectorAll(BLOCKS)) {
    const { top: y, bottom } = one.getBoundingClientRect();
    if (bottom > 0) return y < innerHeight / 2 ? { key: one.dataset.key, y } : {};
  }
  return {};
};

// The identities of the video as the server has them now.
export const people = (main) => get(`/api/videos/${main.dataset.video}`);

// The page as it is now, and the identities that are on it: both of one moment.
export const present = async (main) => {
  for (let times = 0; times < 5; times += 1) {
    const fresh = new DOMParser().parseFromString(await text(location.pathname), "text/html").getElementById("main");
    const found = await people(main);
    if (found.version === fresh.dataset.version) return { fresh, found };
  }
  throw new Error("the video changes all the time: load the page again");
};

// Puts `fresh` in place of what `main` holds; call what it gives when all is there again.
export const replace = (main, fresh) => {
  // A browser keeps pictures by their addresses, and these are others under the same.
  for (const image of fresh.querySelectorAll("img")) {
    image.setAttribute("src", `${image.getAttribute("src")}?${fresh.dataset.version}`);
  }
  const held = { ...top(main), scrolled: scrollY };
  const focused = document.activeElement.closest("[data-key]")?.dataset.key;
  const onWall = document.activeElement.closest(".wall") !== null;
  main.replaceChildren(...fresh.childNodes);
  Object.assign(main.dataset, fresh.dataset);
  dispatchEvent(new Event("replaced"));
  return () => {
    const anchor = find(main, BLOCKS, held.key);
    scrollTo(0, anchor ? scrollY + anchor.getBoundingClientRect().top - held.y : held.scrolled);
    const again = onWall ? find(main, ".wall [role=option]", focused) : stopOf(find(main, BLOCKS, focused));
    const stop = again ?? main.querySelector(".wall [tabindex='0']");
    if (stop?.closest(".wall")) goTo(stop);
    else stop?.focus({ preventScroll: true });
  };
};

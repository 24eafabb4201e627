// Each finding can be mended by what it proposes, or found right as it is.
import { button, element, listed } from "./dom.js";
import { isSettled, settle } from "./settled.js";

const proposal = (asked) => {
  const tracks = asked.tracks ? `${asked.tracks.length > 1 ? "tracks" : "track"} ${listed(asked.tracks)} of ` : "";
  const people = asked.identities ? `identities ${listed(asked.identities)}` : `identity ${asked.identity}`;
  return { merge: `Merge ${people}`, split: `Split off ${tracks}${people}`, drop: `Drop ${people}` }[asked.kind];
};

const short = (words) => (words.length > 60 ? `${words.slice(0, 57)}…` : words);

// `mend(asked, article)` corrects; `told(words)` is told what was found right.
export const findings = (main, { mend, told }) => {
  for (const article of main.querySelectorAll(".doubt")) {
    if (!article.dataset.correction) continue;
    const asked = JSON.parse(article.dataset.correction);
    const { key } = article.dataset;
    const words = proposal(asked);
    const doIt = button(short(words), () => mend(asked, article), { class: "do-it", title: words });
    const right = button("", () => {
      const now = !isSettled(asked.video, key);
      settle(asked.video, key, now);
      show();
      const next = document.body.classList.contains("hide-settled") && now && nextOf(article);
      if (next) next.querySelector(".right").focus();
      told(now ? "found right as it is" : "to be looked at again");
    }, { class: "right" });
    const show = () => {
      const is = isSettled(asked.video, key);
      article.toggleAttribute("data-settled", is);
      right.textContent = is ? "Look at it again" : "That is right";
      right.setAttribute("aria-label", `${right.textContent}: ${words}`);
    };
    show();
    article.append(element("div", { class: "answers" }, doIt, right));
  }
};

const nextOf = (article) => {
  let next = article.nextElementSibling;
  while (next && (!next.matches(".doubt") || next.hasAttribute("data-settled"))) next = next.nextElementSibling;
  return next;
};

// On the list of all videos a finding gives way to what was done.
export const done = (article, words, undo) => {
  const back = button("Undo", undo);
  article.replaceChildren(element("p", {}, words, " ", back));
  article.removeAttribute("data-correction");
  back.focus();
};

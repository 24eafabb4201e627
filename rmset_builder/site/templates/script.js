"use strict";
// Once for each content: whoever replaces it says so.
const prepare = () => {
  // Words narrow the list of videos.
  const filter = document.getElementById("filter");
  if (filter) {
    const videos = [...document.querySelectorAll(".video")];
    const shown = document.getElementById("shown");
    const narrow = () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const video of videos) {
        video.hidden = !words.every((word) => video.dataset.words.includes(word));
        count += video.hidden ? 0 : 1;
      }
      shown.textContent = words.length ? `${count} of ${videos.length}` : "";
    };
    filter.closest("p").hidden = false;
    filter.addEventListener("input", narrow);
    narrow();
  }
  // A button beside each command copies it; where the browser lends no clipboard it is selected instead.
  for (const command of document.querySelectorAll(".command")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const code = command.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    command.append(button);
  }
};
prepare();
addEventListener("replaced", prepare);

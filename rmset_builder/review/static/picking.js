// A list of pictures of which several may be picked: by click, with Shift as a range, by drawing a frame around them,
// and by keys. There is one stop of the Tab key for the whole list; arrows go through it.
import { element } from "./dom.js";

const MOVED = 6; // pixels from which on a press is no click but the corner of a frame

const touches = (box, frame) =>
  box.left < frame.right && box.right > frame.left && box.top < frame.bottom && box.bottom > frame.top;

// The one stop of the Tab key, with the focus.
export const goTo = (option) => {
  for (const one of option.parentElement.querySelectorAll("[tabindex='0']")) one.setAttribute("tabindex", "-1");
  option.setAttribute("tabindex", "0");
  option.focus({ preventScroll: true });
};

export class Picking {
  // `picked(options, wanted)` is told which options are to be picked, or no more.
  constructor(list, label, picked) {
    this.list = list;
    this.picked = picked;
    this.from = null;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-multiselectable", "true");
    list.setAttribute("aria-label", label);
    list.addEventListener("click", (event) => this.clicked(event));
    list.addEventListener("keydown", (event) => this.pressed(event));
    list.addEventListener("pointerdown", (event) => this.framed(event));
    list.addEventListener("dragstart", (event) => event.preventDefault());
    list.firstElementChild?.setAttribute("tabindex", "0");
  }

  get options() {
    return [...this.list.querySelectorAll(":scope > [role=option]")].filter((one) => one.getClientRects().length);
  }

  range(option) {
    const options = this.options;
    const [a, b] = [options.indexOf(this.from), options.indexOf(option)];
    return a < 0 ? [option] : options.slice(Math.min(a, b), Math.max(a, b) + 1);
  }

  toggle(option) {
    this.from = option;
    this.picked([option], option.getAttribute("aria-selected") !== "true");
  }

  clicked(event) {
    const option = event.target.closest("[role=option]");
    if (!option || this.drawn) return;
    goTo(option);
    if (event.shiftKey) this.picked(this.range(option), true);
    else this.toggle(option);
  }

  pressed(event) {
    const option = event.target.closest("[role=option]");
    if (!option || event.altKey) return;
    if (event.key === " " || event.key === "Enter") {
      this.toggle(option);
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      this.picked(this.options, true);
    } else {
      const next = this.neighbour(option, event.key);
      if (!next) return;
      if (event.shiftKey) {
        this.from ??= option;
        this.picked(this.range(next), true);
      }
      goTo(next);
      next.scrollIntoView({ block: "nearest" });
    }
    event.preventDefault();
    event.stopPropagation();
  }

  neighbour(option, key) {
    const options = this.options;
    const place = options.indexOf(option);
    const beside = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: options.length - 1 }[key];
    if (beside !== undefined) return options[beside];
    if (key !== "ArrowDown" && key !== "ArrowUp") return undefined;
    const own = option.getBoundingClientRect();
    const below = key === "ArrowDown";
    const others = options.filter((one) => {
      const top = one.getBoundingClientRect().top;
      return below ? top > own.top + 1 : top < own.top - 1;
    });
    const far = (one) => {
      const box = one.getBoundingClientRect();
      return Math.abs(box.top - own.top) * 1e4 + Math.abs(box.left - own.left);
    };
    return others.sort((a, b) => far(a) - far(b))[0];
  }

  // A frame drawn with the mouse; fingers scroll.
  framed(down) {
    this.drawn = false;
    if (down.button !== 0 || down.pointerType === "touch") return;
    const frame = element("div", { class: "drawn" });
    const move = (event) => {
      const [x, y] = [event.clientX, event.clientY];
      if (!this.drawn && Math.hypot(x - down.clientX, y - down.clientY) < MOVED) return;
      if (!this.drawn) document.body.append(frame);
      this.drawn = true;
      frame.style.left = `${Math.min(x, down.clientX)}px`;
      frame.style.top = `${Math.min(y, down.clientY)}px`;
      frame.style.width = `${Math.abs(x - down.clientX)}px`;
      frame.style.height = `${Math.abs(y - down.clientY)}px`;
    };
    const up = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", up);
      removeEventListener("pointercancel", up);
      if (!this.drawn) return;
      const box = frame.getBoundingClientRect();
      frame.remove();
      this.picked(this.options.filter((one) => touches(one.getBoundingClientRect(), box)), true);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
    addEventListener("pointercancel", up);
  }
}

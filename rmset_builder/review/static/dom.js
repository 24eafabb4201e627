// Elements, made of text alone: no title of a video becomes markup.
export const element = (tag, attributes = {}, ...content) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") made.addEventListener("click", value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...content);
  return made;
};

export const button = (words, onclick, attributes = {}) =>
  element("button", { type: "button", onclick, ...attributes }, words);

// Where the keys stop in a finding or an identity.
export const stopOf = (block) =>
  block?.querySelector(".do-it") ?? block?.querySelector("[role=option][tabindex='0']") ?? block?.querySelector("button");

export const listed = (items) => {
  const words = [...items].map(String);
  const last = words.pop() ?? "";
  return words.length ? `${words.join(", ")} and ${last}` : last;
};

export const counted = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

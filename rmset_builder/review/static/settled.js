// What somebody has looked at and found right: kept in this browser, for each folder of shards and video.
// Known by keys of the faces, so that it holds whatever numbers people have.
const HIDE = "rmset-review hide settled";
let folder = "";

export const begin = (name) => {
  folder = name;
};

const place = (video) => `rmset-review settled ${folder} ${video}`;

const read = (video) => {
  try {
    const found = JSON.parse(localStorage.getItem(place(video)));
    return new Set(Array.isArray(found) ? found : []);
  } catch {
    return new Set();
  }
};

export const isSettled = (video, key) => read(video).has(key);

export const settle = (video, key, wanted) => {
  const keys = read(video);
  wanted ? keys.add(key) : keys.delete(key);
  localStorage.setItem(place(video), JSON.stringify([...keys]));
};

export const hides = () => localStorage.getItem(HIDE) === "yes";

export const hide = (wanted) => {
  localStorage.setItem(HIDE, wanted ? "yes" : "no");
  document.body.classList.toggle("hide-settled", wanted);
};

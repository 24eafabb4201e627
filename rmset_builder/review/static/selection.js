// What is picked: identities, tracks of one of them, and a frame: that of the face that was picked last, or as written.
class Selection extends EventTarget {
  identities = new Set();
  tracks = new Set();
  owner = null;
  frame = null;

  people(identities, wanted) {
    for (const one of identities) wanted ? this.identities.add(one) : this.identities.delete(one);
    this.changed();
  }

  faces(owner, tracks, wanted, frame) {
    if (owner !== this.owner) this.tracks.clear();
    this.owner = owner;
    for (const one of tracks) wanted ? this.tracks.add(one) : this.tracks.delete(one);
    if (!this.tracks.size) this.owner = null;
    if (wanted) this.frame = frame;
    this.changed();
  }

  // What was asked for is done; whatever was picked meanwhile stays picked.
  done({ kind, identities, identity }) {
    for (const one of identities ?? [identity]) this.identities.delete(one);
    if (kind === "split") this.tracks.clear();
    if (!this.tracks.size) this.owner = null;
    this.frame = null;
    this.changed();
  }

  // People have other numbers: each is known by its key. Tracks have others too, and by these nobody is known.
  renumber(before, after) {
    const now = new Map(after.map(({ key, identity }) => [key, identity]));
    const kept = before.filter(({ identity }) => this.identities.has(identity)).map(({ key }) => now.get(key));
    this.identities = new Set(kept.filter((one) => one !== undefined));
    this.tracks.clear();
    this.owner = null;
    this.changed();
  }

  clear() {
    this.identities.clear();
    this.tracks.clear();
    this.owner = this.frame = null;
    this.changed();
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}

export const selection = new Selection();

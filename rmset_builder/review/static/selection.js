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

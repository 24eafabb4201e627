"""Where the videos of a run are extracted, behind one interface."""

"""The stages that a video's windows pass, each with what goes in and what comes out: detect, link, encode."""

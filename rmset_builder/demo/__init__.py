"""A short reaction mashup to try everything on, composed out of the photo that insightface ships."""

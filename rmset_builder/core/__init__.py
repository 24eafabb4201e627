"""What every part of both packages may build on; it loads nothing heavy."""

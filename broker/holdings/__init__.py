"""What awards still hold: an award stays as published, and cuts say what it gave up since."""

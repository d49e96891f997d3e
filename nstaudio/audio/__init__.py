"""Audio as samples: files, channels, loudness, long recordings in segments."""

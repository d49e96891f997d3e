"""Methods measured on folders of clips, whose result may be known."""

"""Sound of scores by soundfonts: the stems that the transfer network is trained on."""

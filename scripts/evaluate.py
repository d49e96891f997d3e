"""Measure a method on a folder of clips whose result is known, beside four controls.

    python scripts/evaluate.py FOLDER
    python scripts/evaluate.py FOLDER experiment=mix
    python scripts/evaluate.py FOLDER alpha=0.1 n_steps=100 --out outputs/less_style --audio

The folder holds `NAME.content.flac`, `NAME.style.flac` and `NAME.target.flac` (or wav, ogg, ...):
the target is the content's notes played by the style's instruments. `scripts/render_triplets.py`
makes such folders of single instruments, `scripts/render_ensembles.py` of mixes. Without targets
the figures that need none are left: the judge's distance to the style and that of the pitch classes
to the content, both together as `transfer_distance`, the distance of timbre to the style and of
pitch to the content, the style loss under an encoder that took no part, the noise added, and how
much louder the unpitched sound has become. Settings are those of `scripts/run.py`.

The rows `content` and `style` are the two clips themselves as if they were results, `eq` is the
content with the style's long-term balance of bands. A method should beat all three, and the table
counts the items on which it does, and has the mean difference with its interval. More rows are
there on request: `--rows musaicing,ulyanov` for two published methods, which are slow, and any
preset by its name. `noise` is noise with the mel levels of the method's result: a
figure in which it is as good says nothing for the method.

The same as `nstaudio evaluate`.
"""

import sys

from nstaudio.experiments.commands.evaluate import main

if __name__ == "__main__":
    sys.exit(main())

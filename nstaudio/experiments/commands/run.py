"""`nstaudio run`, or plain `nstaudio`: settings and options as Hydra takes them."""

import signal
import sys

from nstaudio.experiments.commands import help_pages

_HELP = """\
usage: nstaudio [run] [GROUP=CHOICE ...] [SETTING=VALUE ...] [-m]

Make a recording with the content of one clip and the style of another. Without arguments it takes
the demo clips. Each run writes a folder of its own below outputs/, with a page to listen to.

  content.path=FILE           whose notes, rhythm and words stay: a file, a folder, or [A,B]
  style.path=FILE             whose sound is taken: a file, or several, [A,B]
  experiment=NAME             a preset: nstaudio presets lists them
  strength=0.5                from 0, the content, to 1, all style
  n_steps=N  n_seeds=N  seed=N  duration_s=SECONDS  output.format=wav|flac|ogg|mp3
  resume=FOLDER               go on with a run
  hydra.run.dir=FOLDER        where to write instead
  -m, --multirun              a sweep over values with commas: every combination
  --config-dir FOLDER         presets and parts of your own
  --cfg job                   the settings of this command line, without running

examples:
  nstaudio content.path=my.mp3 style.path=other.flac
  nstaudio run experiment=mix content.path=song.mp3 style.path=other.flac
  nstaudio -m content.path=my.mp3 strength=0.25,0.5,0.75
Every choice and setting: nstaudio settings. More: docs/settings.md."""


def main(argv: list[str]) -> int:
    """Run; returns the exit code."""
    if help_pages.is_asked_for(argv):
        print(_HELP)
        return 0
    # Until there is something to finish, Ctrl-C just ends the process, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from nstaudio.experiments import cli

    sys.argv[1:] = argv
    return cli.main()

"""The exit code of a subcommand: what the user can mend is one line, not a traceback."""

import sys
from collections.abc import Callable

from nstaudio.errors import InputError, one_line


def exit_code(work: Callable[[], int], *, config: str = "config") -> int:
    """Do the work of a subcommand.

    Args:
        work: returns the exit code.
        config: the name of the config that it composes, for what is said of settings.

    Returns:
        The work's own exit code; 2 where settings or files are unfit, said on stderr; 130 where it
        was interrupted, of which nothing is said: what was done until then is kept.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from nstaudio.experiments.explain import explain

    try:
        return work()
    except (HydraException, OmegaConfBaseException) as error:
        print(f"error: {explain(error, config)}", file=sys.stderr)
    except (InputError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 2

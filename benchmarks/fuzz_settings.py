"""The hostile settings of fuzz_inputs.py: case i of a seed is always the same."""

import numpy as np

CANARY = "executed-by-a-setting"
"""The file that a command in a setting would make."""

_KEYS = (
    *("strength", "alpha", "beta", "n_steps", "seed", "reference_loss", "log_every", "resume"),
    *("checkpoint", "checkpoint.interval_s", "checkpoint.keep", "checkpoint.more"),
    *(f"{w}_weights{layer}" for w in ("content", "style") for layer in ("", ".conv1", ".conv9")),
    *(
        f"{clip}{part}"
        for clip in ("content", "style")
        for part in ("", ".path", ".start_s", ".duration_s", ".channels")
    ),
    *(
        f"spectrogram{part}"
        for part in ("", *[".sr", ".n_fft", ".hop_length", ".n_mels", ".f_min_hz", ".f_max_hz"])
    ),
    *(f"spectrogram.{part}" for part in ("mel_scale", "mel_norm", "floor_db", "_target_")),
    *(f"encoder{part}" for part in ("", ".features", ".kernel_size", ".activation", "._target_")),
    *(f"parametrization{part}" for part in ("", ".sigma_s", ".sigma_mels", ".scale", "._target_")),
    *(f"parametrization.{part}" for part in ("boost_from_db", "boost_to_db", "noise_boost")),
    *(f"optimizer{part}" for part in ("", ".learning_rate", ".b1", ".eps", ".nesterov")),
    *(f"optimizer.{part}" for part in ("_target_", "_partial_", "_args_", "memory_size")),
    *(f"init{part}" for part in ("", ".noise_db", ".transcriber", "._target_", "._partial_")),
    *(f"init.attention{part}" for part in ("", ".heads", ".temperature", ".release_s")),
    *(f"inversion{part}" for part in ("", ".n_iter", ".momentum", ".start", "._target_")),
    *("content_loss", "content_loss.reduction", "content_loss._convert_", "style_loss"),
    *("encoder._partial_", "spectrogram._partial_", "style_loss._partial_"),
    *("style_loss._target_", "style_loss.more", "experiment", "hydra", "hydra.run.dir"),
    *("unknown", "unknown.key", "Alpha", "content-path", "", ".", "a..b", "_target_", "_group_"),
)
_GROUPS = (
    *("spectrogram=paper", "spectrogram=linear", "spectrogram=librosa", "parametrization=free_mel"),
    *("parametrization=smooth_mel", "parametrization=waveform", "encoder=infinite"),
    *(
        "optimizer=sgd",
        "optimizer=lbfgs",
        "init=note_attention",
        "init=frame_attention",
        "init=learned",
        "init=noisy_content",
    ),
    *("inversion=refined", "inversion=content_phase", "content_loss=sum", "experiment=paper"),
    *("experiment=descent", "experiment=timbre", "experiment=mix"),
    *("content=classical", "style=jazz"),
)
_VALUES = (
    *("0", "-0", "1", "-1", "2", "7", "1.5", "1e-9", "1e30", "1e308", "1e309", "-1e308", "5e-324"),
    *("nan", "inf", "-inf", "NaN", "2147483647", "2147483648", "4294967296", "1000000000000"),
    *("99999999999999999999999999", "9" * 400, "9" * 5000, "1" + "0" * 310, "0x10", "1_000", "1e5"),
    *("true", "false", "null", "", "''", '""', "'  '", "yes", "???", "abc", "'abc'"),
    *("[]", "[1]", "[1,2,3]", "[[1],[2]]", "[null]", "['a']", "[nan]", "[-1]", "[1.5]", "[1e30]"),
    *("[256,64]", "[9,9]", "[2147483648]", "[0]", "[true]", "[[[[]]]]", "[" + "9," * 500 + "9]"),
    *("{}", "{a:1}", "{a:{b:{c:null}}}", "{_target_:os.getcwd}", "{conv1:nan}", "{conv1:[1]}"),
    *("{path:a.wav}", "{path:null}", "{path:[]}", "{path:{}}", "{1:2}", "{null:1}", "{true:1}"),
    *("${oc.env:HOME}", "${oc.env:NO_SUCH}", "${alpha}", "${n_steps}", "${unknown}", "${clip:}"),
    *("${clip:../../../etc/passwd}", "${clip:[1,2]}", "${clip:null}", "${oc.decode:'[1,2'}"),
    *("${oc.create:{a:1}}", "${oc.dict.keys:content}", "${short:${alpha}}", "${clip_name:1}"),
    *("${oc.select:encoder}", "${content}", "${hydra:run.dir}", "${", "${}", "${.}", "${..alpha}"),
    *("ünï", "'ü\\nñ'", "'a\nb'", '"\x1b[31mred"', "a=b", "a,b", "'a,b'", "a b", "$(touch x)"),
    *("../../..", "/etc/passwd", "~", "~nobody-of-this-name", "\\", "\\,", "'", '"', "[", "]", "}"),
    *("choice(1,2)", "range(1,5)", "glob(*)", "interval(0,1)", "int('x')", "shuffle(1,2)"),
    *("\udcff", "\0", "\u202e", "x" * 5000, "relu", "softmax", "slaney", "random", "content"),
)
_TARGETS = (
    *("os.system", "os.getcwd", "os._exit", "os.abort", "builtins.exit", "builtins.eval"),
    *("builtins.print", "builtins.object", "builtins.dict", "builtins.open", "subprocess.run"),
    *("subprocess.Popen", "shutil.rmtree", "nstaudio.encoders.Conv1dEncoder", "nstaudio.losses"),
    *("nstaudio.losses.Gram", "nstaudio.no_such.Thing", "nstaudio.losses.NoSuch", "optax.sgd"),
    *("optax.adamw", "optax.no_such", "", ".", "1", "a b", "pickle.loads", "importlib.reload"),
    *("jax.numpy.zeros", "numpy.load", "sys.exit", "time.time", "posix.system", "nt.system"),
)
_TARGET_GROUPS = (
    *("spectrogram", "parametrization", "encoder", "content_loss", "style_loss", "optimizer"),
    *("init", "inversion", "init.attention"),
)
_COMMANDS = tuple(
    f"{group}={{_target_:{target},{arguments}}}"
    for group in ("++encoder", "encoder", "++content_weights", "++style_loss")
    for target, arguments in (
        ("os.system", f"command:'touch {CANARY}'"),
        ("os.popen", f"cmd:'touch {CANARY}'"),
        ("posix.system", f"command:'touch {CANARY}'"),
        ("subprocess.run", f"args:[touch,{CANARY}]"),
        ("subprocess.getoutput", f"cmd:'touch {CANARY}'"),
        ("builtins.open", f"file:{CANARY},mode:w"),
        ("builtins.exec", f"_args_:[\"open('{CANARY}','w')\"]"),
        ("builtins.eval", f"_args_:[\"open('{CANARY}','w')\"]"),
        ("pathlib.Path.touch", f"_args_:[{{_target_:pathlib.Path,_args_:[{CANARY}]}}]"),
        ("shutil.copy", f"src:/etc/hostname,dst:{CANARY}"),
        ("numpy.save", f"file:{CANARY},arr:[1]"),
        (
            "nstaudio.experiments.storage.file_writing.write_whole",
            f"file:{{_target_:pathlib.Path,_args_:[{CANARY}]}},data:x",
        ),
        ("os.mkfifo", f"path:{CANARY}"),
    )
)


def settings(seed: int, index: int) -> list[str]:
    """The command line of case `index`."""
    if index < len(_COMMANDS):
        return [_COMMANDS[index]]
    rng = np.random.default_rng([seed, index, 1])

    def pick(values: tuple[str, ...]) -> str:
        return values[rng.integers(len(values))]

    overrides = [pick(_GROUPS) for _ in range(rng.choice([0, 0, 1, 2]))]
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        prefix = pick(("", "", "", "+", "++", "++"))
        if rng.random() < 0.1:
            extra = pick(("", "", ",a:1", ",_partial_:true", ",_args_:[1]", ",_convert_:x"))
            overrides.append(
                f"++{pick(_TARGET_GROUPS)}={{_target_:{pick(_TARGETS) or 'null'}{extra}}}"
            )
        elif rng.random() < 0.1:
            overrides.append(f"++{pick(_TARGET_GROUPS)}._target_={pick(_TARGETS)}")
        elif rng.random() < 0.03:
            overrides.append(f"~{pick(_KEYS)}")
        elif rng.random() < 0.02:
            overrides.append(pick(_VALUES))
        else:
            overrides.append(f"{prefix}{pick(_KEYS)}={pick(_VALUES)}")
    return overrides

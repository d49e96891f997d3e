from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.audio.demo_clips import CLIPS_DIR
from nstaudio.encoders import InfiniteEncoder
from nstaudio.errors import InputError
from nstaudio.experiments import config, config_files, resume, schema
from nstaudio.experiments.storage import file_writing
from nstaudio.optimization import initializers, loop
from nstaudio.optimization.aims import Start
from nstaudio.optimization.fitting_start import FittingStart
from nstaudio.optimization.waveform import Waveform
from nstaudio.transfer import prepare, render
from nstaudio.transfer.settings import Settings

from helpers import ROOT

CONFIGS = ROOT / "configs"
OWN = ("hydra", "train")  # of other commands than a transfer
GROUPS = sorted(p.name for p in CONFIGS.iterdir() if p.is_dir() and p.name not in OWN)


def choices(group: str) -> list[str]:
    return sorted(p.stem for p in (CONFIGS / group).glob("*.yaml"))


@pytest.fixture(autouse=True)
def hydra():
    config_files.register_resolvers()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        yield


def build(*overrides: str) -> schema.RunSettings:
    return config.build(compose("config", list(overrides)))


def starts(settings: Settings) -> list:
    start = settings.init
    assert isinstance(start, FittingStart)
    return [start.mix, start.one_voice, start.unpitched, start.descent]


def same(a: Settings, b: Settings) -> None:
    assert a.spec == b.spec
    assert a.parametrization == b.parametrization
    assert a.encoder == b.encoder
    assert a.content_loss == b.content_loss
    assert a.style_loss == b.style_loss
    assert a.optimizer.transformation is b.optimizer.transformation
    assert a.optimizer.hyperparams == b.optimizer.hyperparams
    assert (a.segments, a.guide) == (b.segments, b.guide)
    for one, other in (*zip(starts(a), starts(b), strict=True), (a.inversion, b.inversion)):
        # a partial of the defaults on one side, the function itself on the other
        assert getattr(one, "func", one) is getattr(other, "func", other)
    for name in schema.NUMBERS:
        assert getattr(a, name) == getattr(b, name), name


def test_the_defaults_of_yaml_and_of_python_are_the_same():
    import inspect

    built = build()
    same(built.transfer, Settings())
    assert built.checkpoint == schema.CheckpointSettings()
    assert built.log_every == schema.RunSettings.log_every
    mix, *others = starts(built.transfer)
    for given in (*others, built.transfer.inversion):
        for name, value in given.keywords.items():  # type: ignore[attr-defined]
            assert inspect.signature(given.func).parameters[name].default == value  # type: ignore[attr-defined]
    aims = [settings.fitting_aim for settings in (built.transfer, Settings())]
    found_aims = [aim for aim in aims if isinstance(aim, Start)]
    parameters = inspect.signature(initializers.frame_attention).parameters
    defaults = {name: p.default for name, p in parameters.items() if p.default is not p.empty}
    found = [start.init for start in found_aims]
    levels = [*found, mix, starts(Settings())[0]]
    one, *rest = (defaults | start.keywords for start in levels)  # type: ignore[attr-defined]
    assert rest == [one, one, one]


def test_the_infinite_encoders_defaults_are_the_same():
    assert build("encoder=infinite").transfer.encoder == InfiniteEncoder()


@pytest.mark.parametrize("group", [g for g in GROUPS if g != "experiment"])
def test_every_choice_of_every_group_builds(group):
    # the aim of the default's style loss needs a content, and has no samples
    statistic = ["style_loss=gram"]
    needed = {
        "encoder": {
            **{name: [f"spectrogram={name}"] for name in ("aisfx", "learned", "musicnn")},
            "basic_pitch": ["spectrogram=basic_pitch", "representation=basic_pitch", *statistic],
        }
    }
    for name in choices(group):
        more = statistic if group in ("content", "representation") else []
        given = [f"{group}={name}", *more, *needed.get(group, {}).get(name, [])]
        assert isinstance(build(*given), schema.RunSettings)


def test_noise_has_nothing_to_follow():
    with pytest.raises(InputError, match="the aim follows a content"):
        build("content=none")


@pytest.mark.parametrize("preset", choices("experiment"))
def test_every_preset_composes(preset):
    assert isinstance(build(f"experiment={preset}"), schema.RunSettings)
    text = (CONFIGS / "experiment" / f"{preset}.yaml").read_text()
    assert f" experiment={preset}" in text, "each opens with its command"


@pytest.mark.slow
@pytest.mark.parametrize("preset", choices("experiment"))
def test_every_preset_runs_a_few_steps(preset, content, style):
    settings = build(f"experiment={preset}", "n_steps=3").transfer
    prepared = prepare.prepare(content, style, settings)
    items = list(
        loop.run(
            prepared.state,
            prepared.problem,
            objective=prepared.objective,
            transformation=settings.optimizer.transformation,
            n_steps=settings.n_steps,
            chunk=1,
        )
    )
    assert [int(state.step) for state, _ in items] == [0, 1, 2, 3]
    assert items[-1][1].total < items[0][1].total
    y = render.render(prepared, items[-1][0], settings)
    assert y.shape == content.shape


def test_the_paper_preset_is_the_papers():
    settings = build("experiment=paper").transfer
    assert settings.spec == MelSpec(n_fft=2048, hop_length=512, n_mels=128, mel_scale="paper")
    assert settings.n_steps == 20_000
    assert settings.optimizer.hyperparams["learning_rate"] == 0.01
    assert settings.init.func is initializers.content  # type: ignore[attr-defined]
    assert len(settings.layer_names) == 2


def test_overrides_reach_their_objects():
    settings = build(
        "spectrogram.n_mels=64",
        "encoder.features=[8,4,2]",
        "encoder.kernel_size=[3,5,7]",
        "optimizer=lbfgs",
        "parametrization=waveform",
        "optimizer.memory_size=3",
        "init=noisy_content",
        "init.noise_db=2",
        "inversion.n_iter=5",
        "style_weights.conv3=0.5",
        "content_weights.conv1=0",
        "alpha=1",
        "content.path=a b.wav",
        "content.start_s=1",
        "checkpoint.keep=7",
    )
    transfer = settings.transfer
    assert transfer.spec.n_mels == 64
    assert transfer.encoder.receptive_field == 13
    assert isinstance(transfer.parametrization, Waveform)
    assert transfer.init.keywords == {"noise_db": 2}  # type: ignore[attr-defined]
    assert transfer.inversion.keywords["n_iter"] == 5  # type: ignore[attr-defined]
    assert transfer.style_weights == {"conv3": 0.5}
    assert transfer.content_weights == {"conv1": 0}
    assert settings.content == schema.ClipSettings("a b.wav", 1, None)
    assert settings.checkpoint.keep == 7


def test_layers_of_any_encoder_have_weights():
    settings = build("encoder=multiwidth", "style_weights.width8=0.5").transfer
    assert settings.style_weights == {"width8": 0.5}
    assert settings.weights.style["width64"] == pytest.approx(1 / 6)
    with pytest.raises(InputError, match="layer in style_weights=conv1 is not one of: width2"):
        build("encoder=multiwidth", "style_weights.conv1=0.5")
    with pytest.raises(InputError, match=r"layer in content_weights=conv11 .*mean conv1\?"):
        build("content_weights.conv11=0.5")
    assert build("experiment=gatys", "style_weights.conv5=0.7").transfer.style_weights == {
        **{f"conv{i}": 0.2 for i in range(1, 5)},
        "conv5": 0.7,
    }
    assert build("style_weights.conv1=null").transfer.style_weights == {}


@pytest.mark.parametrize("role", ["content", "style"])
def test_a_clip_is_a_choice_of_both_roles(role):
    for name in ("jazz", "classical"):
        clip = getattr(build(f"{role}={name}"), role)
        assert clip.path == str(CLIPS_DIR / f"{name}.ogg")
        assert (clip.start_s, clip.duration_s) == (0.0, None)
    later = getattr(build(f"{role}=jazz", f"{role}.start_s=2", f"{role}.duration_s=3"), role)
    assert (later.start_s, later.duration_s) == (2, 3)


def test_seconds_of_the_result_are_the_contents_and_not_the_styles():
    settings = build("duration_s=2.5", "content=jazz", "style=jazz")
    assert (settings.content.duration_s, settings.style.duration_s) == (2.5, None)


def test_terms_of_a_loss_are_settings():
    settings = build(
        "content_loss=mean_onset_envelope",
        "content_loss.terms.activations.layers=[conv1,conv2]",
        "content_loss.terms.onset_envelope.layers=[input]",
        "content_loss.terms.onset_envelope.weight=2",
        "content_weights.input=0.5",
        "style_weights.input=0",
    ).transfer
    assert settings.layer_names == ("input", "conv1", "conv2")
    terms = dict(settings.content_loss.terms)  # type: ignore[attr-defined]
    assert terms["activations"].layers == ("conv1", "conv2")
    assert terms["onset_envelope"].weight == 2.0
    assert hash(settings.content_loss) == hash(settings.content_loss)
    with pytest.raises(InputError, match="layer in style_loss=inpt is not one of: input, conv1"):
        build("style_loss=mean_gram", "+style_loss.terms.mean.layers=[inpt]")
    with pytest.raises(InputError, match="style_loss: _target_=os.abort is not in nstaudio.losses"):
        build("style_loss=mean_gram", "style_loss.terms.mean.loss._target_=os.abort")


def test_a_style_of_several_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    overrides = ["style.path=[a.wav,sub/b.flac]", "style.start_s=1"]
    assert build(*overrides).style == schema.StyleSettings(["a.wav", "sub/b.flac"], 1, None)
    weighted = build(*overrides, "style.weights=[2,0.5]").style
    assert weighted == schema.StyleSettings(["a.wav", "sub/b.flac"], 1, None, [2, 0.5])
    cfg = compose("config", overrides)
    resume.save(cfg, tmp_path / "config.yaml")
    saved = resume.load(tmp_path / "config.yaml")
    assert saved.style.path == [str(tmp_path / "a.wav"), str(tmp_path / "sub" / "b.flac")]
    assert resume.resumed_config(cfg, saved, overrides, tmp_path).style == saved.style
    # the files may have moved: their content decides
    other = ["style.path=[a.wav,c.flac]"]
    merged = resume.resumed_config(compose("config", other), saved, other, tmp_path)
    assert merged.style.path == [str(tmp_path / "a.wav"), str(tmp_path / "c.flac")]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("n_steps=-5", "n_steps=-5 must be at least 0"),
        ("segments.length_s=0", "segments.length_s=0 must be above 0"),
        ("segments=3", "segments=3 is not a group of settings"),
        ("output.format=wma", "output.format=wma is not one of: wav, flac, ogg, mp3"),
        ("output.subtype=PCM_12", "output.subtype=PCM_12 is not one of"),
        ("output.channels=65", "output.channels=65 must be at most 64"),
        ("output.sr=10", "output.sr=10 must be at least 1000"),
        ("output.true_peak_db=nan", "output.true_peak_db=nan must be finite"),
        ("alpha=-1", "alpha=-1 must be at least 0"),
        ("n_seeds=0", "n_seeds=0 must be at least 1"),
        ("n_seeds=129", "n_seeds=129 must be at most 128"),
        ("n_seeds=2.5", "n_seeds must be a whole number, not 2.5"),
        ("optimizer.learning_rate=0", "optimizer.learning_rate=0 must be above 0"),
        ("n_steps=abc", "n_steps must be a whole number, not 'abc'"),
        ("n_steps=1.5", "n_steps must be a whole number, not 1.5"),
        ("n_steps=x", "n_steps must be a whole number, not .x."),
        ("alpha=x", "alpha must be a number, not 'x'"),
        ("strength=2", "strength=2 must be at most 1"),
        ("strength=x", "strength must be a number, not 'x'"),
        ("alpha=[1,2]", r"alpha must be a number, not \[1, 2\]"),
        ("log_every=0", "log_every=0 must be at least 1"),
        ("checkpoint.keep=0", "checkpoint.keep=0 must be at least 1"),
        ("checkpoint.interval_s=-1", "checkpoint.interval_s=-1 must be at least 0"),
        ("checkpoint=5", "checkpoint=5 is not a group of settings"),
        ("+alhpa=2", r"option=alhpa is not one of.*mean alpha\?"),
        ("+content.strat_s=2", r"option=content.strat_s is not.*mean content.start_s\?"),
        ("+encoder.depth=2", "encoder: .*depth"),
        ("+optimizer.beta1=2", r"option=optimizer.beta1 is not one of.*mean optimizer.b1\?"),
        ("+optimizer.learning_rate=-1", "optimizer.learning_rate=-1 must be above 0"),
        ("style.path=null", "style.path must name an audio file, not None"),
        ("style.path=[a.wav,3]", r"style.path must name an audio file, not \['a.wav', 3\]"),
        ("content.path=[a.wav,b.wav]", "is several contents, which are run one by one"),
        ("style.weights=3", "style.weights must be a list of numbers, not 3"),
        ("style.weights=[1]", "style.weights needs several files in style.path, not one"),
        ("+content.weights=[1]", "option=content.weights is not one of"),
        ("guide=5", "guide=5 is not a group of settings"),
        ("guide.start_s=x", "guide.start_s must be a number, not 'x'"),
        (
            "guide.strength_over_time=[[0,2]]",
            "share in guide.strength_over_time=2 must be at most 1",
        ),
        ("style_weights=3", "style_weights must be layer: weight pairs, not 3"),
        ("style_weights.conv9=3", "layer in style_weights=conv9 is not one of: input, conv1"),
        ("encoder.activation=rely", r"encoder.activation=rely .*mean relu\?"),
        ("encoder._target_=nowhere.At", "encoder: "),
        ("alpha=${nothing}", "nothing"),
    ],
)
def test_bad_values(override, message):
    if override.startswith("+optimizer.learning"):
        override = override[1:]
    with pytest.raises(InputError, match=message) as error:
        build(override)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("[1,2,3]", "style.weights has 3 numbers and style.path 2 files"),
        ("[1,-2]", "a number in style.weights=-2 must be at least 0"),
        ("[1,x]", "a number in style.weights must be a number, not 'x'"),
        ("[0,0]", "style.weights are all 0"),
    ],
)
def test_bad_weights_of_clips(weights, message):
    with pytest.raises(InputError, match=message):
        build("style.path=[a.wav,b.wav]", f"style.weights={weights}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my song.mp3", "my-song.mp3"),
        ("a/b\\c:d", "a-b-c-d"),
        ("../..", "unnamed"),
        ("naïve ünïcode 音楽", "naïve-ünïcode-音楽"),
        ("line\nbreak", "line-break"),
        ("x" * 100, "x" * 60),
        ("alpha=1,beta=2", "alpha=1,beta=2"),
    ],
)
def test_short_names_are_safe_file_names(text, expected):
    assert file_writing.short_name(text) == expected


def test_save_and_load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cfg = compose("config", ["content.path=sub/my.wav", "alpha=5"])
    resume.save(cfg, tmp_path / "config.yaml")
    loaded = resume.load(tmp_path / "config.yaml")
    assert loaded.alpha == 5
    assert loaded.content.path == str(tmp_path / "sub" / "my.wav")
    assert Path(loaded.style.path).is_file(), "the demo clip is found wherever the package is"
    assert "${clip:" in (tmp_path / "config.yaml").read_text()
    with pytest.raises(FileExistsError):
        resume.save(cfg, tmp_path / "config.yaml")


def test_what_a_saved_config_lacks_is_the_default(tmp_path):
    file = tmp_path / "config.yaml"
    now = compose("config", ["alpha=5", "segments.length_s=30"])
    resume.save(now, file)
    saved = OmegaConf.load(file)
    for key in ("duration_s", "guide", "segments.overlap_s", "style.weights"):
        group, _, name = key.rpartition(".")
        del (saved[group] if group else saved)[name]
    OmegaConf.save(saved, file)
    loaded = resume.load(file)
    assert OmegaConf.to_container(loaded, resolve=True) == OmegaConf.to_container(now, resolve=True)
    before = {k: v for k, v in resume.immutable_settings(now).items() if not k.startswith("guide")}
    assert resume.with_defaults(before) == resume.immutable_settings(now)


@pytest.mark.parametrize("text", ["", "a: [", "just text", "alpha: 1", "\x00"])
def test_load_refuses_what_is_no_runs_config(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(InputError) as error:
        resume.load(tmp_path / "config.yaml")
    assert len(str(error.value).splitlines()) == 1


def resumed(saved: list[str], now: list[str]):
    cfg = compose("config", ["resume=some/run", *now])
    run = Path("some/run")
    return resume.resumed_config(cfg, compose("config", saved), [f"resume={run}", *now], run)


def test_resuming_keeps_the_runs_settings_and_takes_more_steps():
    got = resumed(["alpha=5", "optimizer=sgd"], ["n_steps=999", "checkpoint.keep=9"])
    assert (got.alpha, got.n_steps, got.checkpoint.keep) == (5, 999, 9)
    assert got.optimizer._target_ == "optax.sgd"
    assert resumed(["alpha=5"], []).n_steps is None


def test_repeating_the_runs_own_settings_is_no_change():
    same = ["alpha=5", "optimizer=sgd", "content=classical", "experiment=descent"]
    assert OmegaConf.to_container(resumed(same, same)) == OmegaConf.to_container(
        compose("config", same)
    )


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (
            "alpha=6",
            "alpha=6 differs from the 5 of the run in some/run; .* only n_steps",
        ),
        ("optimizer=sgd", "optimizer=.*optax.sgd.* differs from"),
        ("experiment=paper", "spectrogram=.* differs from"),
        ("content=classical", "content=.* differs from"),
    ],
)
def test_resuming_refuses_other_settings(now, message):
    with pytest.raises(InputError, match=message) as error:
        resumed(["alpha=5"], [now])
    assert len(str(error.value).splitlines()) == 1


def test_the_config_is_not_changed_by_building():
    cfg = compose("config")
    before = OmegaConf.to_yaml(cfg)
    config.build(cfg)
    assert OmegaConf.to_yaml(cfg) == before


@pytest.mark.parametrize(
    ("group", "target"),
    [
        ("style_loss", "builtins.open"),
        ("init", "shutil.copy"),
        ("inversion", "nstaudio.experiments.storage.file_writing.write_whole"),
        ("optimizer", "os.abort"),
        ("encoder", "Conv1dEncoder"),
    ],
)
def test_only_parts_of_a_transfer_are_called(tmp_path, group, target):
    """A config may come from anyone."""
    file = tmp_path / "x"
    override = f"++{group}={{_target_:{target},file:'{file}',mode:w}}"
    with pytest.raises(InputError, match=f"{group}: _target_={target} is not in (nstaudio|optax)"):
        build(override)
    assert not file.exists()


@pytest.mark.parametrize("key", ["seed", "content", "encoder", "segments", "guide", "output"])
def test_a_config_without_a_key_is_refused(key):
    with pytest.raises(InputError, match=f"{key} is missing"):
        build(f"~{key}")


def test_output_channels_are_one_or_the_contents():
    three = schema.OutputSettings(channels=3)
    three.check(44100, 1)
    with pytest.raises(InputError, match=r"output\.channels=3 of a content of 2 channels"):
        three.check(44100, 2)

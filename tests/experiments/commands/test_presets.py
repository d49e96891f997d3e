from nstaudio.experiments.commands import help_pages, presets

from helpers import ROOT


def test_every_preset_has_a_line(capsys):
    assert presets.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = sorted(file.stem for file in (ROOT / "configs" / "experiment").glob("*.yaml"))
    assert [line.split()[0] for line in lines] == ["(none)", *names]
    assert max(map(len, lines)) <= help_pages.WIDTH
    assert lines[1 + names.index("descent")].split(maxsplit=1)[1] == (
        "16 s  a descent towards the default's levels; for seeing the optimisation work"
    )


def test_a_name_prints_the_yaml(capsys):
    assert presets.main(["descent", "mix"]) == 0
    texts = [(ROOT / "configs/experiment" / f"{n}.yaml").read_text() for n in ("descent", "mix")]
    assert capsys.readouterr().out == "\n".join(texts) + "\n"


def test_another_name_is_refused(capsys):
    assert presets.main(["descnt"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: preset=descnt is not one of")
    assert "(did you mean descent?)" in err

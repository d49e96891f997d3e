from nstaudio.experiments.commands import help_pages, presets

from helpers import ROOT


def test_every_preset_has_a_line(capsys):
    assert presets.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = sorted(file.stem for file in (ROOT / "configs" / "experiment").glob("*.yaml"))
    assert [line.split()[0] for line in lines] == ["(none)", *names]
    assert max(map(len, lines)) <= help_pages.WIDTH
    assert lines[1 + names.index("quick")].split(maxsplit=1)[1] == (
        "14 s  the default in fewer steps; for a first listen"
    )


def test_a_name_prints_the_yaml(capsys):
    assert presets.main(["quick", "mix"]) == 0
    texts = [(ROOT / "configs/experiment" / f"{n}.yaml").read_text() for n in ("quick", "mix")]
    assert capsys.readouterr().out == "\n".join(texts) + "\n"


def test_another_name_is_refused(capsys):
    assert presets.main(["quik"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: preset=quik is not one of")
    assert "(did you mean quick?)" in err

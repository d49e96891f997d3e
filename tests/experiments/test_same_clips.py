"""A recording as its own style."""

from small_runs import SMALL, only_run, summary

RATIOS = ("transfer_distance", "style_share", "unseen_style_share", "style_ratio")


def test_a_recording_as_its_own_style(command, tmp_path, clips):
    files = [f"{role}.path={clips['content']}" for role in ("content", "style")]
    code, err = command(*files, *SMALL, "n_steps=1", defaults=False)
    assert code == 0, err
    assert "content and style are the same recording: there is no style to transfer" in err
    run = only_run(tmp_path)
    figures = summary(run)
    assert {name: figures[name] for name in RATIOS} == dict.fromkeys(RATIOS)
    assert figures["style_loss_on_audio"] is not None
    page = (run / "report.html").read_text()
    for name in RATIOS:
        assert f'<tr><td>{name}</td><td class="number">none</td>' in page
    assert page.count("none here: there is nothing to compare with") == len(RATIOS)


def test_other_recordings_have_ratios(finished):
    assert all(summary(finished)[name] > 0 for name in RATIOS)

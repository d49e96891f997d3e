import pytest

from refresh_figures import main, refreshed

PAGE = """# Title

<!-- figures: cheap --one "a b" -->

| old |

<!-- end -->

Text.

<!-- figures, 2020-01-31: dear -->
old
<!-- end -->
"""


def test_regions_are_rewritten_and_nothing_else():
    asked = []

    def printed_by(command: str) -> str:
        asked.append(command)
        return {"dear": "plain\n"}.get(command, "| a |\n|---|\n")

    new = refreshed(PAGE, measure=False, today="2021-02-03", printed_by=printed_by)
    assert asked == ['cheap --one "a b"']
    assert new == PAGE.replace("| old |", "| a |\n|---|")
    assert refreshed(new, measure=False, today="2021-02-03", printed_by=printed_by) == new

    new = refreshed(PAGE, measure=True, today="2021-02-03", printed_by=printed_by)
    assert new.endswith(
        "<!-- figures, 2021-02-03: dear -->\n\n```text\nplain\n```\n\n<!-- end -->\n"
    )


def test_the_check_names_the_page(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("<!-- figures: python -c 'print(6 * 7)' -->\n41\n<!-- end -->\n")
    assert main(["--check", str(page)]) == 1
    assert f"{page}: python scripts/refresh_figures.py" in capsys.readouterr().err
    assert main([str(page)]) == 0
    assert "```text\n42\n```" in page.read_text()
    assert main(["--check", str(page)]) == 0


@pytest.mark.slow
def test_the_documentation_is_up_to_date():
    assert main(["--check"]) == 0

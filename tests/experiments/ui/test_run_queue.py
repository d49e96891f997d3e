"""The queue of runs, over HTTP, with a pretended command."""

import shlex

import pytest

from nstaudio.experiments.ui import run_queue

from small_ui import states, wait


@pytest.fixture
def start(client, asked):
    def send(**settings) -> str:
        answer = client.post("/api/queue", json={**asked, **settings})
        assert answer.status_code == 200, answer.text
        return answer.json()["job"]

    return send


def jobs(client) -> list[dict]:
    return client.get("/api/queue").json()["jobs"]


def test_a_second_run_waits_for_the_first(client, fake, start, outputs):
    start(seed=1)
    start(seed=2)
    wait(lambda: states(client) == ["running", "waiting"])
    folders = list(outputs.glob("2*/*"))
    assert len(folders) == 1
    assert folders[0].name.endswith("_my-song_as_other")
    fake()
    wait(lambda: states(client) == ["done", "done"])
    first, second = jobs(client)
    assert first["run"] != second["run"]
    typed = shlex.split(second["command"])
    assert (typed[0], typed[-1]) == ("nstaudio", "seed=2")
    assert not any("hydra" in one or "preview" in one for one in typed)


@pytest.fixture
def several(client, fake, upload, asked, outputs):
    """A job of three contents under way, each of which goes on until `go`."""
    contents = [upload(name=f"{i}.wav") for i in range(3)]
    answer = client.post("/api/queue", json={**asked, "content": contents})
    wait(lambda: any(outputs.glob("2*/*/0/config.yaml")))
    return answer.json()["job"]


def test_several_contents_are_one_job_and_a_run_each(client, fake, several, outputs):
    (job,) = jobs(client)
    assert (job["content"], job["place"]) == ("0.wav", [1, 3])
    assert job["run"].endswith("3-contents_as_other/0")
    fake()
    wait(lambda: states(client) == ["done"])
    (job,) = jobs(client)
    assert (job["content"], job["place"]) == ("2.wav", [3, 3])
    runs = client.get("/api/runs").json()["runs"]
    assert sorted(run["content"] for run in runs) == ["0", "1", "2"]
    for run in runs:
        assert (run["state"], "result" in run["has"]) == ("done", True)
        typed = shlex.split(run["command"])
        (path,) = (one for one in typed if one.startswith("content.path="))
        assert path.endswith(f"/{run['content']}.wav")


def test_several_contents_end_with_the_one_under_way(client, several, outputs):
    client.post(f"/api/queue/{several}/cancel")
    wait(lambda: states(client) == ["stopped"])
    (run,) = client.get("/api/runs").json()["runs"]
    assert (run["content"], run["state"]) == ("0", "stopped")


def test_a_cancelled_run_keeps_what_there_is(client, fake, start, outputs):
    id_ = start()
    wait(lambda: any(outputs.glob("2*/*/config.yaml")))
    assert client.post(f"/api/queue/{id_}/cancel").status_code == 200
    wait(lambda: states(client) == ["stopped"])
    (run,) = client.get("/api/runs").json()["runs"]
    assert (run["state"], "result" in run["has"]) == ("stopped", True)


def test_one_that_waits_never_begins(client, fake, start, outputs):
    start()
    id_ = start()
    assert client.post(f"/api/queue/{id_}/cancel").status_code == 200
    assert states(client)[1] == "cancelled"
    fake()
    wait(lambda: states(client) == ["done", "cancelled"])
    assert len(list(outputs.glob("2*/*"))) == 1
    assert client.delete(f"/api/queue/{id_}").status_code == 200
    assert states(client) == ["done"]


def test_a_run_that_is_refused_says_why_and_leaves_nothing(client, fake, start, outputs):
    (outputs / "refuse").touch()
    start()
    wait(lambda: states(client) == ["failed"])
    assert jobs(client)[0]["reason"] == "seed=1 is refused"
    assert not list(outputs.glob("2*/*"))


def test_a_run_that_breaks_says_what_it_said_last(client, monkeypatch, start):
    code = "import sys; sys.exit('Traceback' + chr(10) + 'KeyError: 1')"
    monkeypatch.setattr(run_queue, "_RUN", code)
    start()
    wait(lambda: states(client) == ["failed"])
    assert jobs(client)[0]["reason"] == "the command ended with code 1: KeyError: 1"


@pytest.mark.parametrize("path", ["/api/queue/9/cancel", "/api/queue/x/cancel"])
def test_there_is_no_such_run(client, path):
    assert client.post(path).json()["error"].startswith("there is no run")


def test_one_under_way_cannot_be_forgotten(client, fake, start):
    id_ = start()
    assert client.delete(f"/api/queue/{id_}").status_code == 400
    fake()


def test_so_many_wait_and_no_more(client, fake, asked, monkeypatch):
    monkeypatch.setattr(run_queue, "MAX_WAITING", 2)
    codes = [client.post("/api/queue", json=asked).status_code for _ in range(5)]
    assert codes[:2] == [200, 200]
    assert codes[-1] == 400
    fake()


@pytest.mark.parametrize(
    ("body", "type_", "line"),
    [
        (b"{}", "text/plain", "the request is not application/json"),
        (b"{", "application/json", "the request cannot be read"),
        (b"[" * 50_000, "application/json", "the request cannot be read"),
        (b" " * 70_000, "application/json", "the request is longer than"),
        (b'{"style": []}', "application/json", "content must be a list of clips"),
    ],
)
def test_a_request_that_is_none(client, body, type_, line):
    answer = client.post("/api/queue", content=body, headers={"content-type": type_})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(line)


def test_the_end_of_the_server_lets_the_run_finish(client, fake, start, outputs):
    start()
    wait(lambda: any(outputs.glob("2*/*/config.yaml")))
    client.__exit__()
    assert list(outputs.glob("2*/*/summary.json"))

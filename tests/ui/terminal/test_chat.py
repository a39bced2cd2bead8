"""`parley chat` with a prompt or a pipe: one answer on stdout, all else on stderr."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from assistant import sources
from assistant.catalogue import Catalogue
from assistant.errors import EngineFailed
from assistant.store import Store

FIELDS = ["text", "model", "engine", "prompt_tokens", "completion_tokens", "seconds", "time_to_first_token"]


def test_a_prompt_gets_one_answer(fake, parley):
    done = parley("chat", "hello there")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "You said: hello there\n", "")


def test_a_pipe_alone_is_the_prompt(fake, parley):
    assert parley("chat", input="from a pipe\n").stdout == "You said: from a pipe\n"


def test_a_piped_text_comes_after_the_prompt_in_a_frame(fake, parley):
    done = parley("chat", "What is this?", input="line 1\nline 2\n")
    assert done.stdout == "You said: What is this?\n\n<input>\nline 1\nline 2\n</input>\n"


def test_json_is_one_object_with_these_fields(fake, parley):
    fake("One two three.")
    done = parley("chat", "hi", "--json", "--max-tokens", "2")
    result = json.loads(done.stdout)
    assert list(result) == FIELDS
    assert result["text"] == "One two"
    assert (result["model"], result["engine"], result["completion_tokens"]) == ("smollm2-135m-instruct", "fake", 2)
    assert 0 <= result["time_to_first_token"] <= result["seconds"]


def test_control_characters_do_not_reach_the_terminal(fake, parley):
    fake("a \x1b[2J b\x9bm")
    assert parley("chat", "hi").stdout == "a ␛[2J b�m\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["chat", "hi", "--model", "smollm2-135m-instrct"], 2, "Did you mean smollm2-135m-instruct"),
        (["chat", "hi", "--temperature", "-1"], 2, "temperature must be between"),
        (["chat", "hi", "--preset", "pirate"], 2, "There are assistant"),
        (["chat", "hi", "--engine", "steam"], 2, "steam"),
        (["chat", "hi", "--resume", "abc"], 2, "No conversation abc"),
        (["chat", "hi", "--continue"], 2, "no conversation to continue"),
        (["chat", "hi", "--continue", "--no-save"], 2, "--no-save"),
        (["chat"], 2, "give a prompt"),
        (["chat", "hi", "--model", "qwen2.5-coder-0.5b-instruct"], 1, "parley models pull"),
        (["chat", "hi", "--file", "missing.txt"], 1, "missing.txt"),
    ],
)
def test_what_goes_wrong(fake, parley, words, code, said):
    done = parley(*words)
    assert done.exit_code == code
    assert said in done.stderr and done.stdout == ""


def test_binary_input_is_refused(fake, parley):
    done = parley("chat", "What is this?", input=b"\x7fELF\x00\x01\x02\xff" * 50)
    assert done.exit_code == 1 and "The piped text" in done.stderr and done.stdout == ""


def test_a_reply_that_breaks_off(fake, parley):
    def reply(_):
        raise EngineFailed("The runtime gave up.", hint="Try again.")

    fake(reply)
    done = parley("chat", "hi")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "parley: The runtime gave up.\nTry again.\n"


def test_the_conversation_is_kept_and_goes_on(fake, parley):
    parley("chat", "first", "--system", "Be brief.", "--temperature", "0.1")
    fake(lambda messages: " / ".join(f"{m.role}: {m.content}" for m in messages))
    done = parley("chat", "second", "--continue")
    assert done.stdout == "system: Be brief. / user: first / assistant: You said: first / user: second\n"
    (kept,) = Store().conversations()
    assert Store().get(kept.id).settings["sampling"] == {"temperature": 0.1}
    assert parley("chat", "third", "--resume", kept.id[:6]).exit_code == 0
    assert len(Store().get(kept.id).path()) == 6


def test_no_save_keeps_nothing(fake, parley):
    Store().set_preference("note", "Call me Ada.")
    fake(lambda messages: messages[0].content)
    done = parley("chat", "hi", "--no-save")
    assert done.exit_code == 0 and "Call me Ada." in done.stdout
    assert Store().conversations() == []


def test_a_file_goes_with_the_question(fake, parley, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("The meeting is on Friday.")
    done = parley("chat", "When?", "--file", str(notes))
    assert "Friday" in done.stdout and "notes.txt" in done.stdout


def test_no_model_here(models, parley):
    done = parley("chat", "hi")
    assert done.exit_code == 1 and "parley models pull smollm2-135m-instruct" in done.stderr


def test_streams_as_it_comes_and_stops_on_control_c(program):
    command, environment = program
    environment |= {"FAKE_SECONDS_PER_TOKEN": "0.05", "FAKE_REPLY": "word " * 1000}
    running = subprocess.Popen(
        [*command, "chat", "hi"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    assert running.stdout.read(20) == b"word word word word "
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert err == b"" and out.endswith(b"\n") and len(out) < 500
    (kept,) = Store().conversations()
    reply = Store().get(kept.id).path()[-1]
    assert reply.status == "stopped" and reply.content.startswith("word word")


def test_the_reader_of_the_pipe_leaves(program):
    command, environment = program
    environment |= {"FAKE_SECONDS_PER_TOKEN": "0.01", "FAKE_REPLY": "word " * 1000}
    running = subprocess.Popen(
        [*command, "chat", "hi"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    running.stdout.read(5)
    running.stdout.close()
    assert running.wait(20) == 141
    assert running.stderr.read() == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_said(program):
    command, environment = program
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*command, "chat", "hi"], env=environment, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 1
    assert b"cannot be written: No space left" in done.stderr and b"Traceback" not in done.stderr


def test_an_open_pipe_is_mentioned(program):
    command, environment = program
    running = subprocess.Popen(
        [*command, "chat", "hi"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert b"Waiting" in running.stderr.readline()
    out, _ = running.communicate(b"late text", timeout=20)
    assert b"late text" in out


@pytest.mark.model
def test_a_real_model_answers(parley):
    model = "smollm2-135m-instruct"
    if sources.locate(Catalogue.load()[model]) is None:
        pytest.skip(f"{model} is not here: `parley models pull {model}`")
    done = parley("chat", "What is the capital of France?", "--model", model, "--temperature", "0", "--json")
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    assert "Paris" in result["text"]
    assert (result["model"], result["engine"]) == (model, "llamacpp")
    assert result["prompt_tokens"] > 10 and result["completion_tokens"] > 1

"""The broker of one machine: no message is seen half-written, none is handed out twice."""

import multiprocessing
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection


@pytest.fixture
def channel(tmp_path):
    (tmp_path / "control").mkdir()
    options = {
        "data_folder_in": str(tmp_path),
        "data_folder_out": str(tmp_path),
        "control_folder": str(tmp_path / "control"),
    }
    connection = Connection(transport="ucdash.broker:Transport", transport_options=options)
    yield connection.channel()
    connection.release()


def test_messages_come_out_in_order_and_once(channel):
    for number in range(5):
        channel._put("celery", {"n": number})
    assert [channel._get("celery")["n"] for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(Empty):
        channel._get("celery")


def test_queues_do_not_see_each_others_messages(channel):
    channel._put("other.celery", {"n": 1})
    with pytest.raises(Empty):
        channel._get("celery")
    assert channel._get("other.celery") == {"n": 1}


def test_an_unfinished_message_is_not_seen(channel, tmp_path):
    Path(tmp_path, ".1_x.celery.msg.part").write_text("")
    with pytest.raises(Empty):
        channel._get("celery")


def test_nothing_is_left_behind(channel, tmp_path):
    channel._put("celery", {})
    channel._get("celery")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def _take_all(folder: str, taken, has_ended) -> None:
    options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder}
    with Connection(transport="ucdash.broker:Transport", transport_options=options) as connection:
        channel = connection.channel()
        while True:
            is_last_look = has_ended.is_set()
            try:
                taken.put(channel._get("celery")["n"])
            except Empty:
                if is_last_look:
                    return


def test_two_readers_and_a_writer_lose_and_double_nothing(channel, tmp_path):
    context = multiprocessing.get_context("spawn")
    taken, has_ended = context.Queue(), context.Event()
    arguments = (str(tmp_path), taken, has_ended)
    readers = [context.Process(target=_take_all, args=arguments) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(300):
        channel._put("celery", {"n": number, "padding": "x" * 5000})
    has_ended.set()
    numbers = [taken.get(timeout=30) for _ in range(300)]
    for reader in readers:
        reader.join(30)
    assert sorted(numbers) == list(range(300))

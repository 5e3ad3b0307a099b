"""Segments that wait: few and new ones where pictures go on, all of them where they can wait."""

import threading

from fusevad.deploy.watch.waiting import Segment, SegmentQueue


def segment(number: int) -> Segment:
    return Segment({}, 1, number, number + 1, number + 0.9)


def starts(queue: SegmentQueue) -> list[float]:
    found = []
    while (each := queue.get(0)) is not None:
        found.append(each.start)
    return found


def test_a_slow_scorer_gets_the_newest_and_the_others_are_counted():
    queue = SegmentQueue(drops=True)
    for number in range(10):
        queue.put(segment(number))
    assert (starts(queue), queue.dropped) == ([8, 9], 8)


def test_a_file_that_is_read_fast_waits_for_its_scorer():
    queue = SegmentQueue(drops=False)

    def read() -> None:
        for number in range(10):
            queue.put(segment(number))
        queue.close()

    thread = threading.Thread(target=read)
    thread.start()
    found = []
    while not queue.finished:
        found += [each.start for each in [queue.get(5)] if each is not None]
    thread.join(5)
    assert (found, queue.dropped) == (list(range(10)), 0)


def test_a_reader_that_waits_is_freed_at_the_end():
    queue = SegmentQueue(drops=False)
    thread = threading.Thread(target=lambda: [queue.put(segment(k)) for k in range(3)])
    thread.start()
    queue.close()
    thread.join(5)
    assert not thread.is_alive()


def test_nothing_comes_in_time():
    assert SegmentQueue(drops=True).get(0.01) is None

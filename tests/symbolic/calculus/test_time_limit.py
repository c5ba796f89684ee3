"""Computations that are interrupted where they run, and leave nothing behind."""

import gc
import threading
import time

from thermo_ideal.symbolic.calculus._time_limit import within


def forever():
    while True:
        pass


def about(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return 1


def stubborn():
    """Swallows the first interruption, as a bare except in a library would."""
    try:
        forever()
    except BaseException:
        forever()


def test_what_is_in_time():
    assert within(10.0, lambda: 7) == 7


def test_what_is_not():
    start = time.process_time()
    assert within(0.1, forever) is None
    assert within(0.1, stubborn) is None
    assert time.process_time() - start < 2


def test_callbacks_of_the_collector_are_not_interrupted():
    """What is raised there is reported, which fails this test, and lost."""
    busy = []

    def callback(phase, info):
        if threading.current_thread() is threading.main_thread():
            end = time.process_time() + 0.05
            while time.process_time() < end:
                busy.append(phase)

    def collect():
        while True:
            gc.collect()
            about(0.05)

    gc.callbacks.append(callback)
    try:
        assert within(0.02, collect) is None
    finally:
        gc.callbacks.remove(callback)
    assert busy


def test_errors_are_no_result():
    assert within(10.0, lambda: 1 // 0) is None


def test_nothing_arrives_later():
    """Computations that end at the deadline, and whose interruption may be on its way."""

    results = [within(0.02, lambda n=n: about(0.015 + n * 0.001)) for n in range(12)]
    assert set(results) <= {1, None}
    assert about(0.05) == 1


def test_other_threads_are_limited_too():
    results = []
    thread = threading.Thread(target=lambda: results.append(within(0.05, forever)))
    thread.start()
    thread.join()
    assert results == [None]

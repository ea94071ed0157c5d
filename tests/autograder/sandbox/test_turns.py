"""Turns: many side by side, or one alone."""

import threading

import pytest

from autograder.sandbox.turns import alone, side_by_side


def in_thread(turn, entered, leave):
    def work():
        with turn():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_two_are_side_by_side_and_who_wants_to_be_alone_waits_for_both():
    leave, entered = threading.Event(), [threading.Event() for _ in range(4)]
    first, second = (in_thread(side_by_side, entered[k], leave) for k in (0, 1))
    assert entered[0].wait(10) and entered[1].wait(10)
    leave_alone = threading.Event()
    third = in_thread(alone, entered[2], leave_alone)
    assert not entered[2].wait(0.1)
    leave.set()
    assert entered[2].wait(10)
    fourth = in_thread(side_by_side, entered[3], leave)
    assert not entered[3].wait(0.1)
    leave_alone.set()
    assert entered[3].wait(10)
    for thread in (first, second, third, fourth):
        thread.join(10)
        assert not thread.is_alive()


def test_who_waits_to_be_alone_goes_before_those_who_come_later():
    leave, begun, alone_began, late = threading.Event(), threading.Event(), threading.Event(), threading.Event()
    in_thread(side_by_side, begun, leave)
    assert begun.wait(10)
    last = threading.Event()
    in_thread(alone, alone_began, last)
    assert not alone_began.wait(0.1)
    in_thread(side_by_side, late, last)
    assert not late.wait(0.1)
    leave.set()
    assert alone_began.wait(10) and not late.is_set()
    last.set()
    assert late.wait(10)


def test_an_error_gives_the_turn_back():
    for turn in (side_by_side, alone):
        with pytest.raises(KeyError), turn():
            raise KeyError
        entered, leave = threading.Event(), threading.Event()
        next_one = in_thread(alone, entered, leave)
        assert entered.wait(10)
        leave.set()
        next_one.join(10)

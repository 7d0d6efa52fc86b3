"""Memory limits of the listener, and the pynetdicom internals on which they depend."""

import pynetdicom

from diagnosis.dicom.limits import BoundedBuffer, ReceiveBudget


def test_objects_received_at_the_same_time_share_a_budget() -> None:
    budget = ReceiveBudget(per_object=10, total=15)
    first, second = BoundedBuffer(budget), BoundedBuffer(budget)
    first.write(b"1234567890")
    second.write(b"123456")
    assert (first.overflowed, second.overflowed) == (False, True)
    first.release()
    third = BoundedBuffer(budget)
    third.write(b"1234567890")
    assert not third.overflowed
    del third  # its association ended
    fourth = BoundedBuffer(budget)
    fourth.write(b"12345678901")
    assert fourth.overflowed and fourth.getvalue() == b""
    assert budget.take(15)


def test_the_wrapped_internals_were_checked_in_this_version_of_pynetdicom() -> None:
    assert pynetdicom.__version__ == "3.0.4", (
        "pynetdicom has changed, and diagnosis/dicom/limits.py wraps its internals. Check in the new version that "
        "dul.py still reads a data unit by calling socket.recv(announced length), that "
        "dimse.py's receive_primitive() still creates self.message only where it is None and appends an object's bytes "
        "to self.message.data_set, which reaches C-STORE handlers as request.DataSet, and that finished messages wait "
        "in self.msg_queue. Then put the new version here. If pynetdicom has public limits by now, use those."
    )

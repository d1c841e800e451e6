import pytest

from streams.decode import Record
from streams.landing_batch import Lander
from tests.lander_bench import FRAMES, IDS, NOW, PLACES, RULES, Log, frame, lander, rows, rule, total
from warehouse.lake import Fenced, LakeTable


@pytest.fixture
def log():
    return Log()


def test_records_land_once_whatever_their_order_and_however_often(tmp_path, log):
    first = lander(tmp_path, log)
    first.land([frame(1), frame(0), frame(0), frame(0, partition=1), rule(0)])
    first.land([frame(1), frame(2)])
    again = lander(tmp_path, log)
    again.land([frame(0), frame(1), frame(2), frame(3), rule(0), rule(1)])
    assert rows(tmp_path) == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]
    assert total(tmp_path) == 25
    assert total(tmp_path, "registry_rules") == 2
    assert log.asked == []


def test_what_is_not_ours_is_left_alone(tmp_path, log):
    ours = lander(tmp_path, log)
    ours.land([frame(0, partition=5)])
    ours.drop()
    ours.land([frame(0)])
    assert rows(tmp_path) == []


def test_a_jump_is_read_again(tmp_path, log):
    log.records = [frame(i) for i in range(10)]
    ours = lander(tmp_path, log)
    ours.land([log.records[0]])
    ours.land([log.records[4], log.records[5], log.records[8]])
    assert rows(tmp_path) == [(0, i) for i in range(9)]
    assert total(tmp_path) == 45
    assert log.asked == [{(FRAMES, 0): (1, 8)}]


def test_what_came_before_a_jump_lands_too(tmp_path, log):
    log.records = [frame(i) for i in (0, 1, 3, 4, 6, 7)]
    ours = lander(tmp_path, log)
    ours.land([log.records[0], log.records[2], log.records[5]])
    ours.land([frame(8), frame(9)])
    assert rows(tmp_path) == [(0, i) for i in (0, 1, 3, 4, 6, 7, 8, 9)]


def test_the_first_record_of_a_new_lake_is_no_beginning(tmp_path, log):
    log.records = [frame(i) for i in range(4)]
    lander(tmp_path, log).land([frame(3)])
    assert rows(tmp_path) == [(0, i) for i in range(4)]


def test_a_natural_hole_is_no_loss(tmp_path, log):
    log.records = [rule(0), rule(5), rule(9)]  # compaction has eaten the rest
    ours = lander(tmp_path, log)
    ours.land([rule(0)])
    ours.land([rule(9)])
    assert rows(tmp_path, "registry_rules", '"offset"') == [(0,), (5,), (9,)]
    assert rows(tmp_path, "gaps") == []


def test_what_the_group_has_committed_but_the_lake_lacks_is_read_again(tmp_path, log):
    log.records = [frame(i) for i in range(6)]
    ours = lander(tmp_path, log, {(FRAMES, 0): 6, (FRAMES, 1): 0})
    assert ours.owes
    ours.land([])
    assert not ours.owes
    assert rows(tmp_path) == [(0, i) for i in range(6)]


def test_what_retention_has_eaten_becomes_one_gap_row(tmp_path, log):
    log.records, log.begins = [frame(i) for i in range(10)], 6
    ours = lander(tmp_path, log)
    ours.land([frame(8)])
    assert rows(tmp_path) == [(0, i) for i in (6, 7, 8)]
    assert rows(tmp_path, "gaps", 'topic, partition, "offset", last') == [(FRAMES, 0, 0, 5)]
    assert ours.done.lost == 6


def test_a_gap_met_again_after_a_kill_is_no_second_row(tmp_path, log):
    log.records, log.begins = [frame(i) for i in range(10)], 6

    def dies(name: str) -> LakeTable:
        if name == "readings" and LakeTable.open(tmp_path, "gaps").version:
            raise KeyboardInterrupt
        return LakeTable.open(tmp_path, name)

    ours = Lander(dies, Fenced, [].extend, log)
    ours.take([(FRAMES, 0)], IDS, {})
    ours._tables.clear()
    with pytest.raises(KeyboardInterrupt):
        ours.land([frame(8)])
    assert (total(tmp_path, "gaps"), rows(tmp_path)) == (1, [])
    lander(tmp_path, log).land([frame(8)])
    assert total(tmp_path, "gaps") == 1
    assert rows(tmp_path) == [(0, i) for i in (6, 7, 8)]


def test_a_frame_sent_twice_lands_once_and_its_offset_is_absorbed(tmp_path, log):
    ours = lander(tmp_path, log)
    ours.land([frame(0, "same"), frame(1, "same")])
    ours.land([frame(2, "same")])
    restarted = lander(tmp_path, log)
    restarted.land([frame(3, "same"), frame(4, "other")])
    assert rows(tmp_path) == [(0, 0), (0, 4)]
    assert LakeTable.open(tmp_path, "readings").landed(IDS[FRAMES], FRAMES) == {0: 4}
    assert restarted.done.doubles == 1


def test_a_frame_sent_again_after_two_days_is_another_frame(tmp_path, log):
    ours = lander(tmp_path, log)
    ours.land([frame(0, "same")])
    ours.land([frame(1, "later", at=NOW + 50 * 3_600_000_000)])
    restarted = lander(tmp_path, log)
    restarted.land([frame(2, "same", at=NOW + 50 * 3_600_000_000)])
    assert rows(tmp_path) == [(0, 0), (0, 1), (0, 2)]


def test_two_landers_of_one_partition_land_every_frame_once(tmp_path, log):
    frozen, owner = lander(tmp_path, log), lander(tmp_path, log)
    frozen.land([frame(0)])
    owner.land([frame(0), frame(1), frame(2)])
    frozen.land([frame(1), frame(2), frame(3)])
    owner.land([frame(3), frame(4)])
    assert rows(tmp_path) == [(0, i) for i in range(5)]
    assert total(tmp_path) == 25
    assert owner.done.fenced + frozen.done.fenced == 3


def test_a_rival_s_frames_are_known_after_being_fenced(tmp_path, log):
    frozen, owner = lander(tmp_path, log), lander(tmp_path, log)
    owner.land([frame(0, "a"), frame(1, "b")])
    frozen.land([frame(0, "a"), frame(1, "b"), frame(2, "b"), frame(3, "c")])
    assert rows(tmp_path) == [(0, 0), (0, 1), (0, 3)]


def test_refusals_are_safe_before_their_offset_is_committed(tmp_path, log):
    refused: list = []
    ours = lander(tmp_path, log, refused=refused)
    noise = Record(IDS["commands"], "commands", 0, 0, b"s", b"noise", (), NOW)
    ours.land([noise, frame(0)])
    assert [record for _, record in refused] == [noise]
    assert LakeTable.open(tmp_path, "commands").landed(IDS["commands"], "commands") == {0: 0}
    assert ours.done.refused == 1

    def broken(_):
        raise ConnectionError("no broker")

    other = Lander(lambda name: LakeTable.open(tmp_path, name), Fenced, broken, log)
    other.take(PLACES, IDS, {})
    with pytest.raises(ConnectionError):
        other.land([Record(IDS["commands"], "commands", 0, 1, b"s", b"noise", (), NOW)])
    assert LakeTable.open(tmp_path, "commands").landed(IDS["commands"], "commands") == {0: 0}


def test_a_new_log_starts_at_its_own_zero(tmp_path, log):
    lander(tmp_path, log).land([rule(0), rule(1)])
    anew = Lander(lambda name: LakeTable.open(tmp_path, name), Fenced, [].extend, log)
    anew.take(PLACES, {**IDS, RULES: "the broker was started anew"}, {})
    anew.land([Record("the broker was started anew", RULES, 0, 0, b"r", b"{}", (), NOW)])
    assert total(tmp_path, "registry_rules") == 3

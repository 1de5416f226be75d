"""A roll back by hand, told apart from a promotion of something new."""

from tests.cli.command import FakeWorld, deploy


def test_who_went_back_reads_so_in_history_status_and_explanation(world: FakeWorld) -> None:
    deploy("promote", "--to", "prod", "--yes", world=world)
    deploy("rollback", "prod", "--to", "aaaa", "--reason", "support tickets", world=world)

    newest, older = deploy("history", "prod", world=world).out.splitlines()[1:]
    assert "went back" in newest
    assert "went back" not in older
    assert "5 went back" in deploy("status", world=world).out
    explained = deploy("explain", "prod", world=world).out
    assert "went back to it after" in explained
    assert "what it replaced was marked bad: support tickets." in explained
    assert deploy("history", "prod", "--json", world=world).json["promotions"][0]["outcome"] == "promoted"


def test_a_reason_of_many_lines_takes_one_of_the_table_and_is_explained_whole(world: FakeWorld) -> None:
    deploy("promote", "--to", "prod", "--yes", world=world)
    deploy("rollback", "prod", "--to", "aaaa", "--reason", "support tickets\nand a line of a log", world=world)

    header, newest, older = deploy("history", "prod", world=world).out.splitlines()
    assert newest.endswith("support tickets …")
    assert newest.index("support") == header.index("WHY") == older.rindex("-")
    assert "support tickets\nand a line of a log" in deploy("explain", "prod", world=world).out

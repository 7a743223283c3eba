"""What a card keeps of the command that made it."""

import pytest

from ganprint.weights import Card, read_card
from ganprint.weights.records import without_folders
from ganprint.weights.store import shipped_folder


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("train --data /home/me/mine.csv --out runs/mine", "train --data mine.csv --out runs/mine"),
        ("train --data=/a/train.csv,/a/val.csv", "train --data=train.csv,val.csv"),
        ("train --data '/home/me/my photos/mine.csv'", "train --data mine.csv"),
        ("train --data '~/mine.csv' --set epochs=2", "train --data mine.csv --set epochs=2"),
        (r"train --data 'C:\Users\me\mine.csv'", "train --data mine.csv"),
        ("train --data zip://a/mine.csv::/home/me/all.zip", "train --data zip://a/mine.csv::all.zip"),
        ("attribute --weights /home/me/one,/home/me/two /home/me/a.png", "attribute --weights one,two a.png"),
        ("attribute /home/me/a=1,b/c.png", "attribute c.png"),
        ("train --data s3://bucket/mine.csv", "train --data s3://bucket/mine.csv"),
        ("compare --condition test_seen:none ../a.csv", "compare --condition test_seen:none ../a.csv"),
        ("train --set 'config={a: 1}'  --out x", "train --set 'config={a: 1}'  --out x"),
        ("not a 'command /home/me", "not a 'command /home/me"),
    ],
)
def test_a_command_has_no_folders_of_the_machine_it_ran_on(given: str, kept: str) -> None:
    for command in (given, kept):
        assert without_folders(f"ganprint {command}") == f"ganprint {kept}"


def test_a_card_and_its_results_keep_it_so() -> None:
    card = read_card(shipped_folder() / "prnu.mini").model_dump(mode="json")
    given = "ganprint train --data /home/me/mine.csv"
    for place in (card, card["calibration"], card["metrics"][0]):
        assert "command" in place
        place["command"] = given
    found = Card.model_validate(card)
    for command in (found.command, found.calibration.command, found.metrics[0].command):
        assert command == "ganprint train --data mine.csv"


def test_hashes_that_are_no_base64_are_refused() -> None:
    card = read_card(shipped_folder() / "prnu.mini").model_dump(mode="json")
    card["seen"]["train"]["images"] = "A"
    with pytest.raises(ValueError, match="base64"):
        Card.model_validate(card)

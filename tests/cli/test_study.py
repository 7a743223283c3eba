"""`study ablation` and `study semantics` train what is missing, go on where they were, and print their tables."""

import shutil

import pytest

from ganprint.evaluation.leaderboard import read_entries

TINY = (
    *("--preset", "mini", "--set", "view.size=32", "--set", "policy=none"),
    *("--set", "repmix:backbone_options.widths=[8,8,8,8]", "--set", "repmix:warmup_steps=0"),
    *("--set", "repmix:epochs=2", "--set", "repmix:batch_size=6", "--set", "repmix:ema=0"),
    *("--workers", "0"),
)
TINY_PRNU = ("--set", "prnu:levels=[1]", "--set", "prnu:sigmas=[20.0]")


def test_an_ablation_is_trained_within_its_budget_and_goes_on(inside, tiny_manifest, tmp_path) -> None:
    parts = ("--part", "without both", *TINY, "--out", tmp_path / "out", "--data", tiny_manifest)
    planned = inside("study", "ablation", *parts, "--dry-run", status=0)
    lines = ["2 trainings; 0 are there, 2 missing", "repmix-all", "repmix-without-both"]
    assert planned.stdout.splitlines() == lines
    none = inside("study", "ablation", *parts, "--budget", "0", status=1)
    assert "unfinished: repmix-all, repmix-without-both. Rerun the command to continue" in none.stderr
    done = inside("study", "ablation", *parts, "--markdown", status=0)
    assert "repmix-without-both (2 of 2): epoch 2/2" in done.stderr
    # What a kill before the first whole checkpoint leaves is no hindrance.
    torn = tmp_path / "out" / "trained" / "repmix-all"
    shutil.rmtree(torn)
    (torn / "checkpoints").mkdir(parents=True)
    assert inside("study", "ablation", *parts, "--markdown").stdout == done.stdout
    rows = [line.split(" | ")[0] for line in done.stdout.splitlines() if line.startswith("| ")]
    assert rows == ["| weights", "| all", "| without both"]
    again = inside("study", "ablation", *parts, "--markdown")
    assert again.stdout == done.stdout and "epoch" not in again.stderr
    other = inside("study", "ablation", *parts, "--set", "repmix:epochs=3")
    assert other.returncode == 2 and "another configuration, data, seed or precision" in other.stderr


def test_a_training_of_a_study_says_what_one_alone_would(inside, tiny_manifest, tmp_path) -> None:
    options = ("--part", "all", *TINY, "--set", "repmix:epochs=1", "--set", "repmix:learning_rate=1e-9")
    done = inside("study", "ablation", *options, "--out", tmp_path / "out", "--data", tiny_manifest, status=0)
    assert "repmix-all (1 of 1): These weights call every validation image" in done.stderr


def test_semantics_are_a_row_for_each_method_and_a_curve(inside, tiny_manifest, tmp_path) -> None:
    options = ("--method", "repmix,prnu", *TINY, *TINY_PRNU, "--data", tiny_manifest)
    figures = ("--figures", tmp_path / "figures", "--condition", "test_seen:none")
    done = inside("study", "semantics", *options, "--out", tmp_path / "out", "--markdown", *figures, status=0)
    title, *lines = done.stdout.splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert "attribution accuracy by the number of semantic classes trained on" in done.stdout
    assert title and table[0] == "| method | test_seen, none: 1 class / 2 classes |"
    assert [row.split(" | ")[0] for row in table[2:4]] == ["| repmix", "| prnu"]
    names = {entry.weights for entry in read_entries(tmp_path / "out")}
    assert names == {f"{method}-{n}-semantics" for method in ("repmix", "prnu") for n in (1, 2)}
    drawn = {file.name for file in (tmp_path / "figures").iterdir()}
    assert drawn >= {
        *("semantics-test_seen-none.png", "spectra-test_seen.png"),
        *("embedding-repmix-1-semantics-test_seen.png", "embedding-prnu-2-semantics-test_seen.png"),
    }


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("study", "ablation"), "Missing option '--out'"),
        (("study", "ablation", "--out", "o", "--method", "prnu"), "The paper of prnu has no ablation"),
        (("study", "ablation", "--out", "o", "--part", "rain"), "no part 'rain'"),
        (("study", "semantics", "--out", "o", "--count", "9"), "Trainings on 9 semantic classes"),
        (("study", "ablation", "--out", "o", "--set", "repmx:epochs=3"), "is for repmx, which is not trained"),
        (("study", "ablation", "--out", "o", "--condition", "nowhere:none"), "no split 'nowhere'"),
        (("compare", "--surrogate", "repmix.wild128", "--weights", "prnu.wild128"), "--surrogate needs an attack"),
        (("compare", "--epsilon", "3"), "need --adversarial"),
        (("compare", "--adversarial", "--weights", "prnu.wild128"), "only through weights with gradients"),
    ],
)
def test_what_cannot_be_trained_or_attacked_is_a_sentence(command, said, inside, tiny_manifest, tmp_path):
    done = inside(*command, "--data", tiny_manifest, cwd=tmp_path, status=2)
    assert said in " ".join(done.stderr.replace("│", " ").split())

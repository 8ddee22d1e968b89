"""What becomes of each line of a crontab; none is left out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.crontab.report import ImportedLine, Outcome
from chalicelib.core.loading import load, read
from chalicelib.core.resolving import resolve
from chalicelib.core.yaml_writing import write_yaml
from tests.unit.crontabs import imported

LOAD = "0 2 * * * /srv/load.sh\n"
KEY = "AKIA" + "ABCDEFGHIJKLMNOP"


def last(text: str | bytes, **members: Any) -> ImportedLine:
    return imported(text, **members).lines[-1]


def environment(line: ImportedLine) -> dict[str, str]:
    assert line.document is not None
    found: dict[str, str] = line.document["jobList"][0]["environment"]
    return found


def told(text: str | bytes, **members: Any) -> tuple[Outcome, str]:
    """What is said of the last line, in one text."""
    judged = last(text, **members).judged
    return judged.outcome, "; ".join(judged.remarks)


def test_a_line_becomes_a_schedule_that_does_as_cron_did() -> None:
    text = "# Nightly load\n30 2 * * mon-fri /srv/load.sh --all  \n"
    (document,) = imported(text, prefix="cron-").documents
    assert document == {
        "scheduleId": "cron-load-sh-28255d",
        "description": "Nightly load",
        "workingDirectory": "/home/ann",
        "triggers": [
            {
                "name": "crontab",
                "cron": "30 2 * * mon-fri",
                "timezone": "Europe/Berlin",
                "catchUp": "none",
                "overlap": "allow",
            }
        ],
        "jobList": [
            {
                "jobName": "load-sh",
                "command": "/srv/load.sh --all",
                "shell": True,
                "environment": {"PATH": "/usr/bin:/bin"},
            }
        ],
    }


def test_every_line_is_told_of_by_its_number() -> None:
    text = "\n# Load\nA=b\n" + LOAD + "@reboot x\nnonsense\n\n"
    lines = imported(text).lines
    assert [line.number for line in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert [line.text for line in lines] == text.splitlines()
    assert [line.judged.outcome for line in lines] == [
        Outcome.NOTHING,
        Outcome.NOTHING,
        Outcome.CARRIED,
        Outcome.CARRIED,
        Outcome.NOT,
        Outcome.NOT,
        Outcome.NOTHING,
    ]


def test_variables_hold_for_the_lines_after_them_only() -> None:
    found = imported("A=1\n0 1 * * * x\nA=2\nB='${A} 3'\n0 2 * * * y\n").lines
    assert environment(found[1]) == {"PATH": "/usr/bin:/bin", "A": "1"}
    assert environment(found[4]) == {"PATH": "/usr/bin:/bin", "A": "2", "B": "$${A} 3"}


def test_what_a_run_would_fill_in_reaches_the_command_as_it_was_written() -> None:
    line = last("B='${A} $${C}'\n0 2 * * * echo ${HOME} $$%${X}%\\%\n")
    assert line.document is not None
    schedule, _ = resolve(load(line.document), {})
    overrides = schedule.jobs[0].request["containerOverrides"]
    assert overrides["command"][-2:] == ["echo ${HOME} $$", "${X}\n%\n"]
    assert {"name": "B", "value": "${A} $${C}"} in overrides["environment"]


def test_shell_home_and_path_are_those_of_the_line() -> None:
    line = last("SHELL=/bin/bash\nHOME=/srv\nPATH=/opt/bin\n" + LOAD)
    assert line.document is not None
    assert line.document["workingDirectory"] == "/srv"
    assert line.document["jobList"][0]["command"] == ["/bin/bash", "-c", "/srv/load.sh"]
    shown = {"PATH": "/opt/bin", "SHELL": "/bin/bash", "HOME": "/srv"}
    assert environment(line) == shown


def zone_of(line: ImportedLine) -> str:
    assert line.document is not None
    return str(line.document["triggers"][0]["timezone"])


def test_cron_tz_says_whose_times_the_lines_after_it_have() -> None:
    found = imported(f"{LOAD}CRON_TZ=Asia/Tokyo\n{LOAD}CRON_TZ=\n{LOAD}")
    assert [zone_of(line) for line in found.lines if line.document] == [
        "Europe/Berlin",
        "Asia/Tokyo",
        "Europe/Berlin",
    ]
    assert "Times are those of Europe/Berlin, as on this machine; else say --timezone." in (
        found.notes
    )
    assert not any("Times are those" in n for n in imported(f"CRON_TZ=UTC\n{LOAD}").notes)


def test_a_time_zone_that_a_person_says_goes_before_cron_tz() -> None:
    text = f"CRON_TZ=Asia/Tokyo\n{LOAD}"
    found = imported(text, timezone="UTC", is_zone_told=True)
    assert zone_of(found.lines[1]) == "UTC"
    remark = "the times stay those of UTC, as --timezone says"
    assert (found.lines[0].judged.outcome, found.lines[0].judged.remarks) == (
        Outcome.APPROXIMATED,
        (remark,),
    )
    assert found.notes[0] == "Times are those of UTC."


def test_tz_is_for_commands_as_in_cron() -> None:
    found = imported(f"TZ=Asia/Tokyo\n{LOAD}").lines
    assert found[0].judged.outcome is Outcome.CARRIED
    assert zone_of(found[1]) == "Europe/Berlin"
    assert environment(found[1])["TZ"] == "Asia/Tokyo"


def test_times_in_a_zone_that_is_not_there_start_nothing() -> None:
    outcome, said = told(f"CRON_TZ=CET-1CEST\n{LOAD}")
    assert (outcome, said) == (Outcome.NOT, "the last CRON_TZ before it names no time zone")
    outcome, said = told("CRON_TZ=CET-1CEST\n")
    assert outcome is Outcome.NOT
    assert said.startswith('there is no time zone "CET-1CEST"')


@pytest.mark.parametrize(
    ("text", "outcome", "said"),
    [
        ("MAILTO=ann", Outcome.NOT, "nothing is mailed: `notify` tells people"),
        ("MAILFROM=cron", Outcome.NOT, "nothing is mailed"),
        ("CONTENT_TYPE=text/html", Outcome.NOT, "nothing is mailed"),
        ('MAILTO=""', Outcome.CARRIED, "nobody is mailed"),
        ("RANDOM_DELAY=5", Outcome.NOT, "`jitter`"),
        ("LOGNAME=bob", Outcome.NOTHING, "cron sets it itself"),
        ("USER=bob", Outcome.NOTHING, "cron sets it itself"),
        ("SHELL=bash", Outcome.NOT, "is no absolute path"),
        ("HOME=", Outcome.NOT, "is no absolute path"),
        ("A=\x1b[2J", Outcome.NOT, "a control character"),
        ("AWS_BATCH_X=1", Outcome.NOT, '"AWS_BATCH_X" is no name that a job\'s variable can have'),
        ('"A b"=1', Outcome.NOT, '"A b" is no name'),
        ("-n 1 2 3 4 x", Outcome.NOT, 'no minute "n"'),
        ("0 1 * * * -n x", Outcome.NOT, "an option of another cron"),
        ("@reboot x", Outcome.NOT, "no trigger fires at the start of a machine"),
        ("0~9 1 * * * x", Outcome.NOT, "picked at random"),
        ("-0 1 * * * x", Outcome.APPROXIMATED, "keeps it out of cron's log"),
        (f"0 1 * * * x {'y' * 9_000}\x01", Outcome.NOT, "has a control character"),
        (f"{'0,' * 200}0 1 * * * x", Outcome.NOT, "longer than 256 characters"),
        (b"0 1 * * * \xff", Outcome.NOT, "is not UTF-8"),
        (b"# \xff", Outcome.NOTHING, ""),
    ],
)  # fmt: skip
def test_a_line_that_is_not_carried_over_as_it_is_says_why(
    text: str | bytes, outcome: Outcome, said: str
) -> None:
    found = told(text)
    assert found[0] is outcome
    assert said in found[1]


def test_without_the_home_of_a_user_that_is_said_and_none_is_made_up() -> None:
    found = imported(LOAD, home="")
    assert "workingDirectory" not in found.documents[0]
    assert any("name a workingDirectory" in note for note in found.notes)
    assert not any("name a workingDirectory" in note for note in imported(LOAD).notes)


@pytest.mark.parametrize(
    ("text", "shown", "said"),
    [
        ("DB_PASSWORD=hunter2", "DB_PASSWORD=(hidden)", "the value of DB_PASSWORD"),
        ('"DB_PASSWORD" = "hunter 2"', "DB_PASSWORD=(hidden)", "the value of DB_PASSWORD"),
        (f"ID={KEY}", "ID=(hidden)", "what looks like an access key of AWS"),
        ("URL=https://ann:hunter2@example.com", "URL=(hidden)", "the password of a URL"),
        ("0 1 * * * PGPASSWORD=hunter2 x", "0 1 * * * (hidden)", "the value of PGPASSWORD"),
        ("0 1 * * * x --api-key hunter2", "0 1 * * * (hidden)", "the value of api-key"),
        ("PGPASSWORD=hunter2", "PGPASSWORD=(hidden)", "the value of PGPASSWORD"),
        (
            '@daily curl -H "Authorization: Bearer hunter2" https://x',
            "@daily (hidden)",
            "the value of Authorization",
        ),
        ("@daily curl -HX-Api-Key:hunter2 x", "@daily (hidden)", "the value of X-Api-Key"),
        ("@daily x --password=hunter2", "@daily (hidden)", "the value of password"),
        (f"0 1 * * * x {KEY}", "0 1 * * * (hidden)", "what looks like an access key of AWS"),
    ],
)
def test_a_secret_is_neither_kept_nor_shown(text: str, shown: str, said: str) -> None:
    line = last(text)
    assert line.text == shown
    assert line.judged.outcome is Outcome.NOT
    assert line.judged.remarks[0].startswith(said)
    assert line.document is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# DB_PASSWORD=hunter2", "# (hidden)"),
        ("nonsense --token hunter2", "(hidden)"),
        ('"DB_PASSWORD"="hunter2', "(hidden)"),
        (b"DB_PASSWORD=h\xfcnter2", "(hidden)"),
    ],
)
def test_a_secret_is_hidden_in_lines_that_start_nothing_too(text: str | bytes, shown: str) -> None:
    found = imported((text if isinstance(text, bytes) else text.encode()) + b"\n" + LOAD.encode())
    assert found.lines[0].text == shown
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        "0 1 * * * PGPASSWORD=$(cat ~/.pg) x",
        '0 1 * * * PGPASSWORD="$(cat ~/.pg)" x',
        "0 1 * * * PGPASSWORD=`cat ~/.pg` x",
        "0 1 * * * x --password-file /run/secrets/x",
        '0 1 * * * curl -H "Authorization: Bearer $TOKEN" https://x',
        '0 1 * * * curl -H "X-Api-Key: $(cat ~/.key)" https://x',
        "0 1 * * * curl https://$USER:$PW@example.com",
        "DB_PASSWORD_FILE=/run/secrets/db",
        "DB_PASSWORD=",
        '0 1 * * * [ "$TOKEN" = x ] && y ${TOKEN=x}',
    ],
)
def test_what_only_says_where_a_secret_is_is_carried_over(text: str) -> None:
    assert told(text)[0] is Outcome.CARRIED


def test_lines_after_a_variable_that_was_left_behind_say_so_until_it_is_set_again() -> None:
    text = f"TOKEN=a\nTOKEN=b\n{LOAD}TOKEN=\n{LOAD}"
    found = imported(text).lines
    assert found[2].judged.remarks == ("without TOKEN, which line 2 sets",)
    assert found[2].judged.outcome is Outcome.APPROXIMATED
    assert environment(found[2]) == {"PATH": "/usr/bin:/bin"}
    assert found[4].judged.outcome is Outcome.CARRIED


def test_of_the_system_the_lines_of_one_user_are_carried_over() -> None:
    text = "0 1 * * * ann x\n0 1 * * * root x\n"
    found = imported(text, is_system=True).lines
    assert found[0].judged.outcome is Outcome.CARRIED
    assert found[1].judged.remarks[0].startswith('runs as "root"')
    (root,) = imported(text, is_system=True, user="root").documents
    assert root["jobList"][0]["command"] == "x"


def test_what_clocks_do_otherwise_is_told_of_once_with_the_lines() -> None:
    text = "*/5 2 * * * x\n0 0-23 * * * y\n30 2 * * * z\n*/5 * * * * a\n"
    found = imported(text)
    assert [line.judged.outcome for line in found.lines] == [
        Outcome.APPROXIMATED,
        Outcome.APPROXIMATED,
        Outcome.CARRIED,
        Outcome.CARRIED,
    ]
    assert [note for note in found.notes if "clocks" in note] == [
        "Where clocks are changed, not as in cron: lines 1, 2. See docs/how-to/start-on-time.md."
    ]
    assert "not as in cron: line 1." in imported("*/5 2 * * * x\n").notes[-1]
    assert not any("clocks" in note for note in imported(text, timezone="UTC").notes)


def test_what_starts_nothing_needs_no_notes() -> None:
    assert imported("A=b\n").notes == ()
    assert imported("").lines == ()


@pytest.mark.parametrize(
    ("comment", "title"),
    [
        ("# Nightly load", "Nightly load"),
        ("# Load what came in over the night", "Load what came in over the night"),
        ("# Why\n# Nightly load", "Nightly load"),
        ("# Nightly load\n", ""),
        ("#0 1 * * * load", ""),
        ("#A=b", ""),
        ("#", ""),
        ("# # x", ""),
        ("# m h  dom mon dow   command", ""),
        ("# a\x1bb", ""),
        ("# PASSWORD=x", ""),
    ],
)
def test_the_comment_before_a_line_describes_it_unless_it_is_a_line_itself(
    comment: str, title: str
) -> None:
    found = imported(f"{comment}\n{LOAD}")
    assert found.documents[0].get("description", "") == title
    described = found.lines[-2].judged.remarks
    assert described == (("as the description of the next line's schedule",) if title else ())


def test_ids_begin_as_it_is_wished() -> None:
    assert last(LOAD, prefix="ann.").schedule_id.startswith("ann.load-sh-")
    assert last("A=b").schedule_id == ""


@pytest.mark.parametrize(
    "command",
    ["1e3", "1", "-0.5", "010", "true", "null", "~", "- a", "a: b", "# a", "'a", "é", "[", "a%b  "],
)
def test_a_document_is_written_so_that_it_reads_as_the_same(command: str) -> None:
    (document,) = imported(f"A={command}\n0 1 * * * {command}\n").documents
    assert read(write_yaml(document).encode()).text == load(document).text


SOME = st.lists(
    st.sampled_from(
        ["0 1 * * * ", "@daily ", "A=", "CRON_TZ=", "MAILTO=", "#", "SHELL=/", "x% y", " 1e3", "\t"]
    )
    | st.text(st.characters(codec="utf-8"), max_size=6),
    max_size=8,
).map("".join)


@given(st.lists(SOME, max_size=6).map("\n".join), st.booleans())
def test_whatever_the_crontab_all_lines_are_told_of_and_all_documents_are_good(
    text: str, is_system: bool
) -> None:
    found = imported(text, is_system=is_system)
    lines = text.removeprefix("\ufeff").split("\n")
    assert [line.number for line in found.lines] == list(range(1, len(lines) + (lines[-1] != "")))
    ids = [line.schedule_id for line in found.lines if line.document is not None]
    assert len(ids) == len(set(ids))
    for line in found.lines:
        assert line.judged.outcome in {Outcome.CARRIED, Outcome.NOTHING} or line.judged.remarks
        if line.document is not None:
            assert read(write_yaml(line.document).encode()).text == load(line.document).text

"""What a line of a crontab is, and how its command is given to a shell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.crontab.commands import job_fields, split_input
from chalicelib.core.crontab.identifying import ids_of, slug
from chalicelib.core.crontab.lines import (
    MAX_LINE,
    Comment,
    Entry,
    Line,
    Malformed,
    Nothing,
    Variable,
    lines_of,
    read_line,
)

DAILY = ("0", "2", "*", "*", "*")


def entry(command: str, *times: str, user: str = "", is_quiet: bool = False) -> Entry:
    return Entry(times=times or DAILY, user=user, command=command, is_quiet=is_quiet)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", Nothing()),
        (" \t ", Nothing()),
        ("# Nightly load", Comment("Nightly load")),
        ("  ## Nightly load ##", Comment("Nightly load ##")),
        ("A=b", Variable("A", "b")),
        ("  A  =  b c  ", Variable("A", "b c")),
        ("A=", Variable("A", "")),
        ('A=" b  "', Variable("A", " b  ")),
        ("A=' b \"c'  ", Variable("A", ' b "c')),
        ('"A b" = c', Variable("A b", "c")),
        ("'A'=c", Variable("A", "c")),
        ("A=b # c", Variable("A", "b # c")),
        ("A=b 'c'", Variable("A", "b 'c'")),
        ("A=$HOME/x=y", Variable("A", "$HOME/x=y")),
        ("0 2 * * * load", entry("load")),
        ("\t0  2\t* * *   load  x ", entry("load  x ")),
        ("0 2 * * * A=b load", entry("A=b load")),
        ("0 2 * * * load # not a comment", entry("load # not a comment")),
        ("-0 2 * * * load", entry("load", is_quiet=True)),
        ("@daily load", entry("load", "@daily")),
        ("@reboot A=b load", entry("A=b load", "@reboot")),
        ("x" * (MAX_LINE + 1), Malformed("is longer than 10,000 characters")),
        ('A="b', Malformed("is neither a variable nor five times and a command")),
        ('A="b" c', Malformed("is neither a variable nor five times and a command")),
        ("0 2 * * *", Malformed("is neither a variable nor five times and a command")),
        ("0 2 * * *  ", Malformed("is neither a variable nor five times and a command")),
        ("load", Malformed("is neither a variable nor five times and a command")),
        ("@daily", Malformed("is neither a variable nor one of @daily and its like and a command")),
    ],
)  # fmt: skip
def test_a_line_is_read_as_cron_reads_it(text: str, line: Line) -> None:
    assert read_line(text, is_system=False) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("0 2 * * * ann load x", entry("load x", user="ann")),
        ("@daily ann load", entry("load", "@daily", user="ann")),
        ("0 2 * * * ann", Malformed("is neither a variable nor five times, a user and a command")),
    ],
)
def test_a_line_of_the_system_has_a_user_before_its_command(text: str, line: Line) -> None:
    assert read_line(text, is_system=True) == line


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"\n", [("", True)]),
        (b"a\nb", [("a", True), ("b", True)]),
        (b"a\r\n\r\nb\n", [("a", True), ("", True), ("b", True)]),
        (b"\xef\xbb\xbfa\n", [("a", True)]),
        (b"a\x0bb\x85\n", [("a\x0bb\\x85", False)]),
        ("ä\u2028b\n".encode(), [("ä\u2028b", True)]),
    ],
)
def test_only_line_feeds_end_lines(content: bytes, lines: list[tuple[str, bool]]) -> None:
    assert list(lines_of(content)) == lines


@given(st.text())
def test_every_text_is_some_kind_of_line(text: str) -> None:
    for is_system in (False, True):
        assert read_line(text, is_system=is_system) is not None


def as_cron(text: str) -> tuple[str, str]:
    """What do_command.c of cron makes of a command: character by character, with its flags."""
    command, rest, escaped = "", None, False
    for index, sign in enumerate(text):
        if escaped:
            command = command[:-1] + sign if sign == "%" else command + sign
            escaped = False
        elif sign == "%":
            rest = text[index + 1 :]
            break
        else:
            escaped = sign == "\\"
            command += sign
    given, escaped, last = "", False, ""
    for sign in rest or "":
        if escaped and sign != "%":
            given += "\\"
        last = "\n" if sign == "%" and not escaped else sign
        escaped = last == "\\"
        given += "" if escaped else last
    given += "\\" if escaped else ""
    return command, given + "\n" if given and not given.endswith("\n") else given


@given(st.text("ab%\\\n ", max_size=12))
def test_percent_signs_mean_what_they_mean_to_cron(text: str) -> None:
    command, given = as_cron(text)
    found = split_input(text)
    assert found[1] == given
    assert found[0] == command or (not given and command.startswith(found[0]))
    assert found[0].rstrip() == command.rstrip()


@pytest.mark.parametrize(
    ("text", "command"),
    [("load x  ", "load x"), ("load x\\ ", "load x\\ "), ("load x\\  ", "load x\\  ")],
)
def test_blanks_at_the_end_go_unless_a_backslash_keeps_them(text: str, command: str) -> None:
    assert split_input(text) == (command, "")


@pytest.mark.parametrize(
    ("shell", "text", "fields"),
    [
        ("/bin/sh", "load x", {"command": "load x", "shell": True}),
        ("/bin/bash", "load x", {"command": ["/bin/bash", "-c", "load x"]}),
        ("/bin/sh", "echo ${HOME} $$", {"command": "echo $${HOME} $$", "shell": True}),
        ("/bin/sh", "%", {"command": ["/bin/sh", "-c", ""]}),
        (
            "/bin/bash",
            "load%${a}%b",
            {
                "command": [
                    "/bin/sh",
                    "-c",
                    'printf %s "$2" | "$0" -c "$1"',
                    "/bin/bash",
                    "load",
                    "$${a}\nb\n",
                ]
            },
        ),
    ],
)
def test_a_command_is_given_to_its_shell(shell: str, text: str, fields: dict[str, object]) -> None:
    assert job_fields(shell, text) == fields


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/srv/nightly/load.sh", "load-sh"),
        ("/srv/load.sh --all -v", "load-sh"),
        ("cd /srv/app && ./run.sh >> /var/log/x 2>&1", "cd-app-run-sh-x"),
        ("A=b python3 manage.py Clear_Sessions", "python3-manage-py-clear-sessions"),
        ("test -x /usr/sbin/anacron || run-parts /etc/cron.daily/", "test-anacron-run-parts"),
        ("mail root%Hello", "mail-root"),
        ("x" * 50, "x" * 32),
        (": || [ ]", "command"),
        ("été", "t"),
    ],
)
def test_an_id_reads_like_the_programs_and_files_of_the_command(command: str, name: str) -> None:
    assert slug(command) == name


@given(
    st.permutations([("a", "1"), ("a", "2"), ("a", "2"), ("a ", "3"), ("b", "1"), ("/x/a", "1")])
)
def test_ids_are_unique_and_the_same_in_any_order_of_the_lines(
    commands: list[tuple[str, str]],
) -> None:
    ids = ids_of(commands, "cron-")
    assert len(set(ids)) == len(ids)
    assert sorted(zip(commands, ids, strict=True)) == [
        (("/x/a", "1"), "cron-a-243795"),
        (("a", "1"), "cron-a-ca9781"),
        (("a", "2"), "cron-a-ca9781-2"),
        (("a", "2"), "cron-a-ca9781-3"),
        (("a ", "3"), "cron-a-ca9781-4"),
        (("b", "1"), "cron-b-3e23e8"),
    ]

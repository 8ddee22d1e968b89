#!/bin/sh
# What `make demo` shows: a schedule runs, fails, is explained, repaired and restarted.
# It works on a copy of this folder in a temporary directory of its own, which it removes.
set -eu

demo=$(mktemp -d "${TMPDIR:-/tmp}/batch-scheduler-demo.XXXXXX")
BATCH_SCHEDULER_STATE=$demo/state
BATCH_SCHEDULER_HOST_IDLE=0.2 # s; the host of the demo leaves as soon as it has nothing to do
export BATCH_SCHEDULER_STATE BATCH_SCHEDULER_HOST_IDLE
cp -R "$(dirname "$0")" "$demo/etl"
cd "$demo/etl"

leave() {
    batch-scheduler cancel --reason "the demo was left" >"$demo/end" 2>&1 || true
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        test -S "$BATCH_SCHEDULER_STATE/host.sock" || break
        sleep 0.2
    done
    cd /
    rm -rf "$demo"
}
trap leave EXIT
trap 'exit 130' INT TERM

if test -t 1; then bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
else bold='' dim='' plain=''; fi

say() { printf '\n%s# %s%s\n' "$dim" "$*" "$plain"; }

# Prints a command as it would be typed, then runs it.
type_and_run() {
    printf '%s$' "$bold"
    for word in "$@"; do
        case $word in
        *' '*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '%s\n' "$plain"
    "$@"
}

say "A schedule is a document. This one is examples/etl/etl.yaml: eleven jobs, a real ETL."
type_and_run batch-scheduler validate etl.yaml
type_and_run batch-scheduler graph etl.yaml

say "Run it. One job will fail: it needs rates that nobody has delivered yet."
code=0
type_and_run batch-scheduler run etl.yaml || code=$?
if test $code -ne 1; then
    echo "The run was to fail with exit code 1, and ended with $code." >&2
    exit 1
fi

say "What happened? The chain of causes, the last words of the job, what can be done."
type_and_run batch-scheduler explain
type_and_run batch-scheduler logs convert-to-euro

say "Repair it: deliver the rates. Then see what a restart would do, before it is done."
type_and_run cp rates.csv work/rates-2026-11-23.csv
type_and_run batch-scheduler restart --plan

say "Restart it: what has succeeded stays, only what is left runs."
type_and_run batch-scheduler restart --reason "the rates came late"

say "Everything that happened to the job is on record, with who and why; so is every run."
type_and_run batch-scheduler history --job convert-to-euro
type_and_run batch-scheduler runs
type_and_run cat work/report.txt

cat <<END

${bold}That was it.${plain} Where to go next:
  .venv/bin/batch-scheduler run examples/hello.yaml   three jobs, to change and run again
  .venv/bin/batch-scheduler --help                    all verbs; docs/verbs.md tells more
  docs/how-to/                                        restart a failed run, skip a job, ...
  docs/architecture.md                                how it works, and what it promises
END

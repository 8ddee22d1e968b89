#!/bin/sh
# The first act of `make demo`: a schedule runs, fails, is explained, repaired and restarted.
# It works on a copy of this folder in a temporary directory of its own, which it removes.
set -eu

# shellcheck source=examples/acting.sh
. "$(dirname "$0")/../acting.sh"
begin "$(dirname "$0")"

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

#!/bin/sh
# The second act of `make demo`: the morning load of a data warehouse, from a real FTP server.
# It works on a copy of this folder in a temporary directory of its own, which it removes.
set -eu

# shellcheck source=examples/acting.sh
. "$(dirname "$0")/../acting.sh"
begin "$(dirname "$0")"

mkdir -p lake/raw
say "The shop delivers a day's orders, and an FTP server of this machine has them."
type_and_run python3 make_delivery.py delivery 2026-11-23
(umask 077 && head -c 24 /dev/urandom | base64 >ftp-password)
python3 ftp_server.py delivery ftp-password ftp-port 2>ftp.log &
beside=$!
until test -s ftp-port; do
    kill -0 "$beside" || { cat ftp.log >&2; exit 1; }
    sleep 0.1
done
server=127.0.0.1:$(cat ftp-port)

say "The graph of the load: fetch, clean and convert side by side, sum, load."
type_and_run batch-scheduler graph edw.yaml

say "Run it. What one job finds out, the next is given: as many rows are loaded as were cleaned."
type_and_run batch-scheduler run edw.yaml --param ftp="$server" \
    --param ftpPassword=file:"$PWD/ftp-password"
type_and_run batch-scheduler logs LoadRedshift
type_and_run batch-scheduler history --job Cleanse

say "The same day again, and it is in the warehouse once: a load takes the place of itself."
type_and_run batch-scheduler start daily-edw-load --param ftp="$server" \
    --param ftpPassword=file:"$PWD/ftp-password"
type_and_run python3 ask_warehouse.py warehouse.duckdb

cat <<END

${bold}That was it.${plain} Where to go next:
  .venv/bin/batch-scheduler run examples/hello.yaml   three jobs, to change and run again
  .venv/bin/batch-scheduler --help                    all verbs; docs/verbs.md tells more
  examples/README.md                                  this act and more, each with a page
  docs/how-to/                                        restart a failed run, skip a job, ...
  docs/architecture.md                                how it works, and what it promises
END

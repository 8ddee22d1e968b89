# shellcheck shell=sh
# What the acts of `make demo` have in common; they source it, each with a folder of its own.

# Copies the folder of the act into a temporary directory of its own, and works there until the end.
begin() {
    demo=$(mktemp -d "${TMPDIR:-/tmp}/batch-scheduler-demo.XXXXXX")
    BATCH_SCHEDULER_STATE=$demo/state
    BATCH_SCHEDULER_HOST_IDLE=0.2 # s; the host of the demo leaves as soon as it has nothing to do
    export BATCH_SCHEDULER_STATE BATCH_SCHEDULER_HOST_IDLE
    trap leave EXIT
    trap 'exit 130' INT TERM
    cp -R "$1" "$demo/act"
    cd "$demo/act" || exit
    if test -t 1; then bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
    else bold='' dim='' plain=''; fi
}

leave() {
    if test -n "${beside:-}"; then kill "$beside" 2>/dev/null || true; fi
    batch-scheduler cancel --reason "the demo was left" >"$demo/end" 2>&1 || true
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        test -S "$BATCH_SCHEDULER_STATE/host.sock" || break
        sleep 0.2
    done
    cd /
    rm -rf "$demo"
}

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

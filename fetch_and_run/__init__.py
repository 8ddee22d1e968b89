"""batch-job: what a job runs as inside its container, or on one machine.

It fetches and runs scripts, claims the attempt before it does, tells the scheduler how far the job
is and what it found out, and drives work of other services as if it were the job itself.
Nothing here imports the scheduler: the two share the variables of `identity`, the form of `claims`
and the exit codes of `exits`.
"""

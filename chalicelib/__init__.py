"""The map of batch-scheduler.

errors     every error raised on purpose, drawn as a tree
core       DECIDES: statuses, documents, graphs, plans; pure, no clock, no I/O
ports      what the services ask of the world; for telling people: notice_ports; for what jobs
           tell: claim_ports; of it, what only reads: reading_ports
services   DOES: load (ports), decide (core), act (ports); one function a verb
local      ANSWERS on one machine: SQLite, the host process; and the honest fakes of the tests
aws        ANSWERS on AWS: DynamoDB, Batch, Step Functions, SNS, S3; alone in importing boto3
remote     ANSWERS over HTTP: a server elsewhere, asked by its routes
verbs      what people ask for, as Protocols; and how a store in reach does it
config     the only reader of the environment
bootstrap  settings in, wired ports out
api        HTTP in: the table of routes, and a Chalice Blueprint for each resource
serving    the local server: sockets in, what it keeps beside them
cli        the terminal

Reading order: core.lifecycle, core.run, core.readiness, core.planning, core.folding,
services.turn, services.dispatch, ports, local.host; on AWS app.py, services.steps,
services.driving, aws.submitting.
"""

"""Writes templates and all policies of a stage for the linters, with an example of an account."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cloudformation import rendering
from cloudformation.rendering import Place, Stage

_PLACE = Place("aws", "123456789012", "eu-central-1")
_OURS = f"{_PLACE.region}:{_PLACE.account}"
_GIVEN = {  # parameters that policies use
    "JobDataArns": ["arn:aws:s3:::example-data/daily/*"],
    "ScriptArns": ["arn:aws:s3:::example-code/jobs/*"],
    "TransferArns": ["arn:aws:s3:::example-data/received/*"],
    "GlueArns": [f"arn:aws:glue:{_OURS}:{each}" for each in ("job/load", "crawler/landing")],
    "LambdaArns": [f"arn:aws:lambda:{_OURS}:function:report"],
    "StateMachineArns": [
        f"arn:aws:states:{_OURS}:{each}" for each in ("stateMachine:load", "execution:load:*")
    ],
    "InstanceArns": [f"arn:aws:ec2:{_OURS}:instance/i-0123456789abcdef0"],
    "RedshiftArns": [
        f"arn:aws:redshift:{_OURS}:cluster:warehouse",
        f"arn:aws:redshift:{_OURS}:dbname:warehouse/sales",
        f"arn:aws:redshift:{_OURS}:dbuser:warehouse/loader",
        f"arn:aws:redshift-serverless:{_OURS}:workgroup/0f5a2b7c",
        f"arn:aws:secretsmanager:{_OURS}:secret:warehouse-a1b2c3",
    ],
    "SftpSecret": f"arn:aws:secretsmanager:{_OURS}:secret:partner-a1b2c3",
    "FtpSecret": f"arn:aws:ssm:{_OURS}:parameter/ftp",
    "HttpSecret": f"arn:aws:secretsmanager:{_OURS}:secret:api-a1b2c3",
}


def write_for_linters(stage: Stage, target: Path) -> None:
    """Write `companion.json`, `state.json`, `jobs.json`, `functions.json` and `policies/`."""
    (target / "policies").mkdir(parents=True, exist_ok=True)
    companion = rendering.companion()
    (target / "companion.json").write_text(rendering.body(companion), "utf-8")
    for path in (rendering.STATE_TEMPLATE, rendering.JOBS_TEMPLATE, rendering.FUNCTIONS_TEMPLATE):
        text = rendering.body(rendering.load(path))
        (target / path.with_suffix(".json").name).write_text(text, "utf-8")
    policies = rendering.policies(stage, _PLACE)
    for template in (companion, rendering.jobs()):
        policies |= dict(role_policies(template, stage))
    for name, policy in policies.items():
        (target / "policies" / f"{name}.json").write_text(json.dumps(policy, indent=2), "utf-8")


def role_policies(template: dict[str, Any], stage: Stage) -> Iterator[tuple[str, Any]]:
    """Each policy that the companion writes for a role, by its name, without functions in it."""
    names = {"Stage": stage.name, **_PLACE.names()}
    for name, resource in template["Resources"].items():
        own = resource.get("Properties", {})
        if resource["Type"] in {"AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy"}:
            yield name, _plain(own["PolicyDocument"], template, names)
        elif resource["Type"] == "AWS::IAM::Role":
            for policy in own.get("Policies", ()):
                title = f"{name}-{policy['PolicyName']}"
                yield title, _plain(policy["PolicyDocument"], template, names)


def _plain(value: Any, template: dict[str, Any], names: dict[str, str]) -> Any:
    match value:
        case {"Fn::Sub": str(text)}:
            return rendering.put_in(text, names)
        case {"Fn::GetAtt": [str(table), "Arn"]}:
            own = template["Resources"][table]["Properties"]["TableName"]
            arn = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/"
            return rendering.put_in(arn + own["Fn::Sub"], names)
        case {"Fn::If": [_, then, _]}:
            return _plain(then, template, names)
        case {"Ref": str(parameter)}:
            return _GIVEN[parameter]
        case dict():
            return {key: _plain(each, template, names) for key, each in value.items()}
        case _:
            is_list = isinstance(value, list)
            return [_plain(each, template, names) for each in value] if is_list else value

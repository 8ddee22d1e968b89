"""What is said of a stage is refused in one sentence before anything is touched."""

import json
from pathlib import Path

import pytest

from cloudformation.rendering import PROJECT
from cloudformation.stages import DeployError, read_stage


def written(directory: Path, text: str) -> Path:
    (directory / "dev.json").write_text(text)
    return directory


def refusal(directory: Path, parameters: object) -> str:
    with pytest.raises(DeployError) as refused:
        read_stage("dev", written(directory, json.dumps(parameters)))
    text = str(refused.value)
    assert "\n" not in text
    return text


def test_a_stage_without_a_file_has_the_templates_defaults(tmp_path: Path) -> None:
    assert read_stage("dev", tmp_path).parameters == {}


def test_a_stage_that_is_not_configured_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="no stage 'qa', only dev, prod: add it"):
        read_stage("qa", tmp_path)


def test_the_example_of_parameters_is_taken(tmp_path: Path) -> None:
    example = PROJECT / "cloudformation" / "parameters" / "example.json"
    stage = read_stage("dev", written(tmp_path, example.read_text()))
    assert stage.listed("JobDefinitions") == ["etl-*", "report"]


def test_values_are_handed_on_as_cloudformation_writes_them(tmp_path: Path) -> None:
    stage = read_stage("dev", written(tmp_path, '{"Ec2": true, "MaxVcpus": 8}'))
    assert stage.parameters == {"Ec2": "true", "MaxVcpus": "8"}


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"MaxVCPUs": 8}, "there is no parameter 'MaxVCPUs' in our templates"),
        ({"MaxVcpus": 0}, "MaxVcpus can't be '0'; 1 to 10000"),
        ({"MaxVcpus": "many"}, "MaxVcpus can't be 'many'; a whole number"),
        ({"LogRetentionDays": 31}, "LogRetentionDays can't be '31'; one of 1, 3, 5"),
        ({"Ec2": "yes"}, "Ec2 can't be 'yes'; one of true, false"),
        ({"NoticeEmail": "ada"}, "NoticeEmail can't be 'ada'; one e-mail address"),
        ({"JobDefinitions": "etl-*, *"}, "JobDefinitions can't be 'etl-*, *'; names of job"),
        (["MaxVcpus"], "must be an object, as example.json there is"),
        ({"SchedulesBucketName": "ours"}, "set BATCH_SCHEDULER_BUCKET of dev"),
    ],
)
def test_a_parameter_that_aws_would_refuse_is_refused_here(
    tmp_path: Path, parameters: object, told: str
) -> None:
    assert told in refusal(tmp_path, parameters)


def test_a_file_that_is_no_json_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"parameters/dev\.json is no JSON: .*line 1"):
        read_stage("dev", written(tmp_path, "{MaxVcpus: 1}"))


def test_a_bucket_that_the_functions_know_too_is_taken(tmp_path: Path) -> None:
    variables = {"BATCH_SCHEDULER_BUCKET": "ours"}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"stages": {"dev": {"environment_variables": variables}}}))
    stage = read_stage("dev", written(tmp_path, '{"SchedulesBucketName": "ours"}'), config)
    assert stage.names()["SchedulesBucket"] == "ours"

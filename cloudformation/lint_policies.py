"""Holds all policies of a stage to parliament and cloudsplaining. Run by `make lint-aws`.

Runs in the environment of the tools: their pins don't go together with ours.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import parliament  # type: ignore[import-not-found, unused-ignore]
import yaml
from cloudsplaining.scan.policy_document import (  # type: ignore[import-not-found, unused-ignore]
    PolicyDocument,
)

_EXCEPTIONS = Path(__file__).with_name("exceptions.yaml")


def parliament_findings(text: str) -> Iterator[str]:
    for finding in parliament.analyze_policy_string(text).findings:
        detail = finding.detail if isinstance(finding.detail, list) else []
        named = [item["action"] for item in detail if isinstance(item, dict) and "action" in item]
        yield " ".join([finding.issue, *named])


def cloudsplaining_findings(text: str) -> Iterator[str]:
    document = PolicyDocument(json.loads(text))
    for action in document.all_allowed_unrestricted_actions:
        yield f"unrestricted {action}"
    for escalation in document.allows_privilege_escalation:
        yield f"escalation {escalation['type']}"
    for action in document.permissions_management_without_constraints:
        yield f"permissions {action}"
    for action in document.allows_data_exfiltration_actions:
        yield f"exfiltration {action}"
    for action in document.credentials_exposure:
        yield f"credentials {action}"


def main(directory: Path) -> int:
    accepted = yaml.safe_load(_EXCEPTIONS.read_text("utf-8"))
    found: dict[str, dict[str, list[str]]] = {"parliament": {}, "cloudsplaining": {}}
    policies = sorted(directory.glob("*.json"))
    for path in policies:
        text = path.read_text("utf-8")
        for tool, look in (
            ("parliament", parliament_findings),
            ("cloudsplaining", cloudsplaining_findings),
        ):
            for finding in look(text):
                found[tool].setdefault(finding, []).append(path.stem)
    wrong = 0
    for tool, findings in found.items():
        for finding, where in findings.items():
            if finding not in accepted[tool]:
                wrong += 1
                sys.stdout.write(f"{tool}: {finding} in {', '.join(where)}\n")
        for line in accepted[tool].keys() - findings.keys():
            wrong += 1
            sys.stdout.write(f"{tool}: {line} is accepted, and was not found\n")
    sys.stdout.write(f"{len(policies)} policies, {wrong} findings that are not accepted\n")
    return 1 if wrong or not policies else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""Adds to the API that Chalice has deployed what Chalice has no words for.

Every deploy of Chalice's writes the whole API anew, so all of this is done after each; again it
changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.api.gateway import additions
from cloudformation.rendering import BURST, RATE, Place, Stage
from cloudformation.stages import DeployError

TAG = "BatchSchedulerStage"
_NAME = "batch-scheduler"  # of the app
_STAGE = "api"  # of the API, as Chalice calls it (Config.api_gateway_stage)


@dataclass(frozen=True, slots=True)
class Api:
    """One API of API Gateway, of one of our stages."""

    client: Any  # boto3's, of apigateway
    id: str

    def complete(self, stage: Stage, place: Place) -> None:
        """Let the gateway refuse what is no token and what is too much, and know whose the API is.

        Raises DeployError.
        """
        added = additions(stage.api)
        for name, definition in added.get("securityDefinitions", {}).items():
            self._validate(name, definition["x-amazon-apigateway-authorizer"])
        for kind, response in added["x-amazon-apigateway-gateway-responses"].items():
            self.client.put_gateway_response(restApiId=self.id, responseType=kind, **response)
        # What was changed is not seen before it is deployed.
        self.client.create_deployment(restApiId=self.id, stageName=_STAGE)
        self.client.update_stage(
            restApiId=self.id,
            stageName=_STAGE,
            patchOperations=[
                _replacing("*/*/throttling/rateLimit", str(RATE)),
                _replacing("*/*/throttling/burstLimit", str(BURST)),
            ],
        )
        own = f"/restapis/{self.id}/stages/{_STAGE}"
        arn = f"arn:{place.partition}:apigateway:{place.region}::{own}"
        self.client.tag_resource(resourceArn=arn, tags={TAG: stage.name})

    def _validate(self, name: str, members: Mapping[str, str]) -> None:
        """Set members of an authorizer."""
        listed = self.client.get_authorizers(restApiId=self.id, limit=500)["items"]
        found = [each["id"] for each in listed if each["name"] == name]
        if not found:
            raise DeployError(f"API {self.id} has no authorizer {name!r}: deploy it once more.")
        changes = [_replacing(member, value) for member, value in members.items()]
        self.client.update_authorizer(
            restApiId=self.id, authorizerId=found[0], patchOperations=changes
        )


def _replacing(member: str, value: str) -> dict[str, str]:
    return {"op": "replace", "path": f"/{member}", "value": value}


def apis_of(client: Any, stage: Stage) -> Iterator[str]:
    """The ids of all APIs that were made for the stage, from whatever directory."""
    for page in client.get_paginator("get_rest_apis").paginate():
        for api in page["items"]:
            # Those of all stages have the name of the app.
            if api["name"] != _NAME:
                continue
            made = client.get_stages(restApiId=api["id"])["item"]
            if any(each.get("tags", {}).get(TAG) == stage.name for each in made):
                yield api["id"]
